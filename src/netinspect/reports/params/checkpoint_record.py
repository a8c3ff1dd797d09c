"""Record of the `params` report of a checkpoint."""

from __future__ import annotations

from typing import ClassVar
from typing import Literal as OneOf

from netinspect.records.base import record
from netinspect.records.checkpoint import StoredPiece
from netinspect.records.checkpoint_header import CheckpointHeader, StoredTotals
from netinspect.records.distribution import Distribution, Finding
from netinspect.records.tensors import Statistics


@record
class StoredRow:
    """One named tensor of a checkpoint."""

    name: str
    section: str
    """The start of the name that leads to the dictionary that holds it."""

    kind: OneOf["parameter", "buffer", "tensor"]
    dtype: str
    shape: tuple[int, ...]
    elements: int
    bytes: int
    trainable: bool | None
    counted: bool
    """False where the same elements were counted under an earlier name."""

    tied_to: tuple[str, ...]
    """Its other names, the first few of them."""

    storage: int
    sharing: int
    """Tensors that are in the same memory, itself among them."""

    storage_bytes: int
    """Of that memory."""

    layout: str
    stride: tuple[int, ...] | None
    file: str | None
    """Where it is stored in pieces, the files of the first few of them, with commas between."""

    member: str
    offset: int | None
    """Offset of its first element in the file, in bytes."""

    statistics: Statistics | None = None
    distribution: Distribution | None = None
    shared_bytes: int = 0
    """Of its bytes those of an inner tensor that an earlier one is made of too."""

    constant: bool = False
    """Whether it has several elements, which are all the same finite value; reported with statistics."""

    not_read: str = ""
    """Why statistics were asked for and there are none; empty where that is not so."""

    number: int = 0
    """Its place in the checkpoint, from 0."""

    pieces: tuple[StoredPiece, ...] = ()
    """The boxes that it is stored in, in files of `header.files`; empty where it is stored as one."""


@record
class CheckpointTensors:
    """Every named tensor of a checkpoint."""

    name: ClassVar[str] = "tensors"

    header: CheckpointHeader
    rows: tuple[StoredRow, ...]
    hidden: int
    totals: StoredTotals
    ties: int
    """Names that stand for elements which were counted under an earlier one."""

    with_statistics: bool = False
    findings: tuple[Finding, ...] = ()
    """What stands out in the values of the rows; only with statistics."""
