"""Weights of few bits that are packed in larger integers, by the names and shapes of their tensors.

An inference: no file states that its integers are packed weights. Bits and sizes come from the shapes of
the tensors next to them and from the configuration, where one is there.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from netinspect.records.checkpoint import Checkpoint, Entry, StoredTensor
from netinspect.records.checkpoint_header import PackedWeights

_BITS = (1, 2, 3, 4, 5, 6, 8)
_GROUPS = (64, 32, 128, 16, 256)
"""Weights that share a scale, the likelier first."""

_INTEGERS = {"int8": 8, "uint8": 8, "int16": 16, "int32": 32, "uint32": 32, "int64": 64}
_LARGEST = 1 << 62
_BLOCK_BYTES = 16
_STATE = ".quant_state."


class _Found(NamedTuple):
    method: str
    bits: int
    weights: int


class _Beside:
    """The tensors of a checkpoint by name, and what is known of them besides."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.tensors: Mapping[str, StoredTensor] = {each.name: each for each in checkpoint.tensors}
        self.described = {each.name: each for each in checkpoint.described}
        self.settings = _settings(checkpoint.metadata)
        self.states = {
            name: state.removeprefix("bitsandbytes__")
            for name, _, state in (each.partition(_STATE) for each in self.tensors)
            if state.removeprefix("bitsandbytes__") in ("nf4", "fp4")
        }
        """By the name of a weight how bitsandbytes states that it packed it."""

    def shape(self, name: str) -> tuple[int, ...]:
        """Return a shape; empty where there is no such tensor."""
        found = self.tensors.get(name)
        return () if found is None else found.shape

    def numbers(self, name: str) -> list[int]:
        """Return the values of a tensor that was read; empty where none was."""
        found = self.described.get(name)
        return _numbers(_parsed(found)) if found is not None else []


def find_packed(checkpoint: Checkpoint) -> tuple[PackedWeights, ...]:
    """Find packed weights, those of one method and width together; the largest first.

    Types that are packed by themselves, such as those of GGUF, have their true shapes and are not
    among them.
    """
    if checkpoint.format in ("GGUF", "ONNX", "npy", "npz"):
        return ()
    sums: dict[tuple[str, int], list[int]] = {}
    for found in _each(checkpoint):
        if 0 < found.weights < _LARGEST and found.bits in _BITS:
            each = sums.setdefault((found.method, found.bits), [0, 0])
            each[0] += found.weights
            each[1] += 1
    made = [
        PackedWeights(method=method, bits=bits, weights=weights, tensors=count)
        for (method, bits), (weights, count) in sums.items()
    ]
    return tuple(sorted(made, key=lambda each: (-each.weights, each.method, each.bits)))


def _each(checkpoint: Checkpoint) -> Iterator[_Found]:
    beside = _Beside(checkpoint)
    torchao = _torchao(checkpoint.metadata)
    for tensor in checkpoint.tensors:
        packed = _bitsandbytes(tensor, beside)
        if packed is not None:
            yield packed
        if packed is not None or tensor.dtype not in _INTEGERS:
            continue
        stem, _, last = tensor.name.rpartition(".")
        rule = _RULES.get(last)
        found = rule(tensor, stem, beside) if rule is not None else None
        if found is None and last.endswith("_blocks"):
            found = _blocks(tensor, tensor.name.removesuffix("_blocks"), beside)
        if found is None and torchao:
            found = _of_torchao(tensor, torchao)
        if found is not None:
            yield found


def _fit(tensor: StoredTensor, bits: int) -> int:
    """Return how many weights of so many bits a tensor has room for."""
    return tensor.bytes * 8 // bits


def _stated(shape: list[int], tensor: StoredTensor, bits: int) -> int:
    """Return the size of a stated shape; how many there is room for, where it does not fit in there."""
    room = _fit(tensor, bits)
    return min(math.prod(shape), room) if shape else room


# --- one rule for each last part of a name -------------------------------------------------------


