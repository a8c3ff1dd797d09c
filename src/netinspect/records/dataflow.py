"""Data flow between the steps of a forward."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from netinspect.records.steps import Origin, Step


def failed_step(steps: Sequence[Step]) -> Step | None:
    """Return the innermost failed step, which is the failed step that began last."""
    return next((step for step in reversed(steps) if step.failed), None)


def sources_of(origins: Iterable[Origin], steps: Sequence[Step]) -> list[str]:
    """Return the names of the arguments that tensors were computed from, direct ones first.

    Args:
        origins: Origins of the tensors.
        steps: The steps of forward.
    """
    names: dict[str, None] = {}
    waiting, seen = list(origins), set[int]()
    for origin in waiting:
        names.update(dict.fromkeys(origin.arguments))
        for index in origin.producers:
            if index not in seen:
                seen.add(index)
                waiting += steps[index].input_origins
    return list(names)
