"""Live values to records: tensors to their specs, containers to their structure.

A forward passes the same shapes and numbers thousands of times, so equal values share one record.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch.nn.parameter import is_lazy

from netinspect._utils.classes import plain_name
from netinspect.records import values
from netinspect.records.base import replace
from netinspect.tracing.safe_access import (
    SIMPLE,
    SIMPLE_TYPES,
    class_attribute,
    is_a,
    is_mapping,
    text_of,
    values_of,
)
from netinspect.tracing.tensors.container_items import entries_of, is_plain_container
from netinspect.tracing.tensors.inner_tensors import (
    NO_STORAGE,
    bytes_of,
    inner_tensors,
    is_plain,
    is_sparse,
    layout_name,
    may_wrap,
)
from netinspect.tracing.tensors.packed_weights import packed_tensors

_MAXIMUM_DEPTH = 8
_MAXIMUM_TEXT = 60
_MAXIMUM_ITEMS = 4096
_PLAIN = (*SIMPLE_TYPES, torch.dtype, torch.device, torch.layout, torch.memory_format, slice)
_DISCRETE = frozenset(map(id, (type(None), bool, int, type(...))))
_SEQUENCES = frozenset(map(id, (tuple, list, torch.Size)))
_INTEGERS = frozenset({id(int)})
_LONG = frozenset(map(id, (str, bytes, tuple, list)))


# Inside transforms of torch.func, a tensor is a wrapper that hides the mapped dimension.
_functorch: Any = torch._C._functorch
_is_wrapped = _functorch.is_functorch_wrapped_tensor


def is_uninitialised(tensor: torch.Tensor) -> bool:
    """Return whether a parameter or buffer of a lazy layer is uninitialized."""
    # `isinstance` runs Python code for these classes; `is_lazy` checks their common base class.
    return is_lazy(tensor)


def tensor_spec(tensor: torch.Tensor) -> values.TensorSpec:
    """Describe one tensor without reading its values."""
    if not is_plain(tensor):
        return _composed_spec(tensor)
    try:
        shape = tensor.shape
        if _is_wrapped(tensor):
            shape = torch.Size((*_mapped_sizes(tensor), *shape))
    except NO_STORAGE:  # an uninitialized tensor of a lazy layer
        return _spec(("?",), tensor.dtype, tensor.device)
    try:
        return _spec(shape, tensor.dtype, tensor.device)
    except TypeError:  # sizes can be symbols
        return _spec(_known_sizes(shape), tensor.dtype, tensor.device)


def registered_spec(tensor: torch.Tensor) -> values.TensorSpec:
    """Describe a parameter or buffer like `tensor_spec`, with at most the bytes of its storage."""
    spec = tensor_spec(tensor)
    if spec.layout is None and spec.bytes and (size := bytes_of(tensor)) < spec.bytes:
        return replace(spec, bytes=size)
    return spec


def _composed_spec(tensor: torch.Tensor) -> values.TensorSpec:
    """Describe a sparse, quantized, nested or wrapper tensor."""
    shape = _known_sizes(_nested_sizes(tensor) if tensor.is_nested else tensor.shape)
    inner = inner_tensors(tensor)
    is_counted = all(type(size) is int for size in shape)
    layout = values.Layout(
        name=layout_name(tensor),
        elements=None if is_counted else _elements_of_nested(tensor, inner),
        stored=inner["values"].numel() if is_sparse(tensor) and "values" in inner else None,
        inner=tuple([f"{key} {kind_text(each)}" for key, each in inner.items()]),
    )
    return _spec(shape, tensor.dtype, tensor.device, bytes_of(tensor), layout)


def kind_text(tensor: torch.Tensor) -> str:
    """Return dtype and shape of a tensor, as `float32 (3, 4)`."""
    spec = tensor_spec(tensor)
    return f"{spec.dtype} ({', '.join(map(str, spec.shape))})"


def _known_sizes(shape: Any) -> tuple[int | str, ...]:
    return tuple([size if type(size) is int else str(size) for size in shape])


def _nested_sizes(tensor: torch.Tensor) -> Iterator[int | str]:
    """Yield the sizes of a nested tensor; `?` for a size that differs between its parts."""
    if may_wrap(type(tensor)):
        yield from _known_sizes(tensor.shape)
        return
    for dimension in range(tensor.dim()):
        try:
            yield tensor.size(dimension)
        except NO_STORAGE:
            yield "?"


def _elements_of_nested(tensor: torch.Tensor, inner: Mapping[str, torch.Tensor]) -> int | None:
    if not tensor.is_nested:
        return None
    elements = inner.get("_values", tensor).numel()
    return elements if type(elements) is int else None


@functools.lru_cache(maxsize=4096)
def _spec(
    shape: tuple[int | str, ...],
    dtype: torch.dtype,
    device: torch.device,
    size: int | None = None,
    layout: values.Layout | None = None,
) -> values.TensorSpec:
    if size is None:
        is_known = all(type(each) is int for each in shape)
        size = math.prod(map(int, shape)) * dtype.itemsize if is_known else 0
    return values.TensorSpec(
        shape=_known_sizes(shape),
        dtype=str(dtype).removeprefix("torch."),
        device=str(device),
        bytes=size,
        layout=layout,
    )


def _mapped_sizes(tensor: torch.Tensor) -> tuple[int, ...]:
    """Return the sizes of the dimensions that `torch.vmap` hides, outermost first."""
    sizes: list[int] = []
    while _is_wrapped(tensor):
        inner = _functorch.get_unwrapped(tensor)
        if _functorch.is_batchedtensor(tensor):
            sizes.insert(0, inner.shape[_functorch.maybe_get_bdim(tensor)])
        tensor = inner
    return tuple(sizes)


class LiveTensors(list[torch.Tensor]):
    """The live tensors of a described value, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.in_objects: set[int] = set()
        """Positions of those in objects that are not plain containers."""

        self.packed: list[tuple[int, torch.ScriptObject, int]] = []
        """C++ objects whose described tensors are not live: the position at which these would be, the
        object, and their number."""


