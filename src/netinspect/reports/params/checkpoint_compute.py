"""Computation of the `params` report of a checkpoint."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from netinspect.analysis.checkpoints.totals import place_of, stored_totals
from netinspect.analysis.rows import ALL_ROWS, RowKeys, Selection
from netinspect.records.checkpoint import Checkpoint, StoredTensor
from netinspect.records.checkpoint_header import checkpoint_header
from netinspect.records.distribution import Finding, ValueSummary
from netinspect.reports.params.checkpoint_record import CheckpointTensors, StoredRow

ROW_KEYS: RowKeys[StoredRow] = RowKeys(
    path=lambda row: row.name,
    numbers={
        "elements": lambda row: row.elements,
        "bytes": lambda row: row.bytes,
        # The first offset comes first; unknown offsets precede it.
        "offset": lambda row: 1 if row.offset is None else -row.offset,
    },
)

_NAMED = 4
"""Other names that a row reports; a file may give one tensor thousands."""


def list_tensors(checkpoint: Checkpoint, selection: Selection = ALL_ROWS) -> CheckpointTensors:
    """List the named tensors of a checkpoint.

    Args:
        checkpoint: The checkpoint.
        selection: Rows to show.

    Raises:
        UsageError: There is no such sort key, or `top` is negative.
    """
    places = [place_of(tensor) for tensor in checkpoint.tensors]
    names: dict[object, list[str]] = {}
    for place, tensor in zip(places, checkpoint.tensors, strict=True):
        names.setdefault(place, []).append(tensor.name)
    sharing = Counter(tensor.storage for tensor in checkpoint.tensors)
    files = [file.name for file in checkpoint.files]
    rows = []
    for number, (place, tensor) in enumerate(zip(places, checkpoint.tensors, strict=True)):
        tied = names[place]
        rows.append(
            StoredRow(
                name=tensor.name,
                section=tensor.section,
                kind=tensor.kind,
                dtype=tensor.dtype,
                shape=tensor.shape,
                elements=tensor.elements,
                bytes=tensor.bytes,
                trainable=tensor.trainable,
                counted=tied[0] == tensor.name,
                tied_to=()
                if len(tied) == 1
                else tuple(name for name in tied[: _NAMED + 1] if name != tensor.name)[:_NAMED],
                storage=tensor.storage,
                sharing=sharing[tensor.storage],
                storage_bytes=tensor.bytes if tensor.storage_bytes is None else tensor.storage_bytes,
                shared_bytes=tensor.shared_bytes,
                layout=tensor.layout,
                stride=tensor.stride,
                file=_file(tensor, files),
                member=tensor.member,
                offset=tensor.position,
                number=number,
                pieces=tensor.pieces,
            )
        )
    shown, hidden = selection.apply(rows, ROW_KEYS)
    return CheckpointTensors(
        header=checkpoint_header(checkpoint),
        rows=shown,
        hidden=len(hidden),
        totals=stored_totals(checkpoint),
        ties=len(rows) - len(names),
    )


def _file(tensor: StoredTensor, files: Sequence[str]) -> str | None:
    """Name the file that holds a tensor, or those that hold its pieces."""
    if not tensor.pieces:
        return None if tensor.file is None else files[tensor.file]
    held = dict.fromkeys(each.file for each in tensor.pieces if each.file is not None)
    named = [files[each] for each in list(held)[:_NAMED]]
    more = len(held) - len(named)
    return ", ".join(named) + (f" and {more:,} more" if more else "") if named else None


def with_values(
    report: CheckpointTensors, summaries: Sequence[ValueSummary], findings: Sequence[Finding]
) -> CheckpointTensors:
    """Add what was found in the values.

    Args:
        report: The list.
        summaries: One for each row.
        findings: What stands out among them.
    """
    rows = tuple(
        replace(
            row,
            statistics=found.statistics,
            distribution=found.distribution,
            constant=found.constant,
            not_read=found.not_read,
        )
        for row, found in zip(report.rows, summaries, strict=True)
    )
    return replace(report, rows=rows, with_statistics=True, findings=tuple(findings))
