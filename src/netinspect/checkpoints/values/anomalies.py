"""Detection of anomalies in the values of a checkpoint: non-finite and constant tensors, copies."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np

from netinspect.checkpoints.values.compare import compare_pairs
from netinspect.checkpoints.values.data import CheckpointData, memory_of
from netinspect.checkpoints.values.dtypes import KINDS, Array, widen
from netinspect.checkpoints.values.fingerprints import same_content
from netinspect.checkpoints.values.threads import Workspace, in_threads
from netinspect.records.checkpoint import StoredTensor
from netinspect.records.comparison import Comparison
from netinspect.records.distribution import Finding, ValueSummary

_NAMED = 5
_GLANCE = 32
_NEAR = 0.05
"""Fraction of the standard deviation below which the RMS difference makes two tensors near copies."""

_MOST_ALIKE = 2000
"""Maximum number of tensors of one shape to compare for near copies; the work is quadratic."""

_MOST_PAIRS = 1000

Pair = tuple[StoredTensor, ValueSummary]


def detect_anomalies(
    data: CheckpointData, tensors: Sequence[StoredTensor], summaries: Sequence[ValueSummary]
) -> list[Finding]:
    """Return the anomalies in the values of tensors.

    Copies are equal in dtype, shape and every bit. Near copies have the same shape, and their root mean
    squared difference is below 5 % of their standard deviation. Constant tensors and tied names are not
    copies.

    Args:
        data: The open checkpoint.
        tensors: Some of its tensors.
        summaries: The value summary of each tensor.

    Raises:
        CheckpointError: A file ends too early.
        LoadError: A file cannot be read, or has changed.
    """
    pairs = list(zip(tensors, summaries, strict=True))
    found = [
        *_one("not finite", [tensor for tensor, each in pairs if _is_not_finite(each)]),
        *_one("all zero", [tensor for tensor, each in pairs if each.constant and _is_zero(each)]),
        *_one("constant", [tensor for tensor, each in pairs if each.constant and not _is_zero(each)]),
    ]
    various = _once([(tensor, each) for tensor, each in pairs if _varies(each)])
    groups = same_content([(data, tensor) for tensor, _ in various])
    found += [_finding("copies", [various[number][0] for number in group]) for group in groups]
    again = {number for group in groups for number in group[1:]}
    found += _near_copies(data, [each for number, each in enumerate(various) if number not in again])
    reasons = dict.fromkeys(each.not_read for _, each in pairs if each.not_read)
    for reason in reasons:
        found += _one("not read", [tensor for tensor, each in pairs if each.not_read == reason], reason)
    return found


def _once(pairs: Sequence[Pair]) -> list[Pair]:
    """Keep the first name of each memory."""
    first: dict[object, Pair] = {}
    for tensor, each in pairs:
        first.setdefault(memory_of(tensor), (tensor, each))
    return list(first.values())


def _is_not_finite(found: ValueSummary) -> bool:
    return found.statistics is not None and found.statistics.nan + found.statistics.inf > 0


def _is_zero(found: ValueSummary) -> bool:
    return found.statistics is not None and found.statistics.max == found.statistics.min == 0


def _varies(found: ValueSummary) -> bool:
    return bool(found.distribution and found.distribution.bars)


Kind = Literal["not finite", "all zero", "constant", "copies", "near copies", "not read"]


def _finding(kind: Kind, tensors: Sequence[StoredTensor], detail: str = "") -> Finding:
    names = tuple(tensor.name for tensor in tensors[:_NAMED])
    return Finding(kind=kind, tensors=len(tensors), names=names, detail=detail)


def _one(kind: Kind, tensors: Sequence[StoredTensor], detail: str = "") -> list[Finding]:
    return [_finding(kind, tensors, detail)] if tensors else []


def _near_copies(data: CheckpointData, various: Sequence[Pair]) -> list[Finding]:
    """Find pairs that are nearly equal, first by a few elements and then by all."""
    similar: dict[tuple[int, ...], list[int]] = {}
    for number, (tensor, _) in enumerate(various):
        similar.setdefault(tensor.shape, []).append(number)
    chosen = [
        (members[one], members[other])
        for members in similar.values()
        if 1 < len(members) <= _MOST_ALIKE
        for one, other in _pairs_at_a_glance(data, [various[number] for number in members])
    ][:_MOST_PAIRS]
    compared = compare_pairs(data, data, [(various[one][0], various[other][0]) for one, other in chosen])
    groups: dict[int, tuple[list[StoredTensor], list[float]]] = {}
    for (one, other), comparison in zip(chosen, compared, strict=True):
        (left, first), (right, second) = various[one], various[other]
        distance = _apart(comparison, _rms(first)) / min(_std(first), _std(second))
        if distance < _NEAR:
            members, distances = groups.setdefault(one, ([left], []))
            groups[other] = members, distances
            members.append(right)
            distances.append(distance)
    return [
        _finding("near copies", members, f"{max(distances):.2g}")
        for number, (members, distances) in groups.items()
        if various[number][0] is members[0]
    ]


def _std(found: ValueSummary) -> float:
    return found.statistics.std or 0.0 if found.statistics is not None else 0.0


def _rms(found: ValueSummary) -> float:
    """Return the root mean square, without the correction of n to n - 1."""
    mean = found.statistics.mean or 0.0 if found.statistics is not None else 0.0
    return math.hypot(mean, _std(found))


def _apart(found: Comparison, size: float) -> float:
    """Return the root mean squared difference."""
    return math.inf if found.relative_norm is None else found.relative_norm * size


def _pairs_at_a_glance(data: CheckpointData, group: Sequence[Pair]) -> list[tuple[int, int]]:
    """Return pairs whose first elements are nearly equal relative to their standard deviations."""
    glances = np.array(
        in_threads(group, lambda each, workspace: _glance(data, each[0], workspace)), dtype="f8"
    )
    deviations = np.array([_std(each) for _, each in group])
    found = []
    for number in range(len(group) - 1):
        if not deviations[number]:
            continue
        with np.errstate(all="ignore"):
            apart = glances[number + 1 :] - glances[number]
            near = (apart**2).mean(axis=1) < (4 * _NEAR * deviations[number]) ** 2
            near &= deviations[number + 1 :] > deviations[number] / 2
        # Pairs of neighbours suffice: three similar tensors make two pairs.
        found += [(number, number + 1 + int(other)) for other in np.flatnonzero(near)[:1]]
    return found


def _glance(data: CheckpointData, tensor: StoredTensor, workspace: Workspace) -> Array:
    """Return some elements from the middle, which is rarely padding."""
    size = min(_GLANCE, tensor.elements)
    start = (tensor.elements - size) // 2
    kind = KINDS[tensor.dtype]
    for raw in data.pieces(tensor, start, start + size, workspace):
        x = widen(tensor.dtype, raw, workspace.take("wide", kind.wide, len(raw)))
        return x.astype("f8")
    raise AssertionError(f"{tensor.name} has no element")
