"""Record of the `summary` report of a checkpoint."""

from __future__ import annotations

from typing import ClassVar

from netinspect.records.base import Number, record
from netinspect.records.checkpoint import Entry, Graph
from netinspect.records.checkpoint_header import CheckpointHeader, Fact, PackedWeights, StoredTotals


@record
class Group:
    """All tensors below one prefix."""

    path: str
    name: str
    last_name: str
    """Name of the last of its identical siblings; empty if it has no others."""

    repeats: int
    """Number of identical consecutive siblings of which this is the first; 1 for all others."""

    level: int
    """Level in the tree of names, 0 at the top."""

    class_name: str
    """Class of the module; empty if the file does not contain it."""

    tensors: int
    elements: int
    """Elements, without tensors that were counted under an earlier name."""

    bytes: int
    share: Number
    """Share of all bytes, 0 to 1."""

    dtypes: tuple[str, ...]
    direct_tensors: int = 0
    """Number of tensors directly in the group if it has rows below it, else 0."""

    direct_bytes: int = 0
    """Bytes of these tensors."""

    repeat_of: str | None = None
    """Path of the same group in the first of its repeated siblings; None if it is in no later one."""


@record
class FileShare:
    """Tensors in one of several files."""

    file: str
    tensors: int
    elements: int
    bytes: int
    """Bytes of the tensors."""

    file_bytes: int


@record
class CheckpointSummary:
    """Kind and properties of a checkpoint, and its tensors in groups."""

    name: ClassVar[str] = "contents"

    header: CheckpointHeader
    what: str
    """Kind of the checkpoint, such as `state dict`."""

    facts: tuple[Fact, ...]
    groups: tuple[Group, ...]
    hidden: int
    """Number of groups that a filter or limit left out."""

    flat: bool
    """Whether groups are sorted or filtered, and so not shown as a tree."""

    fold: bool
    """Whether people see identical siblings as one row."""

    files: tuple[FileShare, ...]
    metadata: tuple[Entry, ...]
    graph: Graph | None
    totals: StoredTotals
    packed: tuple[PackedWeights, ...] = ()
    """Packed weights, inferred from the names of their tensors."""
