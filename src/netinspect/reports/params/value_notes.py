"""Notes on the values of named tensors."""

from __future__ import annotations

from netinspect._utils import units
from netinspect.records.checkpoint_header import StoredTotals
from netinspect.records.distribution import Finding
from netinspect.rendering.document import Line, line
from netinspect.reports.params.record import Parameters

_MAX_FINDINGS = 5
"""Maximum number of listed findings of one kind."""

_KINDS = {
    "not finite": "NaN or infinity",
    "large": "values above 10,000",
    "all zero": "all zero",
    "constant": "the same value in all elements",
    "copies": "equal in every bit",
    "near copies": "nearly equal",
    "not read": "not read",
}


def value_notes(report: Parameters) -> list[Line]:
    """Return notes on anomalies, on tensors without statistics and on the columns of statistics."""
    notes = _finding_notes(report.findings)
    if report.skipped:
        tensors = report.totals.tensors if isinstance(report.totals, StoredTotals) else 0
        text = (
            f"values of {units.count(report.skipped)} of {units.plural(tensors, 'tensor')} were not read"
        )
        notes.append(line((f"{text} (--include, --exclude)", "warning")))
    if any(row.statistics is not None and row.dtype.startswith("complex") for row in report.rows):
        notes.append(line(("of complex values only zeros, NaN and infinities are counted", "hint")))
    notes.append(line(("mean, std (n - 1), min, max are over finite values", "hint")))
    distributions = [row.distribution for row in report.rows if row.distribution is not None]
    sampled = next((each.elements for each in distributions if not each.exact), None)
    text = "quantiles are exact"
    if sampled is not None:
        text = (
            f"quantiles are of {units.count(sampled)} elements drawn from larger tensors: within 0.8 "
            "percentage points for the median, 0.2 for 1 % and 99 %, in 19 of 20 cases"
        )
    if distributions:
        text += "; bars: from the 1 % to the 99 % quantile, with what is beyond"
        notes.append(line((text, "hint")))
    return notes


def _finding_notes(findings: tuple[Finding, ...]) -> list[Line]:
    notes: list[Line] = []
    counts: dict[str, int] = {}
    for finding in findings:
        counts[finding.kind] = counts.get(finding.kind, 0) + 1
        if counts[finding.kind] <= _MAX_FINDINGS:
            notes.append(_finding_note(finding))
    for kind, count in counts.items():
        if count > _MAX_FINDINGS:
            more = units.plural(count - _MAX_FINDINGS, "more group")
            notes.append(line((f"{_KINDS[kind]}: {more}", "warning")))
    return notes


def _finding_note(finding: Finding) -> Line:
    names = ", ".join(finding.names)
    if finding.tensors > len(finding.names):
        names += f" and {units.count(finding.tensors - len(finding.names))} more"
    text = _KINDS[finding.kind]
    if finding.kind == "near copies":
        text += f" (differing by {finding.detail} of their std)"
    elif finding.kind == "large":
        text += f" (up to {finding.detail})"
    elif finding.detail:
        text += f" ({finding.detail})"
    text += f": {names}"
    return line((text, "failed" if finding.kind == "not finite" else "warning"))
