"""Text of a diagnosis, for error messages and for the views of reports."""

from __future__ import annotations

from netinspect.errors import Excerpt, ForwardError
from netinspect.records.report_header import Diagnosis, Operand
from netinspect.rendering import format_values
from netinspect.rendering.document import Line, line

_SHORT_PATH = 2
"""Number of modules on a path that the summary of a failure names."""

_LINES = 3
"""Maximum number of lines of torch's message if an explanation follows."""


def cause(diagnosis: Diagnosis) -> list[str]:
    """Return why forward failed, line by line: torch's message, the tensors, the sizes."""
    lines = f"{diagnosis.exception}: {diagnosis.message}".splitlines()
    if diagnosis.explanation and len(lines) > _LINES:
        # Torch lists all signatures of the function; the explanation below is about this call only.
        lines = [f"{lines[0]} …"]
    # The summary names the model or its child.
    if len(diagnosis.path) > _SHORT_PATH:
        lines.append(f"path: {' > '.join(diagnosis.path)}")
    devices = {each.spec.device for each in (*diagnosis.operands, *diagnosis.made)}
    with_device = devices != {"cpu"}
    lines += [f"{each.name}: {_operand(each, with_device)}" for each in diagnosis.operands]
    lines += [f"{each.name} made {_operand(each, with_device)}" for each in diagnosis.made]
    if diagnosis.explanation:
        lines.append(diagnosis.explanation)
    return lines


def _operand(operand: Operand, with_device: bool) -> str:
    sizes = ", ".join(
        f">{size}<" if position in operand.wrong else str(size)
        for position, size in enumerate(operand.spec.shape)
    )
    device = f" on {operand.spec.device}" if with_device else ""
    return f"({sizes}) {operand.spec.dtype}{device}"


def failure_note(diagnosis: Diagnosis) -> Line:
    """Return the note on a failed forward."""
    return line((f"FAILED: {diagnosis.summary}; the trace ends there", "failed"))


def _excerpt(diagnosis: Diagnosis) -> Excerpt | None:
    place = diagnosis.place
    return (
        Excerpt(place.text, *diagnosis.columns or (0, 0)) if place is not None and place.text else None
    )


def build_failure(diagnosis: Diagnosis) -> tuple[Line | Excerpt, ...]:
    """Return the lines of a diagnosis, shown below a report; the explanation and remedies are last."""
    lines: list[Line | Excerpt] = []
    if diagnosis.place is not None:
        lines.append(line((f"at {format_values.place(diagnosis.place)}", "hint")))
    if (excerpt := _excerpt(diagnosis)) is not None:
        lines.append(excerpt)
    known = [diagnosis.explanation] if diagnosis.explanation else []
    lines += [line((text, "total" if text in known else "")) for text in cause(diagnosis)]
    lines += [line((f"try: {remedy}", "remedy")) for remedy in diagnosis.remedies]
    return tuple(lines)


def forward_error(diagnosis: Diagnosis) -> ForwardError:
    """Return the error of a diagnosis."""
    place = diagnosis.place
    return ForwardError(
        diagnosis.summary,
        cause="\n".join(cause(diagnosis)),
        place=f"{place.file}:{place.line}" if place is not None else None,
        hint="\n".join(diagnosis.remedies) or "netinspect trace shows each step up to there",
        excerpt=_excerpt(diagnosis),
    )
