"""Folders that are a model as a whole, in a format that is not read."""

from __future__ import annotations

import re

from netinspect.checkpoints.file_sets import Place
from netinspect.checkpoints.unsupported.archives import WEIGHTS, match_folder
from netinspect.checkpoints.unsupported.catalog import CATALOG
from netinspect.checkpoints.unsupported.format import UnreadFormat

_OWN = re.compile(r"group\d+-shard\d+of\d+\.bin|coremldata\.bin|\.metadata", re.DOTALL)
"""Files that belong to such formats, though they are named as others that are read."""


def identify_folder(place: Place) -> UnreadFormat | None:
    """Return the format that a folder is in by the names in it; None where it holds files that are read.

    Raises:
        LoadError: It cannot be read.
    """
    names = place.names()
    if any(WEIGHTS.fullmatch(name) and not _OWN.fullmatch(name) for name in names):
        return None
    key = match_folder(names)
    return None if key is None else CATALOG[key]