def _qweight(tensor: StoredTensor, stem: str, beside: _Beside) -> _Found | None:
    """GPTQ packs along the inputs, AWQ along the outputs; scales are a row for each group of inputs."""
    scales, zeros = beside.shape(f"{stem}.scales"), beside.shape(f"{stem}.qzeros")
    if len(tensor.shape) != 2 or len(scales) != 2:
        return None
    width = _INTEGERS[tensor.dtype]
    rows, columns = tensor.shape
    inputs = beside.shape(f"{stem}.g_idx")
    if columns == scales[1]:
        bits = None
        if len(inputs) == 1 and inputs[0]:
            bits = _quotient(rows * width, inputs[0])
        if bits is None and len(zeros) == 2 and scales[1]:
            bits = _quotient(zeros[1] * width, scales[1])
        bits = bits or beside.settings.get("bits") or (4 if width == 32 else None)
        return None if bits is None else _Found("GPTQ", bits, _fit(tensor, bits))
    awq = _quotient(columns * width, scales[1])
    return _Found("AWQ", awq, rows * scales[1]) if awq is not None else None


def _bitsandbytes(tensor: StoredTensor, beside: _Beside) -> _Found | None:
    """4 bits in a tensor of any type, which `bnb_4bit_quant_storage` chooses."""
    kind = beside.states.get(tensor.name)
    if kind is None:
        return None
    told = _parsed(beside.described.get(f"{tensor.name}{_STATE}bitsandbytes__{kind}"))
    shape = _numbers(told.get("shape")) if isinstance(told, dict) else []
    return _Found(f"bitsandbytes {kind}", 4, _stated(shape, tensor, 4))


def _weight(tensor: StoredTensor, stem: str, beside: _Beside) -> _Found | None:
    """bitsandbytes, MLX and ModelOpt keep the name of the weight that they packed."""
    if tensor.dtype == "int8" and f"{stem}.SCB" in beside.tensors:
        return _Found("bitsandbytes int8", 8, tensor.elements)
    if tensor.dtype == "uint8" and f"{stem}.weight_scale_2" in beside.tensors:
        return _Found("NVFP4", 4, _fit(tensor, 4))
    scales = beside.tensors.get(f"{stem}.scales")
    if tensor.dtype != "uint32" or scales is None:
        return None
    if tensor.shape and scales.shape and scales.shape[:-1] == tensor.shape[:-1]:
        groups = scales.shape[-1]
        product = _quotient(tensor.shape[-1] * 32, groups, any_=True)
        if product is not None:
            has_biases = f"{stem}.biases" in beside.tensors
            bits = _bits_of(product, beside.settings, (64,) if has_biases else (32,))
            return None if bits is None else _Found("MLX", bits, _fit(tensor, bits))
    return None


def _weight_packed(tensor: StoredTensor, stem: str, beside: _Beside) -> _Found | None:
    """compressed-tensors; the true shape is a tensor next to it."""
    shape = beside.numbers(f"{stem}.weight_shape")
    width = _INTEGERS[tensor.dtype]
    if tensor.dtype == "uint8":
        return _Found("compressed-tensors", 4, _stated(shape, tensor, 4))
    bits = None
    if len(shape) == 2 and shape[1] and tensor.shape:
        bits = _quotient(tensor.shape[-1] * width, shape[1], round_up=True)
    scale = beside.shape(f"{stem}.weight_scale")
    if bits is None and len(scale) == 2 and scale[1] > 1 and tensor.shape:
        product = _quotient(tensor.shape[-1] * width, scale[1], any_=True)
        bits = _bits_of(product, beside.settings, (128,)) if product is not None else None
    bits = bits or beside.settings.get("bits", 4)
    return _Found("compressed-tensors", bits, _stated(shape, tensor, bits))


def _hqq(tensor: StoredTensor, stem: str, beside: _Beside) -> _Found | None:
    if not {f"{stem}.scale", f"{stem}.meta.scale", f"{stem}.zero"} & beside.tensors.keys():
        return None
    told = beside.numbers(f"{stem}.nbits")
    bits = told[0] if told else beside.settings.get("bits", 4)
    if bits not in _BITS or tensor.dtype not in ("uint8", "int32"):
        return None
    shape = beside.numbers(f"{stem}.shape")
    return _Found("HQQ", bits, _stated(shape, tensor, bits))


