"""Explanations of tensors that split, chunk or unbind cut into fewer or more parts than code unpacks."""

from __future__ import annotations

import re

from netinspect.analysis.diagnosis.call import Call, Explanation, Given
from netinspect.analysis.diagnosis.mismatch import Mismatch
from netinspect.analysis.diagnosis.wording import format_count, format_shape, input_options
from netinspect.records.values import tensors_in

_SIZES = ("1", "split_size_or_sections", "split_size", "chunks")
_SPLITS = {
    **dict.fromkeys(("split", "chunk"), ("2", "dim")),
    "unbind": ("1", "dim"),
}
"""Keys of the dimension, by function."""

_UNPACKED = re.compile(
    r"(?:not enough|too many) values to unpack \(expected (?P<expected>\d{1,9})(?:, got \d{1,9})?\)"
)
_INDEXED = re.compile(r"\A(?:tuple|list) index out of range\Z")


def split_before(call: Call) -> Call | None:
    """Return the last call of a function that splits, if code after it failed to unpack its parts."""
    if call.step.kind != "module" or not (
        _UNPACKED.search(call.message) or _INDEXED.search(call.message)
    ):
        return None
    steps = call.trace.steps
    last = next((each for each in reversed(steps) if each.parent == call.step.index), None)
    if last is None or last.name.strip("_") not in _SPLITS or last.output is None:
        return None
    return Call(call.trace, last, call.failure)


def explain_parts(call: Call) -> Explanation | None:
    """Explain the number of parts of a tensor whose size gives another number."""
    found = _UNPACKED.search(call.message)
    given = call.tensor("0", "input", "tensor", "self")
    parts = sum(1 for _ in tensors_in(call.step.output))
    dimension = call.number(*_SPLITS.get(call.name, ()), default=0)
    if given is None or dimension is None or not parts or not -given.rank <= dimension < given.rank:
        return None
    dimension %= given.rank
    size = given.shape[dimension]
    unit = 1 if call.name == "unbind" else call.number(*_SIZES)
    if not isinstance(size, int) or unit is None:
        return None
    text = (
        f"{call.name} cuts dimension {dimension} of {format_shape(given.shape)} into "
        f"{format_count(parts, 'part')}"
    )
    if call.name == "chunk" and (parts >= unit if found is None else int(found["expected"]) != unit):
        return None  # it makes at most the number of parts that it is given
    if found is None and call.name != "chunk":
        return Explanation(
            f"{text}, and code after it reads a later one",
            [Mismatch("larger", None, size, given.at(dimension))],
            size_helps=True,
        )
    expected = int(found["expected"]) if found is not None else unit
    wanted = expected if call.name != "split" else expected * unit
    if expected == parts or wanted == size:
        return None
    return Explanation(
        f"{text}, but {expected} are expected: a size of {wanted} gives {expected}",
        [Mismatch("size", wanted, size, given.at(dimension))],
        input_options(call, given, _resized(given, dimension, wanted)),
        size_helps=True,
    )


def _resized(given: Given, dimension: int, size: int) -> tuple[int | str, ...]:
    return (*given.shape[:dimension], size, *given.shape[dimension + 1 :])
