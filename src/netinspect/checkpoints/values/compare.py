"""Comparison of the values of tensors from two checkpoints while both are read.

Pieces with equal bytes are not examined further unless the tensors differ elsewhere.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from netinspect.checkpoints.values.data import CheckpointData, is_contiguous
from netinspect.checkpoints.values.differences import NEAR, Differences, differences
from netinspect.checkpoints.values.dtypes import KINDS, Array
from netinspect.checkpoints.values.processes import in_processes
from netinspect.checkpoints.values.summation import scale_for
from netinspect.checkpoints.values.threads import Meter, Progress, Workspace
from netinspect.records.checkpoint import StoredTensor
from netinspect.records.comparison import Comparison

_PART = 1 << 21
_BYTES = 1 << 18
_EXTREME = 1e150
"""Above it the square of a float64 overflows, and below its inverse the square underflows."""

Pair = tuple[StoredTensor, StoredTensor]


@dataclass(frozen=True)
class _Task:
    """Range of elements of one pair."""

    number: int
    pair: Pair
    start: int
    stop: int
    thorough: bool = False
    """True to examine equal bytes too, because their norm is needed."""

    scale: float = 1.0

    @property
    def bytes(self) -> int:
        return sum(each.bytes // max(1, each.elements) for each in self.pair) * (self.stop - self.start)


def compare_pairs(
    left_data: CheckpointData,
    right_data: CheckpointData,
    pairs: Sequence[Pair],
    progress: Progress | None = None,
) -> list[Comparison]:
    """Compare pairs of tensors of equal shape, possibly of different dtypes.

    Args:
        left_data: The open checkpoint of the first tensors.
        right_data: That of the second ones; may be the same.
        pairs: The tensors.
        progress: Called with the number of bytes read; bytes that are read twice are added later.

    Returns:
        One comparison for each pair. If values cannot be read, it has the reason, and whether the bytes
            are equal if they can be read.

    Raises:
        CheckpointError: A file ends too early.
        LoadError: A file cannot be read, or has changed.
        ValueError: Two shapes differ.
    """
    for left, right in pairs:
        if left.shape != right.shape:
            raise ValueError(f"{left.name} is {left.shape}, and {right.name} is {right.shape}")
    reasons = [_reason_not_compared(left_data, right_data, pair) for pair in pairs]
    tasks = [
        _Task(number, pair, start, min(start + _PART, pair[0].elements))
        for number, pair in enumerate(pairs)
        if not reasons[number]
        for start in range(0, pair[0].elements, _PART)
    ]
    meter = Meter(progress)
    results: dict[int, Differences] = {}

    def run(chosen: dict[int, _Task]) -> list[Differences]:
        """Run tasks, keyed by their index among all, and return the differences of each pair so far."""
        meter.expect(sum(task.bytes for task in chosen.values()))
        done = in_processes(
            list(chosen.values()),
            lambda task, workspace: _compare_part(left_data, right_data, task, workspace),
            lambda task: meter.add(task.bytes),
            size=lambda task: task.bytes,
        )
        results.update(zip(chosen, done, strict=True))
        merged = [Differences(only_bytes=True) for _ in pairs]
        for place, task in enumerate(tasks):
            merged[task.number].add(results[place])
        return merged

    found = run(dict(enumerate(tasks)))
    # If a tensor differs elsewhere, parts with equal bytes contribute to the norm.
    found = run(
        {
            place: dataclasses.replace(task, thorough=True)
            for place, task in enumerate(tasks)
            if results[place].only_bytes and not found[task.number].only_bytes
        }
    )
    found = run(
        {
            place: dataclasses.replace(task, thorough=True, scale=scale)
            for place, task in enumerate(tasks)
            if (scale := _scale(found[task.number])) != 1
        }
    )
    left_data.check_unchanged()
    right_data.check_unchanged()
    return [
        _by_bytes(left_data, right_data, pair, reason) if reason else _comparison(pair, each)
        for pair, each, reason in zip(pairs, found, reasons, strict=True)
    ]


def _reason_not_compared(left_data: CheckpointData, right_data: CheckpointData, pair: Pair) -> str:
    left, right = pair
    if reason := left_data.reason_without_values(left) or right_data.reason_without_values(right):
        return reason
    if KINDS[left.dtype].components != KINDS[right.dtype].components:
        return "one is complex and the other is not"
    return ""


def _scale(found: Differences) -> float:
    """Return the power of two by which values are scaled so that their squares are finite; usually 1."""
    if found.only_bytes or found.largest == 0 or 1 / _EXTREME < found.largest < _EXTREME:
        return 1.0
    return scale_for(found.largest)


def _compare_part(
    left_data: CheckpointData, right_data: CheckpointData, task: _Task, workspace: Workspace
) -> Differences:
    """Compare a range: by bytes while they are equal, otherwise by values."""
    left, right = task.pair
    comparable = left.dtype == right.dtype

    def pieces() -> zip[tuple[Array, Array]]:
        return zip(
            left_data.pieces(left, task.start, task.stop, workspace, use="left"),
            right_data.pieces(right, task.start, task.stop, workspace, use="right"),
            strict=True,
        )

    by_bytes = comparable and not task.thorough
    if by_bytes and all(_same_bytes(one, other, workspace) for one, other in pieces()):
        return Differences(only_bytes=True)
    merged = Differences()
    for one, other in pieces():
        same = task.thorough and comparable and _same_bytes(one, other, workspace)
        # Values that are not finite, or whose squares are not, show in the result.
        with np.errstate(all="ignore"):
            found = differences(left.dtype, one, right.dtype, other, workspace, task.scale)
        found.identical = same
        merged.add(found)
    return merged


def _same_bytes(one: Array, other: Array, workspace: Workspace) -> bool:
    size = one.nbytes // 8 * 8
    words, others = one.view("u1")[:size].view("u8"), other.view("u1")[:size].view("u8")
    equal = np.equal(words, others, out=workspace.take("equal", "?", len(words)))
    return bool(equal.all()) and one.view("u1")[size:].tobytes() == other.view("u1")[size:].tobytes()


def _comparison(pair: Pair, found: Differences) -> Comparison:
    if found.only_bytes:  # or the tensors are empty
        return Comparison(
            identical=pair[0].dtype == pair[1].dtype,
            equal=True,
            differing=0,
            max_absolute=0.0,
            max_relative=0.0,
            relative_norm=0.0,
            cosine=1.0,
        )
    return Comparison(
        identical=found.identical,
        equal=not found.differing,
        differing=found.differing,
        max_absolute=found.max_absolute if found.numbers else None,
        max_relative=found.max_relative if found.finite else None,
        relative_norm=_relative_norm(found),
        cosine=_cosine(found),
        left_nan=found.left_nan,
        right_nan=found.right_nan,
    )


def _relative_norm(found: Differences) -> float | None:
    if not found.finite or (not found.left_squares and found.squares):
        return None
    return math.sqrt(found.squares / found.left_squares) if found.squares else 0.0


def _cosine(found: Differences) -> float | None:
    left, right = math.sqrt(found.left_squares), math.sqrt(found.right_squares)
    if not left or not right:
        return None
    if found.squares > NEAR * min(found.left_squares, found.right_squares):
        return max(-1.0, min(1.0, found.products / left / right))
    # For unit vectors u and v, 1 - cos is |u - v|^2 / 2, which is precise for close vectors too.
    return 1.0 - max(0.0, found.squares - (left - right) ** 2) / (2 * left * right)


def _by_bytes(
    left_data: CheckpointData, right_data: CheckpointData, pair: Pair, reason: str
) -> Comparison:
    """Compare the bytes of tensors whose values cannot be read."""
    left, right = pair
    readable = not left_data.reason_without_bytes(left) and not right_data.reason_without_bytes(right)
    if (left.dtype, left.bytes) != (right.dtype, right.bytes):
        return Comparison(identical=False, not_compared=reason)
    if not (readable and is_contiguous(left) and is_contiguous(right)):
        return Comparison(identical=None, not_compared=reason)
    workspace = Workspace()
    for start in range(0, left.bytes, _BYTES):
        size = min(_BYTES, left.bytes - start)
        one, other = (workspace.take(use, "u1", size) for use in ("left", "right"))
        left_data.read_bytes(left, start, one, workspace, "left")
        right_data.read_bytes(right, start, other, workspace, "right")
        if not _same_bytes(one, other, workspace):
            return Comparison(identical=False, not_compared=reason)
    return Comparison(identical=True, equal=True, differing=0, not_compared=reason)
