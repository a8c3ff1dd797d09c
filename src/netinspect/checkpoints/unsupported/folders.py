"""Identification of folders in unsupported model formats."""

from __future__ import annotations

import re

from netinspect.checkpoints.file_sets import FileSet
from netinspect.checkpoints.unsupported.archives import WEIGHTS, match_folder
from netinspect.checkpoints.unsupported.catalog import CATALOG
from netinspect.checkpoints.unsupported.format import UnreadFormat

_OWN = re.compile(r"group\d+-shard\d+of\d+\.bin|coremldata\.bin|\.metadata", re.DOTALL)
"""Files of such formats whose names match supported formats."""


def identify_folder(file_set: FileSet) -> UnreadFormat | None:
    """Return the unsupported format of a folder, or None if it contains supported files.

    Raises:
        LoadError: The folder cannot be read.
    """
    names = file_set.names()
    if any(WEIGHTS.fullmatch(name) and not _OWN.fullmatch(name) for name in names):
        return None
    key = match_folder(names)
    return None if key is None else CATALOG[key]
