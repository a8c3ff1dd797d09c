"""Memoised calls: equal calls share their counts and records within a run.

A network calls the same function on the same shapes again and again. What such a call costs follows from
what it is given, for the functions listed here: they are torch's own, look at no values, and run no code
of the user's. So the first of equal calls is counted by its operators; for those that follow, torch need
not be asked for each operator again, which takes long. On the meta device, where shapes are all that
there is, they need not even run.

Equal are two calls of one function with tensors of the same shape, strides, dtype, device and layout,
and with the same numbers and flags. Where something else may decide as well, nothing is taken for a
repetition: with gradients or autocast, in inference mode, under the transforms of `torch.func`, or under
another mode than ours.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import nn

from netinspect.records.values import Structure, Value
from netinspect.tracing.code_owners import owner

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
_MOVES = (
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
    """The functions of these names that are torch's own, wherever they are found."""
    in_place = tuple(f"{name}_" for name in _ARITHMETIC + _LAYERS)
    names = (*_LAYERS, *_ARITHMETIC, *_MOVES, *in_place, *(f"__{name}__" for name in _OPERATORS))
    for name in names:
        for home in (F, torch, torch._C._nn, torch.Tensor):
            function = getattr(home, name, None)
            code = getattr(function, "__code__", None)
            # Another may have been put in their place.
            if function is not None and (code is None or owner(code.co_filename) == "torch"):
                yield function


_FUNCTIONS = {id(function): function for function in _functions()}
"""By address, because hashing some is slow; held, so that no address is reused."""

_ATTENDING = frozenset(map(id, (F.scaled_dot_product_attention, F.multi_head_attention_forward)))
_KERNELS: tuple[Callable[[], bool], ...] = tuple(
    getattr(torch._C, f"_get_{name}_sdp_enabled")
    for name in ("math", "flash", "mem_efficient", "cudnn")
    if hasattr(torch._C, f"_get_{name}_sdp_enabled")
)
"""Flags that select the attention kernel, which a model may set with `sdpa_kernel`."""

_TENSORS = frozenset(map(id, (torch.Tensor, nn.Parameter)))
"""Exact classes only; subclasses may behave differently."""

# By their address: how any other class hashes is for its metaclass to define.
_PLAIN = frozenset(
    map(
        id,
        (type(None), bool, int, str, torch.dtype, torch.device, torch.layout, torch.memory_format),
    )
)
_SEQUENCES = frozenset(map(id, (tuple, list, torch.Size)))
_INTEGERS = frozenset({id(int)})

Key = tuple[Any, ...]


class Known(NamedTuple):
    """Shared record of all calls with one key."""

    inputs: Structure
    output: Value
    tallies: Any
    """Operator counts, in the form of `Operators`."""

    writes: bool
    memoised_call: Callable[[], torch.Tensor] | None
    """Makes the output of a further call, if that needs no computation."""


_HAS_NAMES = hasattr(torch.Tensor, "names")
"""Whether dimensions may have names, as in older versions; the key does not contain them."""


def memoised_call(output: Any, given: Iterable[torch.Tensor]) -> Callable[[], torch.Tensor] | None:
    """Return a function that makes the output of a further call: on meta, the output has no values.

    Args:
        output: What the first call returned.
        given: The tensors that it was given.

    Returns:
        Makes a tensor like the output; None if one has values, or shares its memory with another.
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


class _Unsure(Exception):
    """An argument whose effect may not be determined by its description."""


def key_of(
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    tensors: list[torch.Tensor],
) -> Key | None:
    """Return the key of a call; None if the call is not determined by a key.

    Args:
        function: What is called.
        args: Its arguments.
        kwargs: Those with names.
        tensors: Where to add the tensors that are met, in their order.
    """
    if id(function) not in _FUNCTIONS or not _is_plain_state():
        return None
    # The default decides what the quotient of integers is.
    parts: list[Any] = [id(function), torch.get_default_dtype()]
    if id(function) in _ATTENDING:
        parts += [is_enabled() for is_enabled in _KERNELS]
    try:
        _add(args, parts, tensors)
        if kwargs:
            parts.append(tuple(kwargs))
            _add(kwargs.values(), parts, tensors)
    except (_Unsure, RuntimeError, NotImplementedError):  # a tensor without strides raises the others
        return None
    # Self-attention on one tensor uses a single projection; on two equal tensors it does not.
    addresses = list(map(id, tensors))
    if len(set(addresses)) < len(addresses):
        parts.append(tuple(map(addresses.index, addresses)))
    return tuple(parts)


def _add(values: Iterable[Any], parts: list[Any], tensors: list[torch.Tensor]) -> None:
    for value in values:
        kind = type(value)
        address = id(kind)
        if address in _TENSORS:
            if value.numel() == 1 or value.layout is not torch.strided:
                raise _Unsure  # a one-element tensor may be read as a number, for example as a size
            if value.is_neg() or value.is_conj():
                raise _Unsure  # some kernels copy it first
            tensors.append(value)
            parts += (value.shape, value.stride(), value.dtype, value.device)
        elif address in _PLAIN:
            parts += (kind, value)  # 1 and True are equal
        elif kind is float:
            parts += (kind, repr(value))  # as are 0.0 and -0.0; and NaN is not what it is
        elif address in _SEQUENCES:
            parts += (kind, len(value))
            if _INTEGERS.issuperset(map(id, map(type, value))):
                parts += value
            else:
                _add(value, parts, tensors)
        else:
            raise _Unsure


# None of this is public; without it, every call is counted by itself.
Uncounted: Any = getattr(torch._C, "_DisableTorchDispatch", contextlib.nullcontext)
"""Context in which the counting mode sees no operator, from its creation to its exit."""

_state: Any = tuple(
    getattr(torch._C, name, None)
    for name in ("_len_torch_dispatch_stack", "_len_torch_function_stack", "_is_any_autocast_enabled")
)
_transform: Any = getattr(torch._C._functorch, "peek_interpreter_stack", None)
_is_there = Uncounted is not contextlib.nullcontext and None not in (_transform, *_state)


def _is_plain_state() -> bool:
    """Return whether no surrounding mode or transform changes what a call does."""
    if not _is_there or torch.is_grad_enabled() or torch.is_inference_mode_enabled():
        return False
    dispatch_modes, function_modes, autocast = _state
    # Ours are the one that counts and, while it asks this, none of functions.
    return dispatch_modes() == 1 and function_modes() == 0 and not autocast() and _transform() is None
