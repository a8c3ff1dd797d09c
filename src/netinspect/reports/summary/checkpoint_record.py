"""Record of the `summary` report of a checkpoint."""

from __future__ import annotations

from typing import ClassVar

from netinspect.records.base import record
from netinspect.records.checkpoint import Entry, Graph
from netinspect.records.checkpoint_header import CheckpointHeader, Fact, PackedWeights, StoredTotals


@record
class Group:
    """All tensors below one prefix, or below each of several identical neighbours."""

    path: str
    name: str
    last_name: str
    """Name of the last of the neighbours."""

    repeats: int
    """How many of them; the numbers are of one."""

    last: tuple[bool, ...]
    """Whether each level above ends here, for the branches of the tree."""

    class_name: str
    """Where the file reports it."""

    tensors: int
    elements: int
    """What is under several names counts under the first."""

    bytes: int
    share: float
    """Of all bytes, for all neighbours together, and in each of those that it is in."""

    dtypes: tuple[str, ...]
    beside_tensors: int = 0
    """Tensors that it holds itself, next to the rows below it; 0 where there are none below."""

    beside_bytes: int = 0
    """Of these."""


@record
class FileShare:
    """What one of several files holds."""

    file: str
    tensors: int
    elements: int
    bytes: int
    """Of the tensors."""

    file_bytes: int


@record
class CheckpointSummary:
    """What a checkpoint is, and how its tensors are spread."""

    name: ClassVar[str] = "contents"

    header: CheckpointHeader
    what: str
    """What kind of checkpoint it is."""

    facts: tuple[Fact, ...]
    groups: tuple[Group, ...]
    hidden: int
    """Groups that were left out."""

    flat: bool
    """Whether they are in another order than that of the tree."""

    files: tuple[FileShare, ...]
    metadata: tuple[Entry, ...]
    graph: Graph | None
    totals: StoredTotals
    packed: tuple[PackedWeights, ...] = ()
    """Weights of which several are in one element, by the names of their tensors."""
