"""Title, totals and warnings of the reports on checkpoints."""

from __future__ import annotations

from netinspect._utils import units
from netinspect.records.checkpoint_header import CheckpointHeader, StoredTotals
from netinspect.rendering.document import Line, line

_DTYPES = 4


def title(header: CheckpointHeader, *, path: str = "") -> Line:
    """Return the first line of a report: file, part of it, format and size."""
    size = units.size(sum(file.bytes for file in header.files))
    files = f", {units.plural(len(header.files), 'file')}" if len(header.files) > 1 else ""
    part = f"  {path}" if path else ""
    return line((f"{header.target}{part}", "title"), (f"  {header.format}{files}, {size}", "hint"))


def total_notes(totals: StoredTotals, *, of: str = "") -> list[Line]:
    """Return the totals in words.

    Args:
        totals: Totals of the whole checkpoint.
        of: Name of the whole checkpoint, if only a part of it is shown.
    """
    parts = [
        f"{each.dtype} {units.percent(each.bytes / totals.bytes if totals.bytes else 0)}"
        for each in totals.dtypes[:_DTYPES]
    ]
    if len(totals.dtypes) > _DTYPES:
        parts.append(f"{len(totals.dtypes) - _DTYPES} more")
    dtypes = totals.dtypes[0].dtype if len(totals.dtypes) == 1 else ", ".join(parts)
    text = f"{units.plural(totals.tensors, 'tensor')}, {units.plural(totals.elements, 'element')}"
    if totals.tensors:
        text += f", {units.size(totals.bytes)} ({dtypes})"
    notes = [line((f"all of {of}: {text}" if of else text, "total"))]
    if totals.tied:
        names = units.plural(totals.tied, "name")
        notes.append(line(f"tied: {names} of tensors with an earlier name; each tensor counts once"))
    if totals.storage_bytes > totals.bytes:
        notes.append(
            line(
                f"the file holds {units.size(totals.storage_bytes)} of memory for them: views of larger "
                "tensors were saved with all that they are views of"
            )
        )
    return notes


def remarks(header: CheckpointHeader) -> list[Line]:
    """Return the problems and warnings of a checkpoint."""
    return [
        *(line((f"PROBLEM: {text}", "failed")) for text in header.problems),
        *(line((f"note: {text}", "warning")) for text in header.warnings),
    ]
