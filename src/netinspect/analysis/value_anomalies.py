"""Anomalies in the statistics of named tensors."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal as OneOf

from netinspect._utils import units
from netinspect.records.distribution import Finding
from netinspect.records.named_tensors import NamedTensor

LARGE = 1e4
"""Magnitude above which a value of a weight is reported, as of training that diverged."""

_NAMED = 5
"""Maximum number of tensors that a finding names."""

Kind = OneOf["not finite", "large", "all zero", "constant", "not read"]
_KINDS: tuple[Kind, ...] = ("not read", "constant", "all zero", "large", "not finite")
"""From the least to the most serious."""


def severity(row: NamedTensor) -> int:
    """Return the severity of the anomaly of a tensor; 0 for a tensor without one."""
    kind = find_anomaly(row)
    return 0 if kind is None else _KINDS.index(kind) + 1


def find_anomaly(row: NamedTensor) -> Kind | None:
    """Return the most serious anomaly of a tensor.

    Biases, norms and other tensors with one dimension usually begin with one value in all elements, so
    that this is an anomaly only of tensors with several dimensions; so are large values.
    """
    found = row.statistics
    if found is None:
        return "not read" if row.not_read else None
    if found.nan or found.inf:
        return "not finite"
    if len(row.shape) < 2 or row.elements < 2 or found.min is None or found.max is None:
        return None
    if found.min == found.max:
        return "constant" if found.min else "all zero"
    is_float = row.dtype.startswith(("float", "bfloat"))
    return "large" if is_float and max(-found.min, found.max) > LARGE else None


def find_anomalies(rows: Iterable[NamedTensor]) -> list[Finding]:
    """Return the anomalies of tensors, the most serious first; tied tensors by their first name."""
    found: dict[tuple[Kind, str], list[NamedTensor]] = {}
    for row in rows:
        if row.counted and (kind := find_anomaly(row)) is not None:
            found.setdefault((kind, row.not_read), []).append(row)
    return [
        Finding(
            kind=kind,
            tensors=len(members),
            names=tuple(row.name for row in members[:_NAMED]),
            detail=_largest(members) if kind == "large" else reason,
        )
        for (kind, reason), members in sorted(found.items(), key=lambda each: -_KINDS.index(each[0][0]))
    ]


def _largest(rows: Iterable[NamedTensor]) -> str:
    extremes = [
        each for row in rows if row.statistics for each in (row.statistics.min, row.statistics.max)
    ]
    return units.decimal(max(abs(each) for each in extremes if each is not None))
