"""Properties of torch functions by name: which read values, write in place or are not recorded."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from netinspect._utils.classes import plain_name
from netinspect.tracing.safe_access import by_class
from netinspect.tracing.source_lines import class_path
from netinspect.tracing.tensors.describe import tensors_of

# Methods that read a tensor's values into Python: the points where data decides what happens next.
READS = frozenset(
    {
        "item", "tolist", "numpy", "__array__", "__bool__", "__int__", "__float__", "__complex__",
        "__index__", "__contains__", "equal", "allclose", "is_nonzero", "backward",
    }
)  # fmt: skip

# Methods that write to their first argument though their names do not end in an underscore, and those
# that hand its memory out, so that no one sees what is written to it.
_WRITES = frozenset(
    {
        "__setitem__", "__iadd__", "__isub__", "__imul__", "__itruediv__", "__idiv__", "__ifloordiv__",
        "__imod__", "__ipow__", "__iand__", "__ior__", "__ixor__", "__ilshift__", "__irshift__",
    }
)  # fmt: skip
_LENDS = frozenset({"numpy", "__array__", "__dlpack__", "data_ptr", "untyped_storage", "storage"})

# The subset by which values leave torch, so that later computations are not recorded.
HANDS_OUT = frozenset({"numpy", "__array__", "__dlpack__"})

# Functions that work in place if a flag is set.
_INPLACE_BY_FLAG = frozenset(
    {
        "relu", "relu6", "elu", "selu", "celu", "leaky_relu", "rrelu", "hardtanh", "hardswish",
        "hardsigmoid", "silu", "mish", "threshold", "dropout", "alpha_dropout", "dropout1d", "dropout2d",
        "dropout3d", "feature_alpha_dropout",
    }
)  # fmt: skip

# Methods whose names end in an underscore though they leave the values alone.
_OUTSIDE = frozenset(
    {
        "requires_grad_", "detach_", "squeeze_", "unsqueeze_", "t_", "transpose_", "swapaxes_",
        "swapdims_", "as_strided_", "resize_", "resize_as_", "set_", "share_memory_", "rename_",
    }
)  # fmt: skip

# Reads of shapes and flags are frequent; they run unrecorded.
SILENT = frozenset(
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
    """Name as written in code."""

    shown: str
    """Display name: `getitem`, `lstm`; `relu_` if in place."""

    qualified: str
    """Qualified name, such as `torch.Tensor.view`."""

    is_silent: bool = False
    """Whether it only returns a shape or a flag."""

    may_write: bool = False
    """Whether it may write, so that the arguments must be checked."""


def name_of(func: Callable[..., Any]) -> Name:
    """Name a function, method or property."""
    try:
        return _remembered_name(func)
    except TypeError:  # an unhashable object of the user
        return _name(func)


def reads(qualified: str) -> bool:
    """Return whether a function reads values, by its qualified name; `Tensor.float` does not."""
    return qualified.rpartition(".")[2] in READS


@by_class
def name_of_class(cls: Any) -> Name:
    """Name a class of modules."""
    return Name(plain_name(cls), plain_name(cls), class_path(cls))


def _name(func: Callable[..., Any]) -> Name:
    plain = _plain_name(func)
    # Torch's private functions begin with an underscore; Python's methods stand between two.
    shown = plain.strip("_") if plain[-2:] == "__" else plain.lstrip("_")
    return Name(plain, shown, _qualified_name(func, plain), plain in SILENT, _may_write(plain))


_remembered_name = functools.lru_cache(maxsize=1024)(_name)


def _plain_name(func: Callable[..., Any]) -> str:
    # `torch.ops.aten.relu_.default` is named with its overload.
    name: str = (getattr(func, "__name__", None) or type(func).__name__).partition(".")[0]
    if name in ("__get__", "__set__", "__delete__"):
        # A property such as Tensor.T: the descriptor is the bound object of the accessor.
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
        or name in _LENDS
        or name in _INPLACE_BY_FLAG
        or name in ("embedding", "embedding_bag", "batch_norm", "instance_norm")
    )


def written(name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Iterator[torch.Tensor]:
    """Yield the tensors that a call may write to."""
    if writes_in_place(name, kwargs):
        # As torch.nn.init.normal_ passes it on, the first argument has a name.
        first = args[:1] or tuple(kwargs.values())[:1]
        yield from tensors_of((first, kwargs["out"]) if "out" in kwargs else first)
    elif name in _LENDS:
        yield from tensors_of(args[:1])
    elif kwargs.get("inplace") is True or (
        name in _INPLACE_BY_FLAG and any(value is True for value in args[1:])
    ):
        yield from tensors_of((args[:1], kwargs.get("input")))
    elif name in ("embedding", "embedding_bag"):
        if kwargs.get("max_norm") is not None or (len(args) > 3 and args[3] is not None):
            yield from tensors_of((args[1:2], kwargs.get("weight")))
    elif name in ("batch_norm", "instance_norm") and _takes_statistics(args, kwargs):
        # In `torch.nn.functional` they come before weight and bias, and in `torch` after them.
        yield from tensors_of((args[1:5], kwargs.get("running_mean"), kwargs.get("running_var")))


def _takes_statistics(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bool:
    """Return whether a normalization may update running statistics, by its sixth argument."""
    flag = args[5] if len(args) > 5 else kwargs.get("training", kwargs.get("use_input_stats"))
    return flag is not False


def overwritten(name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Iterator[torch.Tensor]:
    """Yield the tensors whose values a call replaced."""
    if writes_in_place(name, kwargs):
        if name not in _OUTSIDE:
            yield from tensors_of(kwargs["out"] if "out" in kwargs else args[:1])
    elif kwargs.get("inplace") is True:
        yield from tensors_of((args[:1], kwargs.get("input")))