def describe(
    value: Any, tensors: LiveTensors | None = None, _within: tuple[int, ...] = ()
) -> values.Value:
    """Describe any value: its tensors, and the containers and objects around them.

    Args:
        value: The value.
        tensors: Receives the live tensors in the value, in order.
    """
    if is_a(value, torch.Tensor):
        if tensors is not None:
            tensors.append(value)
        return tensor_spec(value)
    cls: Any = type(value)
    address = id(cls)
    if address in _DISCRETE:
        return _cached_literal(value)
    if address in SIMPLE:
        return _scalar(value)
    is_sequence = issubclass(cls, (tuple, list))
    if is_sequence:
        if (
            address in _SEQUENCES
            and len(value) <= _MAXIMUM_DEPTH
            and _INTEGERS.issuperset(map(id, map(type, value)))
        ):
            return _integers(cls, *value)
    elif issubclass(cls, _PLAIN):
        return _literal(value)
    if len(_within) >= _MAXIMUM_DEPTH:
        return values.Literal(type=plain_name(cls), text="<nested too deeply>")
    if id(value) in _within:
        return values.Literal(type=plain_name(cls), text=f"<the {plain_name(cls)} around this>")
    if cls is torch.ScriptObject:
        return _packed(value, tensors)
    if is_sequence and _is_plain_sequence(value):
        return _literal(value)
    entries = entries_of(value)
    if entries or is_sequence or is_mapping(value):
        within = (*_within, id(value))
        first = 0 if tensors is None else len(tensors)
        items = tuple([_item(key, describe(entry, tensors, within)) for key, entry in entries])
        if tensors is not None and len(tensors) > first and not is_plain_container(value):
            tensors.in_objects.update(range(first, len(tensors)))
        return values.Structure(type=plain_name(cls), items=items)
    return values.Literal(type=plain_name(cls), text=f"<{plain_name(cls)}>")


def _packed(value: torch.ScriptObject, tensors: LiveTensors | None) -> values.Value:
    """Describe an object of a C++ class by the tensors packed in it, if it exposes them."""
    name = str(value).rstrip(">").rpartition(".")[2]
    items = tuple(
        values.Item(key=key, value=tensor_spec(tensor)) for key, tensor in packed_tensors(value)
    )
    if tensors is not None and items:
        tensors.packed.append((len(tensors), value, len(items)))
    return (
        values.Structure(type=name, items=items)
        if items
        else values.Literal(type=name, text=f"<{name}>")
    )


