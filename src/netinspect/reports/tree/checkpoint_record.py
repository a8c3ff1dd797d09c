"""What `tree` finds in a checkpoint."""

from __future__ import annotations

from typing import ClassVar

from netinspect.records.base import record
from netinspect.records.checkpoint_header import StoredSubject, StoredTotals
from netinspect.reports.tree.record import TreeNode


@record
class NameTree:
    """The module tree that the names of the tensors imply."""

    name: ClassVar[str] = "names"

    subject: StoredSubject
    root: TreeNode
    """Its classes are empty where the file does not tell them."""

    totals: StoredTotals
    ties: int
