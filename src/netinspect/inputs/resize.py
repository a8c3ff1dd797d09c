"""Arguments at other sizes, for the runs of `--symbolic`, and the dimensions that a name may mean."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch

from netinspect.errors import UsageError
from netinspect.inputs.symbols import SymbolRequest
from netinspect.records.base import replace
from netinspect.tracing.arguments import Argument
from netinspect.tracing.safe_access import (
    fields_of,
    is_a,
    is_mapping,
    items_of,
    shallow_copy,
    values_of,
)
from netinspect.tracing.tensors.describe import describe

Dimension = tuple[str, int]
"""One dimension of a tensor among the arguments: the dotted name of the tensor, and an index from 0."""

Shape = tuple[int, ...]

_FROM_THE_END = {"height": -2, "width": -1}


def shapes_by_name(arguments: Sequence[Argument]) -> dict[str, Shape]:
    """Return the shape of every tensor of the arguments by its dotted name; scalars are left out."""
    found: dict[str, Shape] = {}

    def note(name: str, tensor: torch.Tensor) -> torch.Tensor:
        if tensor.dim() and not tensor.is_nested:
            found[name] = tuple(tensor.shape)
        return tensor

    for argument in arguments:
        _mapped(argument.value, argument.record.name, note)
    return found


def resized(arguments: Sequence[Argument], sizes: Mapping[str, int]) -> list[Argument]:
    """Return the arguments with other sizes; a longer dimension repeats its entries from the first.

    Values therefore stay in range, whatever they mean: token ids, class labels or masks. A tensor that
    is passed twice stays one tensor and keeps its order of dimensions in memory.

    Args:
        arguments: The arguments.
        sizes: New sizes by dimension, such as `x:0`.

    Raises:
        Exception: Tensors of some layouts cannot be resized, and some containers cannot be copied.
    """
    known: dict[tuple[int, tuple[tuple[int, int], ...]], torch.Tensor] = {}

    def resize(name: str, tensor: torch.Tensor) -> torch.Tensor:
        keys = ((at, f"{name}:{at}") for at in range(tensor.dim()))
        changes = tuple((at, sizes[key]) for at, key in keys if key in sizes)
        key = id(tensor), changes
        if key not in known:
            known[key] = _resized(tensor, changes) if changes else tensor
        return known[key]

    made = []
    for argument in arguments:
        value = _mapped(argument.value, argument.record.name, resize)
        record = replace(argument.record, value=describe(value))
        made.append(replace(argument, value=value, record=record))
    return made


def _resized(tensor: torch.Tensor, changes: Sequence[tuple[int, int]]) -> torch.Tensor:
    made = tensor.detach()
    for dimension, size in changes:
        entries = torch.arange(size, device=tensor.device) % tensor.shape[dimension]
        made = made.index_select(dimension, entries)
    if tensor.layout is torch.strided and not tensor.is_contiguous() and 0 not in tensor.stride():
        order = sorted(range(tensor.dim()), key=tensor.stride, reverse=True)
        back = sorted(range(tensor.dim()), key=order.__getitem__)
        made = made.permute(order).contiguous().permute(back)
    return made.requires_grad_() if tensor.requires_grad else made


def dimensions_for(
    request: SymbolRequest, shapes: Mapping[str, Shape]
) -> Iterator[tuple[Dimension, ...]]:
    """Yield the groups of dimensions that a name may mean, the most likely first, to be tried in turn.

    The dimensions of a group have the same size, which is not 0.

    Raises:
        UsageError: The request names dimensions that do not exist or that differ in size.
    """
    if request.dimensions:
        dimensions = tuple(_check_dimension(each, request, shapes) for each in request.dimensions)
        sizes = {f"{name}:{at} is {shapes[name][at]}": shapes[name][at] for name, at in dimensions}
        if len(set(sizes.values())) > 1:
            raise UsageError(
                f"--symbolic {request.name} cannot stand for several sizes",
                cause=", ".join(sizes),
                hint="give the inputs equal sizes with --input, or use a symbol for each size",
            )
        yield dimensions
        return
    seen = set()
    for dimensions in _likely(request.name, shapes):
        # An empty dimension has no entry to repeat.
        if dimensions not in seen and len({shapes[name][at] for name, at in dimensions} | {0}) == 2:
            seen.add(dimensions)
            yield dimensions


def _likely(name: str, shapes: Mapping[str, Shape]) -> Iterator[tuple[Dimension, ...]]:
    if name == "batch":
        # The batch size of a list is its length.
        shapes = {each: shape for each, shape in shapes.items() if "[" not in each}
        if not shapes:
            return
        common = _by_frequency([shape[0] for shape in shapes.values()])[0]
        yield tuple((each, 0) for each, shape in shapes.items() if shape[0] == common)
        # The state of a recurrent layer has the layers as its first dimension.
        yield tuple((each, shape.index(common)) for each, shape in shapes.items() if common in shape)
        yield ((next(iter(shapes)), 0),)
        yield from _along(1, shapes)
    elif name == "seq":
        # The sides of an image are not a sequence.
        flat = {each: shape for each, shape in shapes.items() if 2 <= len(shape) <= 3}
        for at in (1, 2, 0):
            yield from _along(at, flat, shapes)
        yield from _along(0, {each: shape for each, shape in shapes.items() if len(shape) == 1})
    elif name in _FROM_THE_END:
        rank = max(3, *map(len, shapes.values()))
        images = {each: shape for each, shape in shapes.items() if len(shape) == rank}
        yield from _along(rank + _FROM_THE_END[name], images)


def _along(
    at: int, shapes: Mapping[str, Shape], others: Mapping[str, Shape] | None = None
) -> Iterator[tuple[Dimension, ...]]:
    """Yield one dimension of all inputs that share its size; then every dimension of that size.

    Args:
        at: Index of the dimension.
        shapes: Inputs that may have the size at this index.
        others: Inputs that may have the size anywhere, as a mask has the sequence length twice; None
            for `shapes`.
    """
    long = {each: shape for each, shape in shapes.items() if len(shape) > at}
    for size in _by_frequency([shape[at] for shape in long.values()]):
        yield tuple((each, at) for each, shape in long.items() if shape[at] == size)
        yield tuple(
            (each, index)
            for each, shape in (shapes if others is None else others).items()
            for index, other in enumerate(shape)
            # The first dimension is the batch, unless it is searched for or the only one.
            if other == size and (index or not at or len(shape) == 1)
        )


def _by_frequency(sizes: Sequence[int]) -> list[int]:
    """Return the distinct sizes, the most frequent first."""
    return [size for size, _ in Counter(sizes).most_common()]


def _check_dimension(
    dimension: Dimension, request: SymbolRequest, shapes: Mapping[str, Shape]
) -> Dimension:
    name, at = dimension
    known = ", ".join(f"{each} ({'x'.join(map(str, shape))})" for each, shape in shapes.items())
    if name not in shapes:
        raise UsageError(
            f"--symbolic {request.name}: there is no input {name!r}",
            hint=f"inputs with dimensions: {known}",
        )
    rank = len(shapes[name])
    if not -rank <= at < rank or not shapes[name][at]:
        raise UsageError(
            f"--symbolic {request.name}: {name} has no dimension {at} that can be changed",
            cause=f"its shape is {'x'.join(map(str, shapes[name]))}",
            hint=f"name one from 0 to {rank - 1}: --symbolic {request.name}={name}:0",
        )
    return name, at % rank


def _mapped(value: Any, name: str, change: Callable[[str, torch.Tensor], torch.Tensor]) -> Any:
    """Return a value with its tensors changed; containers are copied, other objects are shared."""
    if is_a(value, torch.Tensor):
        return change(name, value)
    changed = {}
    for key, path, each in _entries(value):
        if (other := _mapped(each, name + path, change)) is not each:
            changed[key] = other
    return _with(value, changed) if changed else value


def _entries(value: Any) -> Iterator[tuple[Any, str, Any]]:
    """Yield the entries of a container: the key, its suffix in a dotted name, and the entry."""
    fields = [] if is_a(value, type) else fields_of(value)
    if is_a(value, tuple) and (fields or type(value) is tuple):
        names = [name for name, _ in fields]
        for at, each in enumerate(values_of(value)):
            yield at, f".{names[at] if names else at}", each
    elif type(value) is list:
        for at, each in enumerate(value):
            yield at, f"[{at}]", each
    elif is_mapping(value):
        for key, each in items_of(value) if is_a(value, dict) else value.items():
            yield key, f".{key}", each
    else:
        for name, each in fields:
            yield name, f".{name}", each


def _with(value: Any, changed: Mapping[Any, Any]) -> Any:
    """Return a copy of a container with some entries replaced."""
    if is_a(value, tuple):
        made = [changed.get(at, each) for at, each in enumerate(values_of(value))]
        return tuple.__new__(type(value), made)
    copied = shallow_copy(value)
    for key, each in changed.items():
        if is_a(copied, OrderedDict):
            OrderedDict.__setitem__(copied, key, each)
        elif is_a(copied, dict):
            dict.__setitem__(copied, key, each)
        elif is_a(copied, list) or is_mapping(copied):
            copied[key] = each
        else:
            object.__setattr__(copied, key, each)  # the class may be frozen
    return copied
