"""Sums over a tracked run: how much there was of what, at each step."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate
from typing import Literal as OneOf

from netinspect.records.memory import Allocation, MemoryTrack

Category = OneOf[
    "parameters", "buffers", "inputs", "gradients", "optimizer_states", "activations", "temporaries"
]
CATEGORIES: tuple[Category, ...] = (
    "parameters", "buffers", "inputs", "gradients", "optimizer_states", "activations", "temporaries",
)  # fmt: skip

_OF_KIND: dict[str, Category] = {
    "parameter": "parameters",
    "buffer": "buffers",
    "input": "inputs",
    "gradient": "gradients",
    "optimizer_state": "optimizer_states",
}
_BLOCK = 512
"""Bytes: torch's CUDA allocator gives out multiples of this, and counts them so."""


def size_on(device: str) -> Callable[[Allocation], int]:
    """Return how much of a device's memory an allocation takes, in bytes."""
    if device == "cuda":
        return lambda allocation: -(-allocation.bytes // _BLOCK) * _BLOCK
    return lambda allocation: allocation.bytes


def peak_bytes(track: MemoryTrack, device: str) -> int:
    """Return the largest sum of what was there at once, in bytes."""
    return max(totals(track, track.allocations, device))


def sums_by_category(track: MemoryTrack, device: str) -> dict[Category, list[int]]:
    """Return how many bytes of each category were there at each step."""
    kinds = categories(track)
    return {
        category: totals(
            track,
            (each for each, kind in zip(track.allocations, kinds, strict=True) if kind == category),
            device,
        )
        for category in CATEGORIES
    }


def held_at(
    track: MemoryTrack, index: int, device: str, depth: int | None
) -> dict[str, dict[Category, int]]:
    """Return what modules hold at one step, in bytes, by their paths; deeper ones add to those above.

    Args:
        track: The run.
        index: Of the step.
        device: Whose rounding of allocations is followed.
        depth: Deepest level of modules; None for all.
    """
    size = size_on(device)
    held: dict[str, dict[Category, int]] = {}
    for each, kind in zip(track.allocations, categories(track), strict=True):
        if each.born <= index and (each.died is None or each.died >= index):
            path = each.module if depth is None else ".".join(each.module.split(".")[:depth])
            amounts = held.setdefault(path, {})
            amounts[kind] = amounts.get(kind, 0) + size(each)
    return held


def totals(track: MemoryTrack, allocations: Iterable[Allocation], device: str) -> list[int]:
    """Return how many bytes of some allocations were there at each step."""
    size = size_on(device)
    changes = [0] * (len(track.steps) + 1)
    for each in allocations:
        changes[each.born] += size(each)
        if each.died is not None:
            changes[each.died + 1] -= size(each)
    return list(accumulate(changes[:-1]))


def categories(track: MemoryTrack) -> list[Category]:
    """Describe of each allocation what it was for.

    An activation is what forward made and, in training, what was still there when it had ended, since
    backward needs it; what a recomputing block makes again in backward is one too. All else that an
    operation made is a temporary.
    """
    ends = {step.iteration: index for index, step in enumerate(track.steps) if step.phase == "forward"}
    return [_category(each, track, ends) for each in track.allocations]


def _category(allocation: Allocation, track: MemoryTrack, ends: dict[int, int]) -> Category:
    if allocation.kind != "made":
        return _OF_KIND[allocation.kind]
    step = track.steps[allocation.born]
    if step.phase == "forward":
        kept = allocation.died is None or allocation.died > ends[step.iteration]
        return "activations" if kept or not track.training else "temporaries"
    return "activations" if allocation.recomputed else "temporaries"


def highest(numbers: Sequence[int], start: int, end: int) -> int:
    """Return where the largest of some numbers is, the first of several; `end` is one too far."""
    return max(range(start, end), key=lambda index: (numbers[index], -index))
