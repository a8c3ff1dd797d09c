"""Record of the `tree` report."""

from __future__ import annotations

from typing import ClassVar
from typing import Literal as OneOf

from netinspect.records.base import record
from netinspect.records.checkpoint_header import CheckpointHeader, StoredTotals
from netinspect.records.report_header import ReportHeader, Tie, Totals


@record
class TreeNode:
    """One module or prefix of names, or a run of identical siblings shown as one row."""

    path: str
    name: str
    class_name: str
    extra_repr: str
    parameters: int
    """Elements of the parameters in the whole branch, each tied tensor counted once; for a checkpoint,
    elements of all tensors."""

    own: tuple[str, ...]
    """Parameters and buffers registered directly on it, as `name (sizes)`."""

    repeats: int
    """Number of identical consecutive siblings of which this is the first; 1 for all others."""

    last_name: str
    """Name of the last of these siblings."""

    repeat_of: str | None
    """Path of the same branch in the first of its repeated siblings; None if it is in no later one."""

    alias_of: str | None
    called: bool
    children: tuple[TreeNode, ...]
    defined_at: str | None = None
    """Place of the class statement, `file:line`; None for torch's own classes and in a checkpoint."""

    trainable: OneOf["yes", "no", "partial", "none"] = "none"
    """Whether the parameters of the branch are trainable; `none` without any, and for a checkpoint."""

    tied: int = 0
    """Elements of its own parameters that are counted at an earlier module."""


@record
class Tree:
    """The module tree of a model, or the tree of the dotted names of a checkpoint."""

    name: ClassVar[str] = "tree"

    header: ReportHeader | CheckpointHeader
    root: TreeNode
    fold: bool
    """Whether people see identical siblings as one row."""

    totals: Totals | StoredTotals
    ties: tuple[Tie, ...]
    """Tied parameters and modules of a model; empty for a checkpoint."""