def tensors_within(value: Any) -> list[torch.Tensor]:
    """Return the live tensors in any value that `describe` finds."""
    tensors = LiveTensors()
    with torch._C.DisableTorchFunction():
        describe(value, tensors)
    return tensors


def describe_call(
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    tensors: LiveTensors | None = None,
) -> values.Structure:
    """Describe the arguments of a call, positional ones first; `tensors` as in `describe`."""
    described = [describe(value, tensors) for value in args]
    if kwargs:
        described += [describe(value, tensors) for value in kwargs.values()]
    key: tuple[int | str, ...] = (len(args), *kwargs, *map(id, described))
    call = _calls.get(key)
    # The cached structure references its values, so no other object gets their addresses.
    if call is None:
        names = [*map(str, range(len(args))), *kwargs]
        items = tuple(_item(name, value) for name, value in zip(names, described, strict=True))
        call = values.Structure(type="arguments", items=items)
        if values.Structure not in map(type, described):
            if len(_calls) >= _MAXIMUM_ITEMS:
                _calls.clear()
            _calls[key] = call
    return call


_calls: dict[tuple[int | str, ...], values.Structure] = {}
_items: dict[tuple[str, int], values.Item] = {}


def _item(key: str, value: values.Value) -> values.Item:
    item = _items.get((key, id(value)))
    # The cached item references its value, so no other object gets the address.
    if item is None:
        item = values.Item(key=key, value=value)
        if type(value) is not values.Structure:
            if len(_items) >= _MAXIMUM_ITEMS:
                _items.clear()
            _items[key, id(value)] = item
    return item


def tensors_of(value: Any, _within: tuple[int, ...] = ()) -> Iterator[torch.Tensor]:
    """Yield the live tensors of a value, in the order in which `describe` records them."""
    if is_a(value, torch.Tensor):
        yield value
    elif id(type(value)) in SIMPLE or is_a(value, _PLAIN):
        return
    elif len(_within) < _MAXIMUM_DEPTH and id(value) not in _within:
        within = (*_within, id(value))
        for _, entry in entries_of(value):
            yield from tensors_of(entry, within)


def _is_plain_sequence(value: Any, _depth: int = 0) -> bool:
    return _depth < _MAXIMUM_DEPTH and all(
        is_a(entry, _PLAIN) or (is_a(entry, (tuple, list)) and _is_plain_sequence(entry, _depth + 1))
        for entry in (value if id(type(value)) in _SEQUENCES else values_of(value))
    )


def _scalar(value: Any) -> values.Literal:
    if isinstance(value, (str, bytes)):
        is_cached = len(value) <= _MAXIMUM_TEXT  # longer text is rarely repeated
    else:
        is_cached = bool(value) or not isinstance(value, (float, complex))  # 0.0 equals -0.0
    return _cached_literal(value) if is_cached else _literal(value)


@functools.lru_cache(maxsize=4096)
def _integers(cls: Any, *numbers: int) -> values.Literal:
    return _literal(cls(numbers))


def _literal(value: Any) -> values.Literal:
    cls: Any = type(value)
    is_sequence = issubclass(cls, (tuple, list)) and id(cls) not in _SEQUENCES
    if is_sequence and class_attribute(cls, "_fields") is None:
        value = [*values_of(value)] if issubclass(cls, list) else tuple(values_of(value))
    if issubclass(cls, torch.Size):
        value = tuple(value)
    if id(type(value)) in _LONG and len(value) > _MAXIMUM_TEXT:
        value = value[:_MAXIMUM_TEXT]  # each entry has at least one character
    try:
        text = text_of(value)
    except Exception:  # a subclass from a library
        text = f"<{plain_name(cls)}>"
    if len(text) > _MAXIMUM_TEXT:
        text = text[: _MAXIMUM_TEXT - 3] + "..."
    return _text_literal(plain_name(cls), text)


# Also keyed by type, because 1, 1.0 and True are equal.
_cached_literal = functools.lru_cache(maxsize=4096, typed=True)(_literal)


@functools.lru_cache(maxsize=4096)
def _text_literal(type_name: str, text: str) -> values.Literal:
    return values.Literal(type=type_name, text=text)