def _blocks(tensor: StoredTensor, stem: str, beside: _Beside) -> _Found | None:
    """MXFP4 as gpt-oss has it: 16 bytes of a block, and one byte of scale for each."""
    scales = beside.tensors.get(f"{stem}_scales")
    if tensor.dtype != "uint8" or tensor.shape[-1:] != (_BLOCK_BYTES,):
        return None
    if scales is None or scales.dtype not in ("uint8", "float8_e8m0fnu"):
        return None
    if scales.shape != tensor.shape[:-1]:
        return None
    return _Found("MXFP4", 4, _fit(tensor, 4))


_Rule = Callable[[StoredTensor, str, _Beside], _Found | None]
_RULES: dict[str, _Rule] = {
    "qweight": _qweight,
    "weight": _weight,
    "weight_packed": _weight_packed,
    "W_q": _hqq,
}


def _torchao(metadata: tuple[Entry, ...]) -> dict[str, str]:
    """Return the class of each tensor that torchao flattened, by the metadata of the file."""
    found = {}
    for entry in metadata:
        if entry.text.startswith("{") and '"_type"' in entry.text:
            told = _parsed(entry)
            kind = told.get("_type") if isinstance(told, dict) else None
            if isinstance(kind, str) and ("Int4" in kind or "FP4" in kind):
                found[entry.name] = kind
    return found


def _of_torchao(tensor: StoredTensor, classes: dict[str, str]) -> _Found | None:
    for tail in ("_qdata", ":qdata", ".qdata"):
        if tensor.name.endswith(tail):
            # The name has an underscore in it where it was flattened: `l._weight_qdata`.
            stem = tensor.name.removesuffix(tail)
            if {stem, stem.replace("._", ".")} & classes.keys():
                return _Found("torchao", 4, _fit(tensor, 4))
    return None


# --- numbers -------------------------------------------------------------------------------------


def _quotient(bits: int, weights: int, *, any_: bool = False, round_up: bool = False) -> int | None:
    """Return bits for each weight, where that is a width that there is, or any whole number."""
    if weights <= 0:
        return None
    found, rest = divmod(bits, weights)
    if rest and not round_up:
        return None
    return found if any_ or found in _BITS else None


def _bits_of(product: int, settings: dict[str, int], groups: tuple[int, ...]) -> int | None:
    """Return the bits of a weight, where those of a group of weights are known."""
    told = settings.get("bits")
    if told in _BITS and product % told == 0:
        group = product // told
        if settings.get("group_size", group) == group:
            return told
    for group in (*groups, *_GROUPS):
        bits = _quotient(product, group)
        if bits is not None:
            return bits
    return None


def _settings(metadata: tuple[Entry, ...]) -> dict[str, int]:
    """Return bits and group size of a configuration next to the weights, where it has some."""
    found: dict[str, int] = {}
    for entry in metadata:
        prefix, _, key = entry.name.rpartition(".")
        if prefix in ("quantize_config", "quant_config") and key in ("bits", "group_size", "w_bit"):
            value = _parsed(entry)
            if type(value) is int and value > 0:
                found["bits" if key == "w_bit" else key] = value
        elif entry.name in ("config.quantization_config", "config.quantization"):
            told = _parsed(entry)
            for name, key in (("bits", "bits"), ("group_size", "group_size"), ("w_bit", "bits")):
                if isinstance(told, dict) and type(told.get(name)) is int and told[name] > 0:
                    found[key] = told[name]
    return found


def _parsed(entry: Entry | None) -> Any:
    """Return what JSON states; None if it is none, or was cut."""
    try:
        return json.loads(entry.text) if entry is not None else None
    except (ValueError, RecursionError):
        return None


def _numbers(value: Any) -> list[int]:
    """Return sizes; empty where a value is none."""
    if isinstance(value, list) and all(type(each) is int and 0 <= each < _LARGEST for each in value):
        return value
    return []
