"""Header and totals of the reports on checkpoints."""

from __future__ import annotations

from typing import ClassVar

from netinspect.records.base import record
from netinspect.records.checkpoint import Checkpoint, StoredFile
from netinspect.records.pickles import PickleScan


@record
class CheckpointHeader:
    """The checkpoint that a report is about."""

    kind: ClassVar[str] = "checkpoint"

    target: str
    format: str
    files: tuple[StoredFile, ...]
    problems: tuple[str, ...]
    """Missing or damaged parts; with any, the command ends with exit code 1."""

    warnings: tuple[str, ...]


@record
class DtypeShare:
    """The tensors of one dtype."""

    dtype: str
    tensors: int
    elements: int
    bytes: int


@record
class StoredTotals:
    """Sums over the tensors of a checkpoint; a tensor under several names counts once."""

    kind: ClassVar[str] = "checkpoint"

    tensors: int
    """Number of names; a tensor under several names counts several times."""

    tied: int
    """Number of names of tensors that were counted under an earlier name."""

    elements: int
    bytes: int
    """Bytes of the elements."""

    storage_bytes: int
    """Bytes of the storages; more than `bytes` if views of larger tensors were saved."""

    file_bytes: int
    """Bytes of the whole files."""

    dtypes: tuple[DtypeShare, ...]
    """Shares in descending order of bytes."""


def checkpoint_header(checkpoint: Checkpoint | PickleScan) -> CheckpointHeader:
    """Return the header of a report on a checkpoint or its pickles."""
    return CheckpointHeader(
        target=checkpoint.target,
        format=checkpoint.format,
        files=checkpoint.files,
        problems=checkpoint.problems,
        warnings=checkpoint.warnings,
    )


@record
class Fact:
    """One fact about a checkpoint as a whole."""

    label: str
    text: str
    certain: bool
    """False if it was inferred from names and shapes, and the file does not contain it."""


@record
class PackedWeights:
    """Weights of few bits packed into larger integers; inferred from names and shapes."""

    method: str
    """Quantization method with such names and shapes, such as `GPTQ`."""

    bits: int
    """Bits of each weight."""

    weights: int
    """Approximate number of weights; totals count the integers instead."""

    tensors: int
    """Number of tensors with packed weights."""
