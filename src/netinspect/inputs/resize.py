"""The same arguments at other sizes, and which of their dimensions may be meant by a name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch

from netinspect.errors import UsageError
from netinspect.inputs.symbols import SymbolRequest
from netinspect.observe.arguments import Argument
from netinspect.observe.describe import describe

Place = tuple[str, int]
"""One dimension of a tensor among the arguments: its dotted name, and from 0."""

Shape = tuple[int, ...]

_FROM_THE_END = {"height": -2, "width": -1}


def shapes_by_name(arguments: Sequence[Argument]) -> dict[str, Shape]:
    """Return the shape of every tensor among the arguments that has a dimension, by its dotted name."""
    found: dict[str, Shape] = {}

    def note(name: str, tensor: torch.Tensor) -> torch.Tensor:
        if tensor.dim():
            found[name] = tuple(tensor.shape)
        return tensor

    for argument in arguments:
        _mapped(argument.value, argument.record.name, note)
    return found


def resized(arguments: Sequence[Argument], sizes: Mapping[Place, int]) -> list[Argument]:
    """Return the arguments with other sizes; what is longer repeats from the first entry on.

    So values stay in their range, whatever they mean: token ids, class labels, masks.
    """

    def resize(name: str, tensor: torch.Tensor) -> torch.Tensor:
        for (place, dimension), size in sizes.items():
            if place == name:
                entries = torch.arange(size, device=tensor.device) % tensor.shape[dimension]
                tensor = tensor.detach().index_select(dimension, entries)
        return tensor

    made = []
    for argument in arguments:
        value = _mapped(argument.value, argument.record.name, resize)
        record = replace(argument.record, value=describe(value))
        made.append(replace(argument, value=value, record=record))
    return made


def places_for(request: SymbolRequest, shapes: Mapping[str, Shape]) -> Iterator[tuple[Place, ...]]:
    """Yield the dimensions that a name may mean, the likeliest first; they are for trying.

    All of them that come together have the same size, which is not 0.

    Raises:
        UsageError: Dimensions were told that the inputs do not have, or that differ in size.
    """
    if request.dimensions:
        places = tuple(_told(place, request, shapes) for place in request.dimensions)
        sizes = {f"{name}:{at} is {shapes[name][at]}": shapes[name][at] for name, at in places}
        if len(set(sizes.values())) > 1:
            raise UsageError(
                f"--symbolic {request.name} cannot stand for several sizes",
                cause=", ".join(sizes),
                hint="give the inputs equal sizes with --input, or take a symbol for each",
            )
        yield places
        return
    seen = set()
    for places in _likely(request.name, shapes):
        # An empty dimension has nothing that could be repeated.
        if places not in seen and len({shapes[name][at] for name, at in places} | {0}) == 2:
            seen.add(places)
            yield places


def _likely(name: str, shapes: Mapping[str, Shape]) -> Iterator[tuple[Place, ...]]:
    if name == "batch":
        # The batch of a list is its length.
        shapes = {each: shape for each, shape in shapes.items() if "[" not in each}
        if not shapes:
            return
        common = _usual([shape[0] for shape in shapes.values()])[0]
        yield tuple((each, 0) for each, shape in shapes.items() if shape[0] == common)
        # A state of a recurrent layer has its layers before its batch.
        yield tuple((each, shape.index(common)) for each, shape in shapes.items() if common in shape)
        yield ((next(iter(shapes)), 0),)
        yield from _along(1, shapes)
    elif name == "seq":
        # The two sizes of an image are no sequence.
        flat = {each: shape for each, shape in shapes.items() if 2 <= len(shape) <= 3}
        for at in (1, 2, 0):
            yield from _along(at, flat)
        yield from _along(0, {each: shape for each, shape in shapes.items() if len(shape) == 1})
    elif name in _FROM_THE_END:
        rank = max(3, *map(len, shapes.values()))
        images = {each: shape for each, shape in shapes.items() if len(shape) == rank}
        yield from _along(rank + _FROM_THE_END[name], images)


def _along(at: int, shapes: Mapping[str, Shape]) -> Iterator[tuple[Place, ...]]:
    """One dimension of all that share its size; then every dimension of that size, but the first."""
    long = {each: shape for each, shape in shapes.items() if len(shape) > at}
    for size in _usual([shape[at] for shape in long.values()]):
        yield tuple((each, at) for each, shape in long.items() if shape[at] == size)
        if at:
            # A mask may have the sequence twice, and a vector has it first.
            yield tuple(
                (each, index)
                for each, shape in shapes.items()
                for index, other in enumerate(shape)
                if other == size and (index or len(shape) == 1)
            )


def _usual(sizes: Sequence[int]) -> list[int]:
    """Sizes without repetition, those that most have first."""
    return [size for size, _ in Counter(sizes).most_common()]


def _told(place: Place, request: SymbolRequest, shapes: Mapping[str, Shape]) -> Place:
    name, at = place
    known = ", ".join(f"{each} ({'x'.join(map(str, shape))})" for each, shape in shapes.items())
    if name not in shapes:
        raise UsageError(
            f"--symbolic {request.name}: there is no input {name!r}",
            hint=f"the inputs with dimensions are: {known}",
        )
    rank = len(shapes[name])
    if not -rank <= at < rank or not shapes[name][at]:
        raise UsageError(
            f"--symbolic {request.name}: {name} has no dimension {at} that could be changed",
            cause=f"it is {'x'.join(map(str, shapes[name]))}",
            hint=f"name one from 0 to {rank - 1}: --symbolic {request.name}={name}:0",
        )
    return name, at % rank


def _mapped(value: Any, name: str, change: Callable[[str, torch.Tensor], torch.Tensor]) -> Any:
    """Change the tensors in plain containers; any other object stays as it is."""
    if isinstance(value, torch.Tensor):
        return change(name, value)
    if type(value) is dict:
        return {key: _mapped(each, f"{name}.{key}", change) for key, each in value.items()}
    if type(value) is tuple:
        return tuple(_mapped(each, f"{name}.{at}", change) for at, each in enumerate(value))
    if type(value) is list:
        return [_mapped(each, f"{name}[{at}]", change) for at, each in enumerate(value)]
    return value
