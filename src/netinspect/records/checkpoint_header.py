"""What the reports on checkpoints share: what they are about, and what it adds up to."""

from __future__ import annotations

from netinspect.records.base import record
from netinspect.records.checkpoint import Checkpoint, FormatName, StoredFile


@record
class CheckpointHeader:
    """The checkpoint that a report is about."""

    target: str
    format: FormatName
    files: tuple[StoredFile, ...]
    problems: tuple[str, ...]
    """What is missing or wrong in it; the command ends with exit code 1."""

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
    """Sums over the tensors of a checkpoint; what is under several names counts once."""

    tensors: int
    """Names, each counted."""

    elements: int
    bytes: int
    """Of the elements."""

    storage_bytes: int
    """Of the memory that they are in; more than `bytes` where views of larger tensors were saved."""

    file_bytes: int
    """Of the files as a whole."""

    dtypes: tuple[DtypeShare, ...]
    """By falling bytes."""


def checkpoint_header(checkpoint: Checkpoint) -> CheckpointHeader:
    """Take the head of a report from a checkpoint."""
    return CheckpointHeader(
        target=checkpoint.target,
        format=checkpoint.format,
        files=checkpoint.files,
        problems=checkpoint.problems,
        warnings=checkpoint.warnings,
    )


@record
class Fact:
    """One thing that is known of a checkpoint as a whole."""

    label: str
    text: str
    certain: bool
    """False where names and shapes suggest it, and nothing in the file states so."""


@record
class PackedWeights:
    """Weights of few bits packed in larger integers; inferred, not stated by the file."""

    method: str
    """Whose names and shapes its tensors have, such as `GPTQ`."""

    bits: int
    """Of each weight."""

    weights: int
    """About how many there are; the totals count the integers."""

    tensors: int
    """How many tensors hold them."""
