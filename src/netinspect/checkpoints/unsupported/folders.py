"""Identification of folders in unsupported model formats."""

from __future__ import annotations

import re
from collections.abc import Collection

from netinspect.checkpoints.folders.file_sets import FileSet
from netinspect.checkpoints.formats.table import SUFFIXES
from netinspect.checkpoints.unsupported.catalog import CATALOG
from netinspect.checkpoints.unsupported.format import UnreadFormat

_WEIGHTS = re.compile(
    rf".+\.(?:{'|'.join(SUFFIXES)}|pth\.tar|pkl|pickle|joblib)",
    re.DOTALL | re.IGNORECASE,
)
"""Files that may be the requested checkpoint."""

_FOLDERS: tuple[tuple[str, str], ...] = (
    (r"coremldata\.bin", "coreml compiled"),
    (r"_CHECKPOINT_METADATA|manifest\.ocdbt|_METADATA", "orbax"),
    (r"\.zarray|\.zgroup|zarr\.json", "zarr"),
    (r".+\.data-\d{5}-of-\d{5}", "tf folder"),
    (r"group\d+-shard\d+of\d+(?:\.bin)?", "tfjs"),
)

_OWN = re.compile(r"group\d+-shard\d+of\d+\.bin|coremldata\.bin|\.metadata", re.DOTALL)
"""Files of such formats whose names match supported formats."""


def identify_folder(file_set: FileSet) -> UnreadFormat | None:
    """Return the unsupported format of a folder, or None if it contains supported files.

    Raises:
        LoadError: The folder cannot be read.
    """
    names = file_set.names()
    if any(_WEIGHTS.fullmatch(name) and not _OWN.fullmatch(name) for name in names):
        return None
    key = _match_folder(names)
    return None if key is None else CATALOG[key]


def _match_folder(names: Collection[str]) -> str | None:
    """Return the catalog key of a folder with these files and folders, or None."""
    inside = set(names)
    if inside >= {"Manifest.json", "Data"}:
        return "coreml package"
    if "variables" in inside and inside & {"saved_model.pb", "saved_model.pbtxt"}:
        return "saved model folder"
    if "config.pbtxt" in inside and any(each.isdecimal() for each in inside):
        return "triton"
    for pattern, key in _FOLDERS:
        if any(re.fullmatch(pattern, each) for each in inside):
            return key
    return None
