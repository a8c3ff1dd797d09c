"""What a report is about; the same head for every report."""

from __future__ import annotations

from netinspect.analyze.diagnose import diagnose
from netinspect.records.reports.common import Subject
from netinspect.records.trace import Trace


def subject(trace: Trace) -> Subject:
    """Take the head of a report from a trace."""
    return Subject(
        target=trace.target,
        class_name=trace.class_name,
        versions=trace.versions,
        ran=trace.ran,
        inputs=trace.inputs,
        mode=trace.mode,
        lane=trace.lane,
        seed=trace.seed,
        failure=diagnose(trace),
        warnings=trace.warnings,
        symbolic=trace.symbolic,
    )
