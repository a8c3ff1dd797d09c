"""Weights of few bits packed in larger integers, by the names and shapes of their tensors.

This is an inference, since no file states that its integers are packed weights. Bits and sizes come from
the shapes of neighboring tensors and from the configuration, if there is one.
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
"""Usual numbers of weights that share a scale, in order of preference."""

_INTEGERS = {"int8": 8, "uint8": 8, "int16": 16, "int32": 32, "uint32": 32, "int64": 64}
_LARGEST = 1 << 62
_BLOCK_BYTES = 16
_STATE = ".quant_state."


class _Found(NamedTuple):
    method: str
    bits: int
    weights: int


class _Neighbors:
    """The tensors of a checkpoint by name, with described values and settings of quantization."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.tensors: Mapping[str, StoredTensor] = {each.name: each for each in checkpoint.tensors}
        self.described = {each.name: each for each in checkpoint.described}
        self.settings = _settings(checkpoint.metadata)
        self.states = {
            name: state.removeprefix("bitsandbytes__")
            for name, _, state in (each.partition(_STATE) for each in self.tensors)
            if state.removeprefix("bitsandbytes__") in ("nf4", "fp4")
        }
        """Type of each weight that bitsandbytes packed, `nf4` or `fp4`, by the name of the weight."""

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of a tensor; empty if there is no such tensor."""
        found = self.tensors.get(name)
        return () if found is None else found.shape

    def numbers(self, name: str) -> list[int]:
        """Return the values of a described tensor; empty if it was not read."""
        found = self.described.get(name)
        return _numbers(_parsed(found)) if found is not None else []


def find_packed(checkpoint: Checkpoint) -> tuple[PackedWeights, ...]:
    """Return the packed weights by method and width, the most weights first.

    Packed dtypes, such as those of GGUF, have their true shapes and are not included.
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
    neighbors = _Neighbors(checkpoint)
    torchao = _torchao(checkpoint.metadata)
    for tensor in checkpoint.tensors:
        packed = _bitsandbytes(tensor, neighbors)
        if packed is not None:
            yield packed
        if packed is not None or tensor.dtype not in _INTEGERS:
            continue
        stem, _, last = tensor.name.rpartition(".")
        rule = _RULES.get(last)
        found = rule(tensor, stem, neighbors) if rule is not None else None
        if found is None and last.endswith("_blocks"):
            found = _blocks(tensor, tensor.name.removesuffix("_blocks"), neighbors)
        if found is None and torchao:
            found = _of_torchao(tensor, torchao)
        if found is not None:
            yield found


def _fit(tensor: StoredTensor, bits: int) -> int:
    """Return the number of weights of the given width that fit in a tensor."""
    return tensor.bytes * 8 // bits


def _declared_weights(shape: list[int], tensor: StoredTensor, bits: int) -> int:
    """Return the number of weights of a declared shape, limited to what fits in the tensor."""
    room = _fit(tensor, bits)
    return min(math.prod(shape), room) if shape else room


# --- one rule for each last part of a name -------------------------------------------------------


def _qweight(tensor: StoredTensor, stem: str, neighbors: _Neighbors) -> _Found | None:
    """GPTQ packs along the inputs, AWQ along the outputs; scales have a row for each group of inputs."""
    scales, zeros = neighbors.shape(f"{stem}.scales"), neighbors.shape(f"{stem}.qzeros")
    if len(tensor.shape) != 2 or len(scales) != 2:
        return None
    width = _INTEGERS[tensor.dtype]
    rows, columns = tensor.shape
    inputs = neighbors.shape(f"{stem}.g_idx")
    if columns == scales[1]:
        bits = None
        if len(inputs) == 1 and inputs[0]:
            bits = _quotient(rows * width, inputs[0])
        if bits is None and len(zeros) == 2 and scales[1]:
            bits = _quotient(zeros[1] * width, scales[1])
        bits = bits or neighbors.settings.get("bits") or (4 if width == 32 else None)
        return None if bits is None else _Found("GPTQ", bits, _fit(tensor, bits))
    awq = _quotient(columns * width, scales[1])
    return _Found("AWQ", awq, rows * scales[1]) if awq is not None else None


def _bitsandbytes(tensor: StoredTensor, neighbors: _Neighbors) -> _Found | None:
    """4 bits a weight in a tensor of any dtype, which `bnb_4bit_quant_storage` chooses."""
    kind = neighbors.states.get(tensor.name)
    if kind is None:
        return None
    state = _parsed(neighbors.described.get(f"{tensor.name}{_STATE}bitsandbytes__{kind}"))
    shape = _numbers(state.get("shape")) if isinstance(state, dict) else []
    return _Found(f"bitsandbytes {kind}", 4, _declared_weights(shape, tensor, 4))


def _weight(tensor: StoredTensor, stem: str, neighbors: _Neighbors) -> _Found | None:
    """bitsandbytes, MLX and ModelOpt do not rename the weights that they pack."""
    if tensor.dtype == "int8" and f"{stem}.SCB" in neighbors.tensors:
        return _Found("bitsandbytes int8", 8, tensor.elements)
    if tensor.dtype == "uint8" and f"{stem}.weight_scale_2" in neighbors.tensors:
        return _Found("NVFP4", 4, _fit(tensor, 4))
    scales = neighbors.tensors.get(f"{stem}.scales")
    if tensor.dtype != "uint32" or scales is None:
        return None
    if tensor.shape and scales.shape and scales.shape[:-1] == tensor.shape[:-1]:
        groups = scales.shape[-1]
        product = _quotient(tensor.shape[-1] * 32, groups, any_=True)
        if product is not None:
            has_biases = f"{stem}.biases" in neighbors.tensors
            bits = _bits_of(product, neighbors.settings, (64,) if has_biases else (32,))
            return None if bits is None else _Found("MLX", bits, _fit(tensor, bits))
    return None


