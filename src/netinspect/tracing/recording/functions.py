"""Properties of torch functions by name: which read values, write in place or are not recorded."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from netinspect._utils.classes import plain_name
from netinspect.tracing.definitions import class_path
from netinspect.tracing.safe_access import by_class
from netinspect.tracing.tensors.describe import tensors_of

# Methods that read a tensor's values into Python, so that the values can decide what runs next.
READS_VALUES = frozenset(
    {
        "item", "tolist", "numpy", "__array__", "__bool__", "__int__", "__float__", "__complex__",
        "__index__", "__contains__", "equal", "allclose", "is_nonzero", "backward",
    }
)  # fmt: skip

# Methods without a trailing underscore that write to their first argument, and methods that expose its
# memory, so that writes to it cannot be recorded.
_WRITES = frozenset(
    {
        "__setitem__", "__iadd__", "__isub__", "__imul__", "__itruediv__", "__idiv__", "__ifloordiv__",
        "__imod__", "__ipow__", "__iand__", "__ior__", "__ixor__", "__ilshift__", "__irshift__",
    }
)  # fmt: skip
_EXPOSES_MEMORY = frozenset(
    {"numpy", "__array__", "__dlpack__", "data_ptr", "untyped_storage", "storage"}
)

# Methods that export values from torch, so that computations on them are not recorded.
EXPORTS_VALUES = frozenset({"numpy", "__array__", "__dlpack__"})

# Functions that run in place if a flag is set.
_INPLACE_BY_FLAG = frozenset(
    {
        "relu", "relu6", "elu", "selu", "celu", "leaky_relu", "rrelu", "hardtanh", "hardswish",
        "hardsigmoid", "silu", "mish", "threshold", "dropout", "alpha_dropout", "dropout1d", "dropout2d",
        "dropout3d", "feature_alpha_dropout",
    }
)  # fmt: skip

# In-place methods that do not change the values.
_KEEPS_VALUES = frozenset(
    {
        "requires_grad_", "detach_", "squeeze_", "unsqueeze_", "t_", "transpose_", "swapaxes_",
        "swapdims_", "as_strided_", "resize_", "resize_as_", "set_", "share_memory_", "rename_",
    }
)  # fmt: skip

# Queries of shapes and flags, which are frequent and not recorded.
QUERIES = frozenset(
    {
        "size", "dim", "ndim", "shape", "dtype", "device", "layout", "is_cuda", "numel", "stride",
        "requires_grad", "is_floating_point", "is_complex", "is_contiguous", "is_nested", "is_sparse",
        "is_quantized", "is_meta", "names", "is_leaf", "grad_fn", "nelement", "ndimension", "get_device",
        "element_size", "itemsize", "nbytes", "storage_offset", "data_ptr", "__len__", "_version",
        "is_mkldnn", "is_inference", "untyped_storage", "_is_view", "has_names", "is_same_size",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Name:
    """Names of a function, and properties derived from them."""

    plain: str
    """Name in code."""

    display: str
    """Display name: `getitem`, `lstm`; `relu_` if in place."""

    qualified: str
    """Qualified name, such as `torch.Tensor.view`."""

    is_query: bool = False
    """True if it only returns a shape or a flag."""

    may_write: bool = False
    """True if it may write to an argument, which then has to be checked."""


def name_of(func: Callable[..., Any]) -> Name:
    """Return the names of a function, method or property."""
    try:
        return _cached_name(func)
    except TypeError:  # an unhashable object of the user's
        return _name(func)


def reads(qualified: str) -> bool:
    """Return whether a function with this qualified name reads values; `Tensor.float` does not."""
    return qualified.rpartition(".")[2] in READS_VALUES


@by_class
def name_of_class(cls: Any) -> Name:
    """Return the names of a module class."""
    return Name(plain_name(cls), plain_name(cls), class_path(cls))


def _name(func: Callable[..., Any]) -> Name:
    plain = _plain_name(func)
    # Private torch functions begin with an underscore; Python's special methods also end in two.
    display = plain.strip("_") if plain[-2:] == "__" else plain.lstrip("_")
    return Name(plain, display, _qualified_name(func, plain), plain in QUERIES, _may_write(plain))


_cached_name = functools.lru_cache(maxsize=1024)(_name)


def _plain_name(func: Callable[..., Any]) -> str:
    # The name of `torch.ops.aten.relu_.default` includes its overload.
    name: str = (getattr(func, "__name__", None) or type(func).__name__).partition(".")[0]
    if name in ("__get__", "__set__", "__delete__"):
        # A property such as Tensor.T: the accessor is bound to the descriptor.
        name = getattr(getattr(func, "__self__", None), "__name__", name)
    return name


def _qualified_name(func: Callable[..., Any], name: str) -> str:
    owner = getattr(func, "__objclass__", None) or getattr(
        getattr(func, "__self__", None), "__objclass__", None
    )
    if owner is not None or (getattr(func, "__qualname__", "").startswith("Tensor.")):
        return f"torch.Tensor.{name}"
    module = getattr(func, "__module__", None) or "torch"
    if module == "torch._C._nn":
        module = "torch.nn.functional"
    return f"{module}.{name}"


def writes_in_place(name: str, kwargs: Mapping[str, Any]) -> bool:
    """Return whether a call writes to its first argument or to `out`."""
    return (name[-1:] == "_" and name[-2:] != "__") or name in _WRITES or "out" in kwargs


def _may_write(name: str) -> bool:
    return (
        writes_in_place(name, {})
        or name in _EXPOSES_MEMORY
        or name in _INPLACE_BY_FLAG
        or name in ("embedding", "embedding_bag", "batch_norm", "instance_norm")
    )


def written(name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Iterator[torch.Tensor]:
    """Yield the tensors that a call may write to."""
    if writes_in_place(name, kwargs):
        # torch.nn.init.normal_ passes its first argument by keyword.
        first = args[:1] or tuple(kwargs.values())[:1]
        yield from tensors_of((first, kwargs["out"]) if "out" in kwargs else first)
    elif name in _EXPOSES_MEMORY:
        yield from tensors_of(args[:1])
    elif kwargs.get("inplace") is True or (
        name in _INPLACE_BY_FLAG and any(value is True for value in args[1:])
    ):
        yield from tensors_of((args[:1], kwargs.get("input")))
    elif name in ("embedding", "embedding_bag"):
        if kwargs.get("max_norm") is not None or (len(args) > 3 and args[3] is not None):
            yield from tensors_of((args[1:2], kwargs.get("weight")))
    elif name in ("batch_norm", "instance_norm") and _updates_statistics(args, kwargs):
        # The statistics precede weight and bias in `torch.nn.functional`, and follow them in `torch`.
        yield from tensors_of((args[1:5], kwargs.get("running_mean"), kwargs.get("running_var")))


def _updates_statistics(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bool:
    """Return whether a normalization may update running statistics, by its sixth argument."""
    flag = args[5] if len(args) > 5 else kwargs.get("training", kwargs.get("use_input_stats"))
    return flag is not False


def overwritten(name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Iterator[torch.Tensor]:
    """Yield the tensors whose values a call replaced."""
    if writes_in_place(name, kwargs):
        if name not in _KEEPS_VALUES:
            yield from tensors_of(kwargs["out"] if "out" in kwargs else args[:1])
    elif kwargs.get("inplace") is True:
        yield from tensors_of((args[:1], kwargs.get("input")))
