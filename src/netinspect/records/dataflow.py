"""Data flow between the steps of a forward."""

from __future__ import annotations

from collections.abc import Sequence

from netinspect.records.steps import Step


def failed_step(steps: Sequence[Step]) -> Step | None:
    """Return the innermost failed step, which is the failed step that began last."""
    return next((step for step in reversed(steps) if step.failed), None)


def sources_of(step: Step, steps: Sequence[Step]) -> list[str]:
    """Return the names of the arguments that a step's inputs were computed from, direct ones first."""
    names: dict[str, None] = {}
    waiting, seen = [step.index], set[int]()
    while waiting:
        index = waiting.pop(0)
        if index not in seen:
            seen.add(index)
            names.update(dict.fromkeys(steps[index].arguments))
            waiting += steps[index].producers
    return list(names)
