"""Totals of a tracked run: bytes by category and module at each step."""

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
"""Bytes; torch's CUDA allocator allocates and counts multiples of this."""


def size_on(device: str) -> Callable[[Allocation], int]:
    """Return the function that returns the bytes of an allocation on a device."""
    if device == "cuda":
        return lambda allocation: -(-allocation.bytes // _BLOCK) * _BLOCK
    return lambda allocation: allocation.bytes


def peak_bytes(track: MemoryTrack, device: str) -> int:
    """Return the largest number of bytes allocated at once."""
    return max(totals(track, track.allocations, device))


def sums_by_category(track: MemoryTrack, device: str) -> dict[Category, list[int]]:
    """Return the bytes of each category allocated at each step."""
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
    """Return the bytes that modules hold at one step, by module path and category.

    Args:
        track: The run.
        index: Index of the step.
        device: The device whose rounding of allocations is used.
        depth: Deepest level of modules, to which deeper ones are added; None for all.
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
    """Return the bytes of the given allocations at each step."""
    size = size_on(device)
    changes = [0] * (len(track.steps) + 1)
    for each in allocations:
        changes[each.born] += size(each)
        if each.died is not None:
            changes[each.died + 1] -= size(each)
    return list(accumulate(changes[:-1]))


def categories(track: MemoryTrack) -> list[Category]:
    """Return the category of each allocation.

    In training, the activations are what forward allocated and had not freed when it ended, since
    backward needs it, and what checkpointed blocks compute again in backward. In inference, everything
    that forward allocated is an activation. Other allocations of operations are temporaries.
    """
    ends = {step.iteration: index for index, step in enumerate(track.steps) if step.phase == "forward"}
    return [_category(each, track, ends) for each in track.allocations]


def _category(allocation: Allocation, track: MemoryTrack, ends: dict[int, int]) -> Category:
    if allocation.kind != "made":
        return _OF_KIND[allocation.kind]
    step = track.steps[allocation.born]
    if step.phase == "forward":
        outlives_forward = allocation.died is None or allocation.died > ends[step.iteration]
        return "activations" if outlives_forward or not track.training else "temporaries"
    return "activations" if allocation.recomputed else "temporaries"


def highest(numbers: Sequence[int], start: int, end: int) -> int:
    """Return the index of the first largest number from `start` up to, not including, `end`."""
    return max(range(start, end), key=lambda index: (numbers[index], -index))
