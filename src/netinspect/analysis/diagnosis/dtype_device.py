"""Explanations of dtype and device failures."""

from __future__ import annotations

import re

from netinspect.analysis.diagnosis.call import Call, Explanation, Given
from netinspect.analysis.diagnosis.convolution import SPATIAL
from netinspect.analysis.diagnosis.matrices import NAMES as PRODUCTS
from netinspect.analysis.diagnosis.mismatch import Mismatch
from netinspect.analysis.diagnosis.wording import input_options
from netinspect.errors import LACKS_GPU
from netinspect.records.steps import Origin

_SAME_DTYPE = frozenset(
    (
        *(
            "linear",
            "bilinear",
            "einsum",
            "scaled_dot_product_attention",
            "multi_head_attention_forward",
        ),
        *("lstm_cell", "gru_cell", "rnn_tanh_cell", "rnn_relu_cell", "lstm", "gru", "rnn_tanh"),
        *("RNN", "LSTM", "GRU", "RNNCell", "LSTMCell", "GRUCell", "MultiheadAttention", "prelu"),
        *PRODUCTS,
        *(name for name in SPATIAL if "conv" in name),
    )
)
"""Calls that do not convert dtypes: all operands must have the same one."""

_DTYPE_ERROR = re.compile(
    r"dtype|scalar type|[Ii]nput type|same type|type torch\.|not implemented for|"
    r"\b(Half|Float|Double|Long|BFloat16)\b"
)
_UNKNOWN = re.compile(r'"\w+" not implemented for \'(\w+)\'')
_TORCH_NAMES = {
    "Long": "int64",
    "Int": "int32",
    "Short": "int16",
    "Char": "int8",
    "Byte": "uint8",
    "Bool": "bool",
    "Half": "float16",
    "BFloat16": "bfloat16",
    "Float": "float32",
    "Double": "float64",
    "ComplexFloat": "complex64",
    "ComplexDouble": "complex128",
}


def explain_missing_device(call: Call) -> Explanation | None:
    """Explain a request for a GPU on a machine without one."""
    if not LACKS_GPU.search(call.message):
        return None
    return Explanation(
        f"{call.display_name} requires a GPU, but none is available",
        [Mismatch("device", "cuda")],
        ["use the device of the input: device=x.device", "run netinspect on a machine with a GPU"],
        input_helps=False,
    )


def explain_device(call: Call) -> Explanation | None:
    """Explain tensors on several devices; a scalar tensor on the CPU may join any device."""
    if "device" not in call.message:
        return None
    weights = _weights(call)
    groups: dict[str, list[Given]] = {}
    for given in (*call.given, *weights):
        if given.rank or given.spec.device != "cpu":
            groups.setdefault(given.spec.device, []).append(given)
    if len(groups) < 2:
        return None
    text = f"{call.display_name} expects all tensors on the same device: " + ", ".join(
        f"{' and '.join(dict.fromkeys(each.name for each in members))} on {device}"
        for device, members in groups.items()
    )
    wanted = next(iter(groups))
    remedy = f"move them to one device: .to({wanted!r})"
    for device, members in groups.items():
        if any(each.origin.parameters for each in members):
            wanted = device
            remedy = f"move the other tensors to the device of the model: x.to({device!r})"
            break
    others = [each for each in call.given if each.spec.device != wanted]
    mismatches = [Mismatch("device", wanted, each.spec.device, each.at()) for each in others]
    return Explanation(text, mismatches, [remedy])


def explain_dtype(call: Call) -> Explanation | None:
    """Explain tensors of different dtypes, or a dtype that a function does not implement."""
    if not _DTYPE_ERROR.search(call.message):
        return None
    return _explain_several(call) or _explain_unknown(call)


def _weights(call: Call) -> list[Given]:
    """Return the parameters of a layer that failed in its own checks."""
    if call.step.kind != "module" or call.module is None:
        return []
    specs = {entry.name: entry.spec for entry in call.trace.parameters}
    return [
        Given(name, specs[name], (), Origin(parameters=(name,)))
        for name in _own_parameters(call)
        if name in specs
    ]


def _own_parameters(call: Call) -> list[str]:
    path = f"{call.step.module}." if call.step.module else ""
    return [path + name.rpartition(".")[2] for name in (call.module.parameters if call.module else ())]


def _explain_several(call: Call) -> Explanation | None:
    if call.name not in _SAME_DTYPE:
        return None
    members = [each for each in (*call.given, *_weights(call)) if _needs_same_dtype(each)]
    dtypes = list(dict.fromkeys(each.spec.dtype for each in members))
    if len(dtypes) < 2:
        return None
    names = {dtype: [each.name for each in members if each.spec.dtype == dtype] for dtype in dtypes}
    text = f"{call.display_name} expects operands of the same dtype: " + ", ".join(
        f"{' and '.join(_shortened(names[dtype]))} {dtype}" for dtype in dtypes
    )
    own_tensor = next((each for each in members if each.origin.parameters), None)
    foreign = next((each for each in members if not each.origin.parameters), members[0])
    wanted = own_tensor.spec.dtype if own_tensor is not None else "float32"
    remedies = []
    if own_tensor is not None and foreign.spec.dtype != wanted:
        remedies += input_options(call, foreign, foreign.shape, wanted)
        remedies.append(f"convert the input: x.to(torch.{wanted})")
        if foreign.is_floating:
            remedies.append(f"or convert the model: model.to(torch.{foreign.spec.dtype})")
    else:
        remedies.append(
            f"convert one of them: .to(torch.{wanted if own_tensor is not None else dtypes[0]})"
        )
    mismatches = [
        Mismatch("dtype", wanted, each.spec.dtype, each.at())
        for each in members
        if each.spec.dtype != wanted and not each.origin.parameters
    ]
    return Explanation(text, mismatches, remedies)


def _needs_same_dtype(given: Given) -> bool:
    """Return whether a dtype must match; masks and the indices of packed sequences need not."""
    if given.key and given.key[-1] in ("batch_sizes", "sorted_indices", "unsorted_indices"):
        return False
    return "mask" not in given.name and given.spec.dtype != "bool"


def _shortened(names: list[str]) -> list[str]:
    return names if len(names) < 4 else [*names[:2], f"{len(names) - 2} more"]


def _explain_unknown(call: Call) -> Explanation | None:
    found = _UNKNOWN.search(call.message)
    dtype = _TORCH_NAMES.get(found[1]) if found is not None else None
    given = next((each for each in call.given if each.spec.dtype == dtype), None)
    if dtype is None or given is None:
        return None
    remedies = [] if given.is_floating else input_options(call, given, given.shape, "float32")
    remedies.append("convert it first: x.float()")
    return Explanation(
        f"torch does not implement {call.name} for {dtype} on {given.spec.device}",
        [Mismatch("dtype", "float32", dtype, given.at())],
        remedies,
    )
