"""Zip archives to checkpoints: which kind one is, its members report."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import cast

from netinspect.checkpoints.formats.numpy_files import is_npz
from netinspect.checkpoints.formats.torch_zip import prefix_of
from netinspect.checkpoints.io.archive_hints import hint_to_unpack
from netinspect.checkpoints.io.source import ByteSource
from netinspect.checkpoints.io.zip_archive import Archive
from netinspect.checkpoints.recognize import unreadable_as
from netinspect.checkpoints.unsupported.archives import match_zip
from netinspect.checkpoints.unsupported.catalog import CATALOG
from netinspect.errors import CheckpointError
from netinspect.records.checkpoint import Checkpoint

# Readers are imported when used.
_READERS: dict[str, tuple[str, str]] = {
    "torch zip": ("netinspect.checkpoints.formats.torch_zip", "read_torch_zip"),
    "TorchScript": ("netinspect.checkpoints.formats.torch_script", "read_torch_script"),
    "exported program": ("netinspect.checkpoints.formats.exported", "read_exported"),
    "npz": ("netinspect.checkpoints.formats.numpy_files", "read_npz"),
}
_NAMED = 5


def read_zip(source: ByteSource) -> Checkpoint:
    """Read a checkpoint that is a zip archive.

    Raises:
        CheckpointError: It is damaged, or no checkpoint.
        LoadError: It cannot be read.
    """
    archive = Archive(source)
    kind = kind_of(archive)
    if kind is None:
        inside = list(archive.members)
        more = f" and {len(inside) - _NAMED:,} more" if len(inside) > _NAMED else ""
        holds = ", ".join(inside[:_NAMED]) + more if inside else "nothing"
        key = match_zip(archive.members)
        if key is not None:
            raise unreadable_as(source.name, CATALOG[key])
        raise CheckpointError(
            f"{source.name} is not a checkpoint",
            cause=f"it is a zip archive that holds {holds}",
            hint=hint_to_unpack(inside, f"unzip {source.name}"),
        )
    module, function = _READERS[kind]
    return cast("Callable[[Archive], Checkpoint]", getattr(import_module(module), function))(archive)


def kind_of(archive: Archive) -> str | None:
    """Return what an archive is by its members; None if it is not a checkpoint."""
    prefix = prefix_of(archive)
    members = archive.members
    if f"{prefix}archive_format" in members or f"{prefix}serialized_exported_program.json" in members:
        return "exported program"
    if archive.find(f"{prefix}data.pkl") is not None:
        return "TorchScript" if archive.find(f"{prefix}constants.pkl") is not None else "torch zip"
    if is_npz(archive):
        return "npz"
    return None
