"""Text of a diagnosis, for error messages and for the views of reports."""

from __future__ import annotations

from netinspect.errors import ForwardError
from netinspect.records.report_header import Diagnosis, Operand
from netinspect.rendering import format_values
from netinspect.rendering.document import Line, line

_LINES = 3
"""Maximum number of lines of torch's message if an explanation follows."""


def cause(diagnosis: Diagnosis) -> list[str]:
    """Return why forward failed, line by line: torch's message, the code, the tensors, the sizes."""
    lines = f"{diagnosis.exception}: {diagnosis.message}".splitlines()
    if diagnosis.explanation and len(lines) > _LINES:
        # Torch lists all signatures of the function; the explanation below is about this call only.
        lines = [f"{lines[0]} …"]
    if diagnosis.place is not None and diagnosis.place.text:
        lines.append(f"line: {diagnosis.place.text}")
    if len(diagnosis.path) > 1:
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


def build_failure(diagnosis: Diagnosis) -> tuple[Line, ...]:
    """Return the lines of a diagnosis, shown below a report."""
    lines = []
    if diagnosis.place is not None:
        lines.append(line((f"at {format_values.place(diagnosis.place)}", "hint")))
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
    )
