"""Record of the `tree` report of a checkpoint."""

from __future__ import annotations

from typing import ClassVar

from netinspect.records.base import record
from netinspect.records.checkpoint_header import CheckpointHeader, StoredTotals
from netinspect.reports.tree.record import TreeNode


@record
class CheckpointTree:
    """The module tree that the names of the tensors imply."""

    name: ClassVar[str] = "names"

    header: CheckpointHeader
    root: TreeNode
    """Its classes are empty where the file does not report them."""

    totals: StoredTotals
    ties: int
