"""Memoised calls: equal calls share their counts and records within a run.

A network often calls the same function on the same shapes. For the functions listed here, the arguments
determine the cost of a call: they are torch's own functions, read no values and run no user code. The
operators of the first of several equal calls are counted; later calls reuse these counts, because
dispatching every operator to Python is slow. On the meta device, later calls do not even run.

Two calls of one function are equal if their tensors have the same shape, strides, dtype, device and
layout, and if all numbers and flags are the same. No call is memoised where the result may depend on
anything else: with gradients or autocast, in inference mode, under transforms of `torch.func`, or under
any mode except those of the recorder.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import nn

from netinspect._utils.code_owners import owner
from netinspect.records.values import Structure, Value

_LAYERS = (
    "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "linear",
    "batch_norm", "layer_norm", "group_norm", "instance_norm", "rms_norm", "local_response_norm",
    "normalize", "relu", "relu6", "gelu", "silu", "mish", "elu", "selu", "celu", "leaky_relu", "prelu",
    "hardtanh", "hardswish", "hardsigmoid", "sigmoid", "logsigmoid", "tanh", "softplus", "softmax",
    "log_softmax", "glu", "dropout", "dropout1d", "dropout2d", "dropout3d", "max_pool1d", "max_pool2d",
    "max_pool3d", "avg_pool1d", "avg_pool2d", "avg_pool3d", "adaptive_avg_pool1d",
    "adaptive_avg_pool2d", "adaptive_avg_pool3d", "adaptive_max_pool1d", "adaptive_max_pool2d",
    "embedding", "interpolate", "pad", "pixel_shuffle", "pixel_unshuffle", "unfold",
    "scaled_dot_product_attention", "multi_head_attention_forward",
)  # fmt: skip
_ARITHMETIC = (
    "add", "sub", "mul", "div", "neg", "abs", "exp", "log", "sqrt", "rsqrt", "square", "sin", "cos",
    "clamp", "pow", "mean", "sum", "amax", "amin", "matmul", "mm", "bmm", "addmm", "baddbmm",
    "cumsum", "masked_fill", "addcmul", "maximum", "minimum", "rsub", "var", "std",
)  # fmt: skip
_DATA_MOVEMENT = (
    "view", "reshape", "flatten", "unflatten", "permute", "transpose", "t", "contiguous", "squeeze",
    "unsqueeze", "expand", "expand_as", "repeat", "chunk", "split", "cat", "stack", "narrow", "select",
    "roll", "to", "float", "type_as", "clone", "detach", "movedim", "swapaxes", "unbind",
)  # fmt: skip
_OPERATORS = (
    "add",
    "sub",
    "mul",
    "truediv",
    "matmul",
    "pow",
    "neg",
    "radd",
    "rsub",
    "rmul",
    "iadd",
    "imul",
)


def _functions() -> Iterator[Any]:
    """Yield torch's own functions with these names."""
    in_place = tuple(f"{name}_" for name in _ARITHMETIC + _LAYERS)
    names = (*_LAYERS, *_ARITHMETIC, *_DATA_MOVEMENT, *in_place, *(f"__{name}__" for name in _OPERATORS))
    for name in names:
        for home in (F, torch, torch._C._nn, torch.Tensor):
            function = getattr(home, name, None)
            code = getattr(function, "__code__", None)
            # A monkey patch may have replaced it.
            if function is not None and (code is None or owner(code.co_filename) == "torch"):
                yield function


_FUNCTIONS = {id(function): function for function in _functions()}
"""Functions by address, because hashing some is slow. The references prevent reuse of an address."""

_ATTENTION = frozenset(map(id, (F.scaled_dot_product_attention, F.multi_head_attention_forward)))
_KERNELS: tuple[Callable[[], bool], ...] = tuple(
    getattr(torch._C, f"_get_{name}_sdp_enabled")
    for name in ("math", "flash", "mem_efficient", "cudnn")
    if hasattr(torch._C, f"_get_{name}_sdp_enabled")
)
"""Flags that select the attention kernel, which a model may set with `sdpa_kernel`."""

_TENSORS = frozenset(map(id, (torch.Tensor, nn.Parameter)))
"""Exact classes only; subclasses may behave differently."""

# By address, because a metaclass may define the hash of a class.
_PLAIN = frozenset(
    map(
        id,
        (type(None), bool, int, str, torch.dtype, torch.device, torch.layout, torch.memory_format),
    )
)
_SEQUENCES = frozenset(map(id, (tuple, list, torch.Size)))
_INTEGERS = frozenset({id(int)})

Key = tuple[Any, ...]


