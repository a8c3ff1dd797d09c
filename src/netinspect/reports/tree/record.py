"""Record of the `tree` report."""

from __future__ import annotations

from typing import ClassVar

from netinspect.records.base import record
from netinspect.records.report_header import ReportHeader, Tie, Totals


@record
class TreeNode:
    """One module of the tree, or several identical siblings folded into one line."""

    path: str
    name: str
    class_name: str
    extra: str
    parameters: int
    """Elements in the whole branch, each tied tensor counted once; of one sibling where folded."""

    own: tuple[str, ...]
    """Parameters and buffers set directly on it, as `name (sizes)`."""

    repeats: int
    """How many identical siblings this line stands for; 1 for itself alone."""

    last_name: str
    """Name of the last of them."""

    alias_of: str | None
    called: bool
    children: tuple[TreeNode, ...]


@record
class Tree:
    """The module tree."""

    name: ClassVar[str] = "tree"

    header: ReportHeader
    root: TreeNode
    totals: Totals
    ties: tuple[Tie, ...]
