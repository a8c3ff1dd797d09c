"""Computation of the `summary` report of a checkpoint."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

from netinspect.analysis.checkpoints.facts import describe_kind, find_facts
from netinspect.analysis.checkpoints.name_tree import Branch, build_branches, find_repeats
from netinspect.analysis.checkpoints.optimizer_states import optimizer_paths
from netinspect.analysis.checkpoints.packed_weights import find_packed
from netinspect.analysis.checkpoints.totals import first_of_each, stored_totals
from netinspect.analysis.repeats import Repeats
from netinspect.analysis.rows import ALL_ROWS, RowKeys, Selection, refuse_negative
from netinspect.records.checkpoint import Checkpoint
from netinspect.records.checkpoint_header import checkpoint_header
from netinspect.reports.summary.checkpoint_record import CheckpointSummary, FileShare, Group

ROW_KEYS: RowKeys[Group] = RowKeys(
    path=lambda group: group.path,
    numbers={
        "elements": lambda group: group.elements * group.repeats,
        "bytes": lambda group: group.bytes * group.repeats,
        "share": lambda group: group.bytes * group.repeats,
        "tensors": lambda group: group.tensors * group.repeats,
    },
    path_key="path",
)


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
        fold: Whether the state of an optimizer, which has one branch per parameter, has one row.

    Raises:
        UsageError: There is no such sort key, or a limit is negative.
    """
    refuse_negative("depth", depth)
    totals = stored_totals(checkpoint)
    root = build_branches(checkpoint)
    folded = optimizer_paths(checkpoint) if fold else frozenset[str]()
    groups = [
        Group(
            path=run[0].path,
            name=run[0].name,
            last_name=run[-1].name,
            repeats=len(run),
            level=level,
            class_name=run[0].class_name,
            tensors=run[0].count,
            elements=run[0].elements,
            bytes=run[0].bytes,
            share=times * run[0].bytes / totals.bytes if totals.bytes else 0.0,
            dtypes=tuple(run[0].dtypes),
            direct_tensors=len(run[0].tensors) if parts else 0,
            direct_bytes=run[0].bytes - sum(each.bytes for each in parts) if parts else 0,
        )
        for run, level, times, parts in _walk(find_repeats(root), (root,), 0, depth, folded)
    ]
    shown, hidden = selection.apply(groups, ROW_KEYS)
    return CheckpointSummary(
        header=checkpoint_header(checkpoint),
        what=describe_kind(checkpoint),
        facts=find_facts(checkpoint),
        groups=shown,
        hidden=len(hidden),
        flat=selection.is_list or bool(hidden),
        files=_files(checkpoint),
        metadata=checkpoint.metadata,
        graph=checkpoint.graph,
        totals=totals,
        packed=find_packed(checkpoint),
    )


class _Shown(NamedTuple):
    """A run of identical branches that has a row."""

    run: tuple[Branch, ...]
    level: int
    times: int
    """Number of these branches in the whole checkpoint, including those in folded branches above."""

    parts: list[Branch]
    """Children of the first branch that have rows."""


def _walk(
    repeats: Repeats[Branch],
    run: tuple[Branch, ...],
    level: int,
    depth: int | None,
    folded: frozenset[str],
    times: int = 1,
) -> Iterator[_Shown]:
    times *= len(run)
    is_end = depth == 0 or run[0].path in folded
    yield _Shown(run, level, times, [] if is_end else list(run[0].children.values()))
    if is_end:
        return
    deeper = None if depth is None else depth - 1
    for each in repeats.runs(run[0]):
        yield from _walk(repeats, each, level + 1, deeper, folded, times)


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