class MemoisedCall(NamedTuple):
    """Shared record of all calls with one key."""

    inputs: Structure
    output: Value
    tallies: Any
    """Operator counts, in the form of `Operators`."""

    writes: bool
    output_factory: Callable[[], torch.Tensor] | None
    """Creates the output of an equal call without computation; None if that is not possible."""


_HAS_NAMES = hasattr(torch.Tensor, "names")
"""True if torch supports named dimensions, as older versions do; the key does not contain the names."""


def output_factory(output: Any, given: Iterable[torch.Tensor]) -> Callable[[], torch.Tensor] | None:
    """Return a function that creates the output of an equal call on the meta device.

    Args:
        output: Output of the first call.
        given: Tensors in its arguments.

    Returns:
        Function that creates an equal tensor; None if the output has values or shares memory with an
        argument.
    """
    if type(output) is not torch.Tensor or not output.is_meta or _HAS_NAMES:
        return None
    if output.is_complex() or output.layout is not torch.strided or output._base is not None:
        return None
    memory = output.untyped_storage()
    if any(each.untyped_storage()._cdata == memory._cdata for each in given):
        return None
    make = functools.partial(
        torch.empty_strided, output.shape, output.stride(), dtype=output.dtype, device=output.device
    )
    with Uncounted():
        return make if make().untyped_storage().nbytes() == memory.nbytes() else None


class _Ambiguous(Exception):
    """Raised for an argument whose description does not determine its effect."""


def key_of(
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    tensors: list[torch.Tensor],
) -> Key | None:
    """Return the key of a call; None if no key determines its result.

    Args:
        function: The function.
        args: Its positional arguments.
        kwargs: Its keyword arguments.
        tensors: Receives the tensors in the arguments, in order.
    """
    if id(function) not in _FUNCTIONS or not _is_plain_state():
        return None
    # The default dtype is the dtype of a quotient of integers.
    parts: list[Any] = [id(function), torch.get_default_dtype()]
    if id(function) in _ATTENTION:
        parts += [is_enabled() for is_enabled in _KERNELS]
    try:
        _add_to_key(args, parts, tensors)
        if kwargs:
            parts.append(tuple(kwargs))
            _add_to_key(kwargs.values(), parts, tensors)
    except (
        _Ambiguous,
        RuntimeError,
        NotImplementedError,
    ):  # the others are raised by tensors without strides
        return None
    # Attention of one tensor with itself uses a single projection; of two equal tensors, it does not.
    addresses = list(map(id, tensors))
    if len(set(addresses)) < len(addresses):
        parts.append(tuple(map(addresses.index, addresses)))
    return tuple(parts)


def _add_to_key(values: Iterable[Any], parts: list[Any], tensors: list[torch.Tensor]) -> None:
    for value in values:
        kind = type(value)
        address = id(kind)
        if address in _TENSORS:
            if value.numel() == 1 or value.layout is not torch.strided:
                raise _Ambiguous  # it may be read as a number, for example as a size
            if value.is_neg() or value.is_conj():
                raise _Ambiguous  # some kernels copy such a tensor first
            tensors.append(value)
            parts += (value.shape, value.stride(), value.dtype, value.device)
        elif address in _PLAIN:
            parts += (kind, value)  # because 1 == True
        elif kind is float:
            parts += (kind, repr(value))  # because 0.0 == -0.0, and NaN != NaN
        elif address in _SEQUENCES:
            parts += (kind, len(value))
            if _INTEGERS.issuperset(map(id, map(type, value))):
                parts += value
            else:
                _add_to_key(value, parts, tensors)
        else:
            raise _Ambiguous


# These functions are private. If one is missing, every call is counted individually.
Uncounted: Any = getattr(torch._C, "_DisableTorchDispatch", contextlib.nullcontext)
"""Context that hides operators from the counting mode, from its creation to its exit."""

_state: Any = tuple(
    getattr(torch._C, name, None)
    for name in ("_len_torch_dispatch_stack", "_len_torch_function_stack", "_is_any_autocast_enabled")
)
_transform: Any = getattr(torch._C._functorch, "peek_interpreter_stack", None)
_is_supported = Uncounted is not contextlib.nullcontext and None not in (_transform, *_state)


def _is_plain_state() -> bool:
    """Return whether no active mode or transform can change the effect of a call."""
    if not _is_supported or torch.is_grad_enabled() or torch.is_inference_mode_enabled():
        return False
    dispatch_modes, function_modes, autocast = _state
    # The recorder has one dispatch mode; its function mode is off while this runs.
    return dispatch_modes() == 1 and function_modes() == 0 and not autocast() and _transform() is None
