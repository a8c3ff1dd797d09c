"""Refinements of inputs that are concatenated: their sizes must add up to what a layer expects."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from netinspect.analysis.diagnosis.mismatch import Mismatch
from netinspect.inputs.infer.candidate import Candidate, Guess
from netinspect.inputs.infer.refinements.failed_attempt import FailedAttempt
from netinspect.records.dataflow import sources_of
from netinspect.records.steps import Step
from netinspect.records.values import Literal, tensors_in

_JOINS = frozenset(("cat", "concat", "concatenate", "hstack"))
_SINGLE = re.compile(r"(.*_)?(masks?|alpha|depth|heatmap|edge|trimap|density)")
"""Inputs that usually have one channel."""

_PICTURE = 3


def shared_size(failed: FailedAttempt) -> Iterator[Candidate]:
    """Yield candidates in which inputs that are concatenated have the expected size together.

    Each of them may have been guessed from the layer that takes them all.
    """
    step = failed.step
    sizes = failed.expected("size")
    if step is None or not sizes:
        return
    for join in _joins_before(step, failed.result.forward.steps):
        at = _dimension(join)
        output = next(tensors_in(join.output), None) if join.output is not None else None
        if at is None or output is None:
            continue
        at %= len(output.shape)
        for each in sizes:
            if output.shape[at] == each.got:
                yield from _divided(failed, join, at, each)


def _joins_before(step: Step, steps: tuple[Step, ...]) -> Iterator[Step]:
    """Yield the concatenations that a step was computed from, the nearest first."""
    waiting, seen = [*step.producers], set[int]()
    for index in waiting:
        if index not in seen:
            seen.add(index)
            if steps[index].name in _JOINS:
                yield steps[index]
            waiting += steps[index].producers


def _dimension(join: Step) -> int | None:
    if join.name == "hstack":
        return 1
    value = next((item.value for item in join.inputs.items if item.key in ("1", "dim", "axis")), None)
    if value is None:
        return 0
    text = value.text if isinstance(value, Literal) else ""
    return int(text) if text.lstrip("-").isdigit() else None


def _divided(failed: FailedAttempt, join: Step, at: int, size: Mismatch) -> Iterator[Candidate]:
    candidate = failed.candidate
    names: dict[str, int] = {}
    for spec, origin in zip(tensors_in(join.inputs), join.input_origins, strict=False):
        for name in sources_of([origin], failed.result.forward.steps)[:2]:
            guess = candidate.get(name)
            if guess is not None and guess.spec.shape[at:][:1] == spec.shape[at:][:1]:
                names.setdefault(name, guess.spec.shape[at])
    if not names or not isinstance(size.expected, int) or not isinstance(size.got, int):
        return
    total = size.expected - (size.got - sum(names.values()))
    # All others may be right, as one that was reshaped to its known size.
    divisions = [{**names, name: total - sum(names.values()) + own} for name, own in names.items()]
    if len(names) > 1:
        shared = _shares(list(names), total, at, candidate)
        # Pictures have equal channels; of features, all but one are more likely to be right.
        is_picture = any(len(candidate[name].spec.shape) == 4 for name in names)
        divisions.insert(0 if is_picture else len(divisions), shared)
    for shares in divisions:
        changed = [name for name in names if shares[name] != names[name]]
        together = " of all that is concatenated" if len(changed) > 1 else ""
        if min(shares.values()) > 0 and changed:
            yield {
                name: guess.resized({at: shares[name]}, f"solved from {size.requirement}{together}")
                if name in changed
                else guess
                for name, guess in candidate.items()
            }


def _shares(names: list[str], total: int, at: int, candidate: Mapping[str, Guess]) -> dict[str, int]:
    """Divide a size: a mask has one channel, and the others have equal shares, the first the rest."""
    is_picture = at == 1 and any(len(candidate[name].spec.shape) == 4 for name in names)
    single = [name for name in names if is_picture and _SINGLE.fullmatch(name)]
    others = [name for name in names if name not in single]
    if not others or total - len(single) < len(others):
        single, others = [], names
    left = total - len(single)
    if is_picture and len(others) == 2 and left == _PICTURE + 1:
        return {others[0]: _PICTURE, others[1]: 1}
    share, rest = divmod(left, len(others))
    shares = dict.fromkeys(single, 1)
    return shares | {name: share + (rest if name == others[0] else 0) for name in others}
