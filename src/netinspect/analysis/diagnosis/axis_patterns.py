"""Explanations of patterns of axes, as of `einops.rearrange`, that do not fit a tensor."""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Iterator, Mapping

from netinspect.analysis.diagnosis.call import Call, Explanation, Family
from netinspect.analysis.diagnosis.mismatch import Mismatch
from netinspect.analysis.diagnosis.wording import format_shape
from netinspect.records.values import TensorSpec, tensors_in

_ERROR = re.compile(
    r"pattern \"(?P<left>[^\"]{1,300}?)->[^\"]*+\"\.\s*+"
    r"Input tensor shape: torch\.Size\((?P<shape>\[[\d, ]*+\])\)\.\s*+"
    r"Additional info: (?P<sizes>\{[^{}]*+\})"
)
_AXIS = re.compile(r"\((?P<joined>[^()]*+)\)|(?P<single>\w++|\.\.\.)")


def explain_pattern(call: Call) -> Explanation | None:
    """Explain a tensor whose rank or sizes do not fit a pattern such as `b c (h p) -> b h (p c)`."""
    error = _ERROR.search(call.message)
    if error is not None:
        shape, sizes = _literal(error["shape"]), _literal(error["sizes"])
        left = error["left"]
    elif call.step.kind == "module":
        # The layers of einops look up a program for the rank, which raises a KeyError.
        pattern, sizes = call.attribute("pattern"), {}
        given = next(tensors_in(call.step.inputs), None)
        if call.failure.type != "KeyError" or not isinstance(pattern, str) or given is None:
            return None
        left, shape = pattern.partition("->")[0], list(given.shape)
    else:
        return None
    if not isinstance(shape, list) or not isinstance(sizes, dict):
        return None
    axes = [match["joined"] or match["single"] for match in _AXIS.finditer(left)]
    found = [*_compared(call, axes, shape, sizes)]
    if not found:
        return None
    text = "; ".join(each.requirement for each in found)
    pattern = left.strip()
    return Explanation(
        f"the pattern `{pattern}` needs {text}; the tensor is {format_shape(tuple(shape))}", found
    )


def _literal(text: str) -> object:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return None


def _compared(
    call: Call, axes: list[str], shape: list[int], sizes: Mapping[str, int]
) -> Iterator[Mismatch]:
    operand, argument = _operand(call, shape)
    if len(axes) != len(shape):
        if "..." not in axes or len(axes) - 1 > len(shape):
            marks = {operand: tuple(range(len(shape)))}
            requirement = f"{len(axes)} dimensions"
            yield Mismatch("rank", len(axes), len(shape), marks, requirement, argument=argument)
        return
    for at, (axis, size) in enumerate(zip(axes, shape, strict=True)):
        parts = axis.split()
        known = [int(part) if part.isdecimal() else sizes.get(part) for part in parts]
        unit = math.prod(each for each in known if isinstance(each, int))
        marks = {operand: (at,)}
        if unit > 1 and None in known and size % unit:
            requirement = f"a multiple of {unit} for ({axis})"
            yield Mismatch("multiple", unit, size, marks, requirement, argument=argument)
        elif known and None not in known and size != unit:
            requirement = f"{axis} = {unit}"
            yield Mismatch("size", unit, size, marks, requirement, argument=argument)


def _operand(call: Call, shape: list[int]) -> tuple[str, str]:
    """Return the name of the operand, and the argument of the model with the same dimensions."""
    root = call.trace.steps[0]
    same = {
        name
        for origin, spec in zip(root.input_origins, tensors_in(root.inputs), strict=False)
        if isinstance(spec, TensorSpec) and list(spec.shape) == shape
        for name in origin.arguments
    }
    argument = same.pop() if len(same) == 1 else ""
    given = next((each.name for each in call.given if list(each.shape) == shape), argument or "input")
    return given, argument


FAMILY = Family(any_call=(explain_pattern,))
