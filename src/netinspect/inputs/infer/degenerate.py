"""Degenerate runs: steps that work on a single pixel, position or node, because an input is too small.

Such a run passes, but nobody would give such an input. Everything here is read from the steps.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Literal as OneOf
from typing import NamedTuple

from netinspect.records.dataflow import sources_of
from netinspect.records.steps import Step
from netinspect.records.values import Literal, TensorSpec, Value, tensors_in

SMALLEST_SIDE = 8
"""Fewest pixels of a side of a picture."""

Kind = OneOf["map", "sequence", "graph"]


class Degenerate(NamedTuple):
    """A step that works on too little."""

    kind: Kind
    """Kind of the dimensions that are too small."""

    text: str
    """Short description of the step."""

    sources: tuple[str, ...]
    """Arguments of the model that reach it."""


def degenerate_steps(steps: Sequence[Step]) -> list[Degenerate]:
    """Return the degenerate steps of a forward that passed, in order."""
    found = []
    for step in steps:
        read = _READERS.get(step.name.strip("_")) if step.kind == "function" else None
        kind_and_text = read(step) if read is not None else None
        if kind_and_text is not None:
            kind, text = kind_and_text
            where = step.module or step.name
            sources = tuple(sources_of(step.input_origins, steps))
            found.append(Degenerate(kind, f"{where} {text}", sources))
    return found


_Found = tuple[Kind, str] | None


def _item(step: Step, *keys: str) -> Value | None:
    return next((item.value for item in step.inputs.items if item.key in keys), None)


def _sizes(value: Value | None) -> tuple[int, ...]:
    """Return the sizes of a tensor; empty for another value or a symbolic size."""
    shape = value.shape if isinstance(value, TensorSpec) else ()
    sizes = tuple(size for size in shape if isinstance(size, int))
    return sizes if len(sizes) == len(shape) else ()


def _numbers(value: Value | None) -> list[int]:
    text = value.text if isinstance(value, Literal) else ""
    return [int(number) for number in re.findall(r"-?\d+", text)] if len(text) < 100 else []


def _convolution(step: Step) -> _Found:
    given, weight = _sizes(_item(step, "0", "input")), _sizes(_item(step, "1", "weight"))
    if len(given) < 3 or len(given) != len(weight):
        return None
    sides, kernel = given[2:], weight[2:]
    if max(sides) == 1 and max(kernel) > 1:
        return "map", f"slides a kernel of {max(kernel)} over a single value"
    # A convolution as large as its input is a linear layer.
    is_small = len(sides) > 1 and min(sides) < SMALLEST_SIDE and max(kernel) < max(sides)
    if step.arguments and is_small:
        return "map", f"gets fewer than {SMALLEST_SIDE} pixels"
    return None


def _pool(step: Step) -> _Found:
    given, output = _sizes(_item(step, "0", "input")), _sizes(next(tensors_in(step.output), None))
    dimensions = int(step.name.rstrip("d")[-1]) if step.name.rstrip("d")[-1:].isdigit() else 0
    sides, pooled = given[-dimensions:] if dimensions else (), output[-dimensions:]
    if not sides or len(sides) != len(pooled):
        return None
    if any(size < wanted for size, wanted in zip(sides, pooled, strict=True)):
        return "map", "enlarges its map"
    if max(sides) == 1 and step.name.startswith("adaptive"):
        return "map", "pools a single value"
    return None


def _mean(step: Step) -> _Found:
    given, dimensions = _sizes(_item(step, "0", "input")), _numbers(_item(step, "1", "dim"))
    if len(given) < 4 or {each % len(given) for each in dimensions} != {*range(2, len(given))}:
        return None
    return ("map", "pools a single value") if max(given[2:]) == 1 else None


def _instance_norm(step: Step) -> _Found:
    given = _sizes(_item(step, "0", "input"))
    is_single = len(given) > 2 and max(given[2:]) == 1
    return ("map", "normalizes a single value") if is_single else None


def _attention(step: Step) -> _Found:
    query, key = _sizes(_item(step, "0", "query")), _sizes(_item(step, "1", "key"))
    is_scaled = step.name == "scaled_dot_product_attention"
    lengths = {shape[-2 if is_scaled else 0] for shape in (query, key) if len(shape) > 2}
    return ("sequence", "attends to a single position") if lengths == {1} else None


def _softmax(step: Step) -> _Found:
    given, dimension = _sizes(_item(step, "0", "input")), _numbers(_item(step, "1", "dim"))
    if len(given) < 3 or len(dimension) != 1 or not -len(given) <= dimension[0] < len(given):
        return None
    is_single = given[dimension[0]] == 1 and given[-2:] == (1, 1)
    return ("sequence", "attends to a single position") if is_single else None


def _scatter(step: Step) -> _Found:
    index = _sizes(_item(step, "2", "index"))
    is_along_rows = _numbers(_item(step, "1", "dim")) == [0]
    return ("graph", "adds up a single row") if is_along_rows and index[:1] == (1,) else None


_Read = Callable[[Step], _Found]

_READERS: dict[str, _Read] = {
    **dict.fromkeys(("conv1d", "conv2d", "conv3d"), _convolution),
    **{
        f"{prefix}{kind}_pool{dimensions}d": _pool
        for prefix in ("", "adaptive_")
        for kind in ("max", "avg")
        for dimensions in (1, 2, 3)
    },
    "mean": _mean,
    "instance_norm": _instance_norm,
    **dict.fromkeys(("scaled_dot_product_attention", "multi_head_attention_forward"), _attention),
    "softmax": _softmax,
    **dict.fromkeys(("index_add", "scatter_add", "scatter_reduce"), _scatter),
}
"""Reader by name of the function."""


def downsampling(steps: Sequence[Step], name: str) -> Iterator[tuple[int, int]]:
    """Yield channels and total stride of the 1-dimensional convolutions that start from an argument.

    Args:
        steps: The steps of forward.
        name: Name of the argument.
    """
    first: tuple[int, ...] = ()
    for step in steps:
        if step.kind != "function" or not step.name.startswith("conv"):
            continue
        given, output = _sizes(_item(step, "0", "input")), _sizes(next(tensors_in(step.output), None))
        if step.name != "conv1d" or name not in sources_of(step.input_origins[:1], steps):
            return
        first = first or given
        if len(first) > 1 and output and output[-1] > 0:
            yield first[-2], first[-1] // output[-1]
