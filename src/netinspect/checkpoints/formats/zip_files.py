"""Checkpoints in zip archives, recognized by the names of their members."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, cast

from netinspect._utils import units
from netinspect.checkpoints.formats.numpy_files import is_npz
from netinspect.checkpoints.formats.table import load
from netinspect.checkpoints.formats.torch_zip import prefix_of
from netinspect.checkpoints.io.source import ByteSource
from netinspect.checkpoints.io.zip_archive import Archive
from netinspect.checkpoints.unsupported.archive_members import refuse_zip
from netinspect.records.checkpoint import Checkpoint

_NAMED = 5


class ZipFormat(NamedTuple):
    """One row of the table of formats in zip archives."""

    name: str
    """Value of `Checkpoint.format`."""

    matches: Callable[[Archive], bool]
    reader: str
    """`module:function` in this package that makes a `Checkpoint` from an `Archive`."""


def _is_exported(archive: Archive) -> bool:
    prefix = prefix_of(archive)
    marks = ("archive_format", "serialized_exported_program.json")
    return any(f"{prefix}{each}" in archive.members for each in marks)


def _is_torch(archive: Archive) -> bool:
    return archive.find(f"{prefix_of(archive)}data.pkl") is not None


def _is_torch_script(archive: Archive) -> bool:
    return _is_torch(archive) and archive.find(f"{prefix_of(archive)}constants.pkl") is not None


ZIP_FORMATS = (
    ZipFormat("exported program", _is_exported, "exported:read_exported"),
    ZipFormat("TorchScript", _is_torch_script, "torch_script:read_torch_script"),
    ZipFormat("torch zip", _is_torch, "torch_zip:read_torch_zip"),
    ZipFormat("npz", is_npz, "numpy_files:read_npz"),
)
"""All formats, in the order in which they are tested."""


def read_zip(source: ByteSource) -> Checkpoint:
    """Read a checkpoint that is a zip archive.

    Raises:
        CheckpointError: The archive is damaged, or not a checkpoint.
        LoadError: The archive cannot be read.
    """
    archive = Archive(source)
    if (found := _find_format(archive)) is not None:
        return cast("Checkpoint", load(found.reader)(archive))
    inside = list(archive.members)
    holds = units.some(inside, _NAMED) or "nothing"
    raise refuse_zip(source, inside, f"it is a zip archive that holds {holds}")


def kind_of(archive: Archive) -> str | None:
    """Return the name of an archive's format; None if it is not a checkpoint."""
    found = _find_format(archive)
    return None if found is None else found.name


def _find_format(archive: Archive) -> ZipFormat | None:
    return next((each for each in ZIP_FORMATS if each.matches(archive)), None)
