"""Size mismatches in failed steps, for the search for inputs: which size must change, and to what.

`table` explains failures to people; this module only extracts numbers. Used by `inputs.infer`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from netinspect.records.steps import Failure, Step
from netinspect.records.values import tensors_in

Shape = tuple[int, ...]
_BROADCAST = frozenset(
    [
        "add",
        "sub",
        "mul",
        "div",
        "true_divide",
        "where",
        "maximum",
        "minimum",
        "pow",
        "radd",
        "rsub",
        "rmul",
        "rtruediv",
        "iadd",
        "isub",
        "imul",
        "itruediv",
        "masked_fill",
        "masked_fill_",
        "lerp",
        "addcmul",
    ]
)
_MULTIPLY = frozenset(("matmul", "mm", "bmm", "baddbmm", "addmm", "dot", "mv", "rmatmul"))
_RESHAPE = frozenset(("view", "reshape", "unflatten"))
_NORMS = frozenset(("layer_norm", "rms_norm", "group_norm", "batch_norm", "instance_norm", "prelu"))


class Mismatch(NamedTuple):
    """Two sizes that should have been equal."""

    one: int
    """Usually the size of the input."""

    other: int
    """Usually the size in the layer."""

    text: str
    """The requirement, such as `fc1.in_features = 256`."""


def find_mismatch(step: Step, failure: Failure) -> Mismatch | None:
    """Return the mismatch found in the operands of a failed step or in the error message."""
    find = _FINDERS.get(step.name.rstrip("_"))  # in-place variants have the same requirements
    found = find(step, _shapes(step)) if find is not None else None
    return found or _from_message(step, failure.message)


def _shapes(step: Step) -> list[Shape]:
    return [
        tuple(size for size in spec.shape if isinstance(size, int))
        for item in step.inputs.items
        for spec in tensors_in(item.value)
    ]


def _named(step: Step) -> str:
    return step.module or "the model"


def _linear(step: Step, shapes: Sequence[Shape]) -> Mismatch | None:
    if len(shapes) > 1 and shapes[0] and len(shapes[1]) == 2:
        return _unequal(shapes[0][-1], shapes[1][1], f"{_named(step)}.in_features = {shapes[1][1]}")
    return None


def _convolution(step: Step, shapes: Sequence[Shape]) -> Mismatch | None:
    if len(shapes) < 2 or len(shapes[0]) not in (len(shapes[1]), len(shapes[1]) - 1):
        return None
    position = len(shapes[0]) - len(shapes[1]) + 1
    channels = shapes[1][0] if "transpose" in step.name else shapes[1][1]
    given = shapes[0][position]
    # Groups divide the channels of the weight.
    if given == channels or (
        given % channels == 0 and "transpose" not in step.name and _groups(step) > 1
    ):
        return None
    channels *= 1 if "transpose" in step.name else _groups(step)
    return _unequal(given, channels, f"{_named(step)} takes {channels} channels")


def _groups(step: Step) -> int:
    for item in step.inputs.items:
        if item.key in ("6", "groups") and getattr(item.value, "type", "") == "int":
            return int(getattr(item.value, "text", "1"))
    return 1


def _multiplication(step: Step, shapes: Sequence[Shape]) -> Mismatch | None:
    left, right = shapes[-2:] if len(shapes) > 1 else ((), ())
    if not left or not right:
        return None
    inner = right[-2] if len(right) > 1 else right[-1]
    return _unequal(left[-1], inner, f"{step.name} of {left} and {right}")


def _broadcast(step: Step, shapes: Sequence[Shape]) -> Mismatch | None:
    if len(shapes) < 2:
        return None
    one, other = shapes[:2]
    for left, right in zip(reversed(one), reversed(other), strict=False):
        if left != right and 1 not in (left, right):
            return Mismatch(left, right, f"{step.name} of {one} and {other} in {_named(step)}")
    return None


def _concatenation(step: Step, shapes: Sequence[Shape]) -> Mismatch | None:
    for shape in shapes[1:]:
        different = [
            (left, right) for left, right in zip(shapes[0], shape, strict=False) if left != right
        ]
        # The dimension along which they are joined may differ; another one is at fault.
        if len(shape) == len(shapes[0]) and different:
            left, right = different[-1]
            return Mismatch(left, right, f"{step.name} of {shapes[0]} and {shape} in {_named(step)}")
    return None


def _reshape(step: Step, shapes: Sequence[Shape]) -> Mismatch | None:
    sizes = _reshaped_to(step)
    if not shapes or not sizes or -1 in sizes:
        return None
    return _unequal(
        math.prod(shapes[0]), math.prod(sizes), f"{step.name} to {tuple(sizes)} in {_named(step)}"
    )


def _reshaped_to(step: Step) -> list[int]:
    text = " ".join(getattr(item.value, "text", "") for item in step.inputs.items[1:])
    return [int(size) for size in re.findall(r"-?\d+", text)]


def _norm(step: Step, shapes: Sequence[Shape]) -> Mismatch | None:
    if len(shapes) < 2 or not shapes[1]:
        return None
    along_channels = step.name not in ("layer_norm", "rms_norm")
    position = 1 if along_channels else -1
    if len(shapes[0]) < 2:
        return None
    return _unequal(shapes[0][position], shapes[1][-1], f"{_named(step)} norms {shapes[1][-1]} features")


def _unequal(one: int, other: int, text: str) -> Mismatch | None:
    return Mismatch(one, other, text) if one != other else None


_FINDERS: dict[str, Callable[[Step, Sequence[Shape]], Mismatch | None]] = {
    "linear": _linear,
    "cat": _concatenation,
    "concat": _concatenation,
    "stack": _concatenation,
    **dict.fromkeys(_MULTIPLY, _multiplication),
    **dict.fromkeys(_BROADCAST, _broadcast),
    **dict.fromkeys(_RESHAPE, _reshape),
    **dict.fromkeys(_NORMS, _norm),
    **{
        f"{name}{dimensions}d": _convolution
        for name in ("conv", "conv_transpose")
        for dimensions in (1, 2, 3)
    },
}

_WANTED_AND_GOT = (
    r"got:? (?P<got>\d{1,18}),? expected (?P<wanted>\d{1,18})",
    r"[Ee]xpected (?P<wanted>\d{1,18}),? (?:but )?got:? (?P<got>\d{1,18})",
    r"embedding dimension of (?P<wanted>\d{1,18}), but got (?P<got>\d{1,18})",
    r"should contain (?P<got>\d{1,18}) elements not (?P<wanted>\d{1,18})",
    r"size \((?P<got>\d{1,18})(?:[*x, ]+\d+)?\) (?:doesn't|does not) match (?:the )?model "
    r"\((?P<wanted>\d{1,18})",
    r"\((?P<got>\d{1,18})\) (?:doesn't|does not) match (?:the )?\w+(?: \w+)? "
    r"\(?(?P<wanted>\d{1,18})",
    r": (?P<got>\d{1,18}) (?:doesn't|does not) correspond to [\w.]+: (?P<wanted>\d{1,18})",
    r"size of tensor a \((?P<got>\d{1,18})\) must match the size of tensor b \((?P<wanted>\d{1,18})\)",
    r"of length (?P<wanted>\d{1,18}), but (?:found|got|received) (?P<got>\d{1,18})",
    r"(?:should be|must be|expected)\D{0,40}?(?P<wanted>\d{1,18})"
    r"\D{1,40}?(?:got|is|was|not|found)\D{0,20}?(?P<got>\d{1,18})",
)
_MULTIPLE = (
    r"multiple of [^.()]*\((\d{1,18})\)",
    r"multiple of\D{0,20}?(\d{1,18})",
    r"divisible by\D{0,20}?(\d{1,18})",
)


def reported_sizes(message: str) -> Iterator[tuple[int, int]]:
    """Yield the pairs of given and expected sizes that an error message contains."""
    for pattern in _WANTED_AND_GOT:
        if (match := re.search(pattern, message)) is not None and match["got"] != match["wanted"]:
            yield int(match["got"]), int(match["wanted"])


class Unit(NamedTuple):
    """Number that a size should be a multiple of."""

    unit: int
    elements: int | None = None
    """Current number of elements if the unit applies to all elements and not to the size itself."""

    def of(self, size: int) -> int:
        """Return the number that the size must be a multiple of, if the elements grow with the size."""
        elements_per_unit = (self.elements or size) // max(size, 1)
        return self.unit // math.gcd(self.unit, elements_per_unit)


def wanted_unit(step: Step | None, message: str) -> Unit | None:
    """Return the unit of a size, from the error message or a step that splits a dimension."""
    for pattern in _MULTIPLE:
        if (match := re.search(pattern, message)) is not None and int(match[1]):
            return Unit(int(match[1]))
    if step is None or step.name not in _RESHAPE:
        return None
    sizes, shapes = _reshaped_to(step), _shapes(step)
    unit = math.prod(size for size in sizes if size > 0)
    if shapes and -1 in sizes and unit and math.prod(shapes[0]) % unit:
        return Unit(unit, math.prod(shapes[0]))
    return None


def _from_message(step: Step, message: str) -> Mismatch | None:
    for got, wanted in reported_sizes(message):
        return Mismatch(got, wanted, f"{_named(step)} expects {wanted}")
    return None