def _weight_packed(tensor: StoredTensor, stem: str, neighbors: _Neighbors) -> _Found | None:
    """compressed-tensors saves the true shape as a tensor of its own."""
    shape = neighbors.numbers(f"{stem}.weight_shape")
    width = _INTEGERS[tensor.dtype]
    if tensor.dtype == "uint8":
        return _Found("compressed-tensors", 4, _declared_weights(shape, tensor, 4))
    bits = None
    if len(shape) == 2 and shape[1] and tensor.shape:
        bits = _quotient(tensor.shape[-1] * width, shape[1], round_up=True)
    scale = neighbors.shape(f"{stem}.weight_scale")
    if bits is None and len(scale) == 2 and scale[1] > 1 and tensor.shape:
        product = _quotient(tensor.shape[-1] * width, scale[1], any_=True)
        bits = _bits_of(product, neighbors.settings, (128,)) if product is not None else None
    bits = bits or neighbors.settings.get("bits", 4)
    return _Found("compressed-tensors", bits, _declared_weights(shape, tensor, bits))


def _hqq(tensor: StoredTensor, stem: str, neighbors: _Neighbors) -> _Found | None:
    if not {f"{stem}.scale", f"{stem}.meta.scale", f"{stem}.zero"} & neighbors.tensors.keys():
        return None
    widths = neighbors.numbers(f"{stem}.nbits")
    bits = widths[0] if widths else neighbors.settings.get("bits", 4)
    if bits not in _BITS or tensor.dtype not in ("uint8", "int32"):
        return None
    shape = neighbors.numbers(f"{stem}.shape")
    return _Found("HQQ", bits, _declared_weights(shape, tensor, bits))


def _blocks(tensor: StoredTensor, stem: str, neighbors: _Neighbors) -> _Found | None:
    """MXFP4 as in gpt-oss: blocks of 16 bytes, with a scale of one byte for each."""
    scales = neighbors.tensors.get(f"{stem}_scales")
    if tensor.dtype != "uint8" or tensor.shape[-1:] != (_BLOCK_BYTES,):
        return None
    if scales is None or scales.dtype not in ("uint8", "float8_e8m0fnu"):
        return None
    if scales.shape != tensor.shape[:-1]:
        return None
    return _Found("MXFP4", 4, _fit(tensor, 4))


_Rule = Callable[[StoredTensor, str, _Neighbors], _Found | None]
_RULES: dict[str, _Rule] = {
    "qweight": _qweight,
    "weight": _weight,
    "weight_packed": _weight_packed,
    "W_q": _hqq,
}


def _torchao(metadata: tuple[Entry, ...]) -> dict[str, str]:
    """Return the class of each tensor that torchao flattened, by its name in the metadata."""
    found = {}
    for entry in metadata:
        if entry.text.startswith("{") and '"_type"' in entry.text:
            values = _parsed(entry)
            kind = values.get("_type") if isinstance(values, dict) else None
            if isinstance(kind, str) and ("Int4" in kind or "FP4" in kind):
                found[entry.name] = kind
    return found


def _of_torchao(tensor: StoredTensor, classes: dict[str, str]) -> _Found | None:
    for tail in ("_qdata", ":qdata", ".qdata"):
        if tensor.name.endswith(tail):
            # Flattening puts an underscore into the name: `l._weight_qdata`.
            stem = tensor.name.removesuffix(tail)
            if {stem, stem.replace("._", ".")} & classes.keys():
                return _Found("torchao", 4, _fit(tensor, 4))
    return None


# --- numbers -------------------------------------------------------------------------------------


def _quotient(bits: int, weights: int, *, any_: bool = False, round_up: bool = False) -> int | None:
    """Return the bits of each weight if that is a usual width, or any whole number for `any_`."""
    if weights <= 0:
        return None
    found, rest = divmod(bits, weights)
    if rest and not round_up:
        return None
    return found if any_ or found in _BITS else None


def _bits_of(product: int, settings: dict[str, int], groups: tuple[int, ...]) -> int | None:
    """Return the bits of a weight, given the bits of a group of weights."""
    bits = settings.get("bits")
    if bits in _BITS and product % bits == 0:
        group = product // bits
        if settings.get("group_size", group) == group:
            return bits
    for group in (*groups, *_GROUPS):
        bits = _quotient(product, group)
        if bits is not None:
            return bits
    return None


def _settings(metadata: tuple[Entry, ...]) -> dict[str, int]:
    """Return the bits and group size that the configuration states."""
    found: dict[str, int] = {}
    for entry in metadata:
        prefix, _, key = entry.name.rpartition(".")
        if prefix in ("quantize_config", "quant_config") and key in ("bits", "group_size", "w_bit"):
            value = _parsed(entry)
            if type(value) is int and value > 0:
                found["bits" if key == "w_bit" else key] = value
        elif entry.name in ("config.quantization_config", "config.quantization"):
            values = _parsed(entry)
            for name, key in (("bits", "bits"), ("group_size", "group_size"), ("w_bit", "bits")):
                if isinstance(values, dict) and type(values.get(name)) is int and values[name] > 0:
                    found[key] = values[name]
    return found


def _parsed(entry: Entry | None) -> Any:
    """Return the value of a JSON text; None if it is not JSON, or was cut."""
    try:
        return json.loads(entry.text) if entry is not None else None
    except (ValueError, RecursionError):
        return None


def _numbers(value: Any) -> list[int]:
    """Return a list of sizes; empty if the value is not one."""
    if isinstance(value, list) and all(type(each) is int and 0 <= each < _LARGEST for each in value):
        return value
    return []
