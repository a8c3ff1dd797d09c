"""What is reported below a list of stored tensors about their values."""

from __future__ import annotations

from netinspect._utils import units
from netinspect.records.distribution import Finding
from netinspect.rendering.document import Line, line
from netinspect.reports.params.checkpoint_record import CheckpointTensors

_GROUPS = 5
"""Groups of copies that are named."""

_WORDS = {
    "not finite": "NaN or infinity",
    "all zero": "all zero",
    "constant": "the same value in all elements",
    "copies": "equal in every bit",
    "near copies": "nearly equal",
    "not read": "not read",
}


def value_notes(report: CheckpointTensors) -> list[Line]:
    """Return what stands out, and what the columns mean."""
    notes: list[Line] = []
    told: dict[str, int] = {}
    for finding in report.findings:
        told[finding.kind] = told.get(finding.kind, 0) + 1
        if told[finding.kind] <= _GROUPS:
            notes.append(_note(finding))
    for kind, number in told.items():
        if number > _GROUPS:
            more = units.plural(number - _GROUPS, "more group")
            notes.append(line((f"{_WORDS[kind]}: {more}", "yellow")))
    notes.append(line(("mean, std (n - 1), min, max are over finite values", "dim")))
    spreads = [row.distribution for row in report.rows if row.distribution is not None]
    sampled = next((each.elements for each in spreads if not each.exact), None)
    text = "quantiles are exact"
    if sampled is not None:
        text = (
            f"quantiles are of {units.count(sampled)} elements drawn from larger tensors: within 0.8 "
            "percentage points for the median, 0.2 for 1 % and 99 %, in 19 of 20 cases"
        )
    if spreads:
        text += "; bars: from the 1 % to the 99 % quantile, with what is beyond"
        notes.append(line((text, "dim")))
    return notes


def _note(finding: Finding) -> Line:
    names = ", ".join(finding.names)
    if finding.tensors > len(finding.names):
        names += f" and {units.count(finding.tensors - len(finding.names))} more"
    text = _WORDS[finding.kind]
    if finding.kind == "near copies":
        text += f" (differing by {finding.detail} of their std)"
    elif finding.detail:
        text += f" ({finding.detail})"
    text += f": {names}"
    return line((text, "bold red" if finding.kind == "not finite" else "yellow"))
