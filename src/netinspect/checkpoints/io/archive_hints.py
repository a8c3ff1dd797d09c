"""Hints for archives that are not checkpoints but contain some."""

from __future__ import annotations

import re
from collections.abc import Iterable

from netinspect.checkpoints.formats.table import WEIGHT_SUFFIXES
from netinspect.checkpoints.io.short_text import some

_WEIGHTS = re.compile(rf".+\.({'|'.join(WEIGHT_SUFFIXES)}|distcp)", re.DOTALL)
_NAMED = 3


def hint_to_unpack(names: Iterable[str], command: str) -> str | None:
    """Return a hint to unpack an archive; None if no member has a name like weights.

    Args:
        names: Names of the members.
        command: Command that unpacks the archive.
    """
    found = [name for name in names if _WEIGHTS.fullmatch(name)]
    return f"unpack it ({command}), and name {some(found, _NAMED)}" if found else None
