"""Computation of the `summary` report of a checkpoint."""

from __future__ import annotations

import math

from netinspect.analysis.checkpoints.facts import describe_kind, find_facts
from netinspect.analysis.checkpoints.name_tree import build_branches, find_repeats
from netinspect.analysis.checkpoints.optimizer_states import optimizer_paths
from netinspect.analysis.checkpoints.packed_weights import find_packed
from netinspect.analysis.checkpoints.totals import first_of_each, stored_totals
from netinspect.analysis.rows import ALL_ROWS, RowKeys, Selection, refuse_negative
from netinspect.records.checkpoint import Checkpoint
from netinspect.records.checkpoint_header import checkpoint_header
from netinspect.reports.summary.checkpoint_record import CheckpointSummary, FileShare, Group

ROW_KEYS: RowKeys[Group] = RowKeys(
    path=lambda group: group.path,
    numbers={
        "elements": lambda group: group.elements,
        "bytes": lambda group: group.bytes,
        "share": lambda group: group.bytes,
        "tensors": lambda group: group.tensors,
    },
    path_key="path",
)


_NO_LIMIT = -1
"""Depth of an outline that no level is equal to."""


def build_checkpoint_summary(
    checkpoint: Checkpoint,
    selection: Selection = ALL_ROWS,
    *,
    depth: int | None = None,
    fold: bool = True,
) -> CheckpointSummary:
    """Build the summary of a checkpoint.

    Args:
        checkpoint: The checkpoint.
        selection: Rows to show.
        depth: Deepest level of names with rows of its own; None for all.
        fold: Whether people see identical siblings as one row, and the state of an optimizer, which has
            one branch per parameter, has one row.

    Raises:
        UsageError: There is no such sort key, or a limit is negative.
    """
    refuse_negative("depth", depth)
    totals = stored_totals(checkpoint)
    root = build_branches(checkpoint)
    closed = optimizer_paths(checkpoint) if fold else frozenset[str]()
    outline = find_repeats(root).outline(
        _NO_LIMIT if depth is None else depth, ends=lambda branch: branch.path in closed
    )
    groups = []
    for entry in outline:
        branch = entry.node
        is_end = entry.level == depth or branch.path in closed
        parts = [] if is_end else branch.children.values()
        groups.append(
            Group(
                path=branch.path,
                name=branch.name,
                last_name=entry.run[-1].name if len(entry.run) > 1 else "",
                repeats=len(entry.run),
                level=entry.level,
                class_name=branch.class_name,
                tensors=branch.count,
                elements=branch.elements,
                bytes=branch.bytes,
                share=branch.bytes / totals.bytes if totals.bytes else 0.0,
                dtypes=tuple(branch.dtypes),
                direct_tensors=len(branch.tensors) if parts else 0,
                direct_bytes=branch.bytes - sum(each.bytes for each in parts) if parts else 0,
                repeat_of=None if entry.repeat_of is None else entry.repeat_of.path,
            )
        )
    shown, hidden = selection.apply(groups, ROW_KEYS, deeper=depth is not None)
    return CheckpointSummary(
        header=checkpoint_header(checkpoint),
        what=describe_kind(checkpoint),
        facts=find_facts(checkpoint),
        groups=shown,
        hidden=len(hidden),
        flat=selection.is_list or bool(hidden),
        fold=fold,
        files=_files(checkpoint),
        metadata=checkpoint.metadata,
        graph=checkpoint.graph,
        totals=totals,
        packed=find_packed(checkpoint),
    )


def _files(checkpoint: Checkpoint) -> tuple[FileShare, ...]:
    if len(checkpoint.files) < 2:
        return ()
    sums = [[0, 0, 0] for _ in checkpoint.files]
    for tensor in first_of_each(checkpoint.tensors):
        if tensor.pieces:
            for piece in tensor.pieces:
                if piece.file is not None:
                    each, elements = sums[piece.file], math.prod(piece.sizes)
                    each[0] += 1
                    each[1] += elements
                    each[2] += tensor.bytes * elements // max(1, tensor.elements)
        elif tensor.file is not None:
            each = sums[tensor.file]
            each[0] += 1
            each[1] += tensor.elements
            each[2] += tensor.counted_bytes
    return tuple(
        FileShare(file=file.name, tensors=tensors, elements=elements, bytes=size, file_bytes=file.bytes)
        for file, (tensors, elements, size) in zip(checkpoint.files, sums, strict=True)
    )
