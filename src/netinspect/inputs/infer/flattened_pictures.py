"""Pictures for inputs that forward flattens or reshapes first."""

from __future__ import annotations

import math
from collections.abc import Sequence

from netinspect.inputs.infer.attempts import AttemptResult, AttemptRunner
from netinspect.inputs.infer.candidate import Guess
from netinspect.records.steps import Step
from netinspect.records.values import Literal, tensors_in

_RESHAPES = frozenset(("flatten", "view", "reshape"))
_SMALLEST = 16
"""Least side of a picture."""


def with_pictures(
    runner: AttemptRunner, result: AttemptResult, settled: frozenset[str]
) -> AttemptResult:
    """Return a result with pictures where forward only flattens an input first, if they pass.

    Args:
        runner: Runs the candidates.
        result: Attempt that passed.
        settled: Arguments that the user passed or that a library knows; they are not changed.
    """
    for name, guess in list(result.candidate.items()):
        if name in settled or not guess.spec.is_floating or guess.spec.listed or guess.configured:
            continue
        shape = picture_shape(result.forward.steps, name)
        if shape is None or shape == guess.spec.shape:
            continue
        size = "x".join(map(str, shape[1:]))
        reason = f"forward reshapes it first, as a picture of {size}"
        picture = Guess(spec=guess.spec.with_shape(shape), reason=reason)
        other = runner.run({**result.candidate, name: picture}, f"{name} as a picture")
        if other.failure is None:
            result = other
    return result


def picture_shape(steps: Sequence[Step], name: str) -> tuple[int, ...] | None:
    """Return the shape of the picture that an argument is before the first reshape; None without one.

    Args:
        steps: The steps of forward.
        name: Name of the argument.
    """
    first = next((step for step in steps if step.kind == "function" and name in step.arguments), None)
    if first is None or first.name not in _RESHAPES:
        return None
    given, output = next(tensors_in(first.inputs), None), next(tensors_in(first.output), None)
    if given is None or output is None or not all(isinstance(each, int) for each in output.shape):
        return None
    sizes = [int(size) for size in output.shape]
    batch = given.shape[0] if given.shape and isinstance(given.shape[0], int) else 1
    if len(sizes) == 2 and len(given.shape) == 2:
        return _of_pixels(batch, sizes[1])
    asked = _literals(first)
    rest = asked[1:] if len(asked) == len(sizes) and asked[0] in (-1, batch) else []
    if len(rest) == 2 and rest[0] == rest[1] >= _SMALLEST:
        return (batch, 1, *rest)
    if len(rest) == 3 and rest[0] in (1, 3) and rest[1] == rest[2] >= _SMALLEST:
        return (batch, *rest)
    return None


def _of_pixels(batch: int, pixels: int) -> tuple[int, ...] | None:
    """Return a square picture of one or three channels with a number of pixels."""
    for channels in (1, 3):
        side = math.isqrt(pixels // channels)
        if side >= _SMALLEST and channels * side * side == pixels:
            return (batch, channels, side, side)
    return None


def _literals(step: Step) -> list[int]:
    """Return the sizes of a reshape, given one by one or as a tuple; -1 for one that is computed."""
    found: list[int] = []
    for item in step.inputs.items[1:]:
        text = item.value.text if isinstance(item.value, Literal) else ""
        for part in text.strip("()[] ").split(","):
            number = part.strip()
            if number.lstrip("-").isdigit():
                found.append(int(number))
            elif number:
                return []
    return found
