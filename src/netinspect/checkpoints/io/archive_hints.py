"""What to state of an archive that is not a checkpoint itself, and holds some."""

from __future__ import annotations

import re
from collections.abc import Iterable

from netinspect.checkpoints.formats.table import WEIGHT_SUFFIXES
from netinspect.checkpoints.io.short_text import some

_WEIGHTS = re.compile(rf".+\.({'|'.join(WEIGHT_SUFFIXES)}|distcp)", re.DOTALL)
_NAMED = 3


def hint_to_unpack(names: Iterable[str], command: str) -> str | None:
    """Describe how to look into what an archive holds; None if nothing in it is named like weights.

    Args:
        names: Of its members.
        command: What unpacks it.
    """
    found = [name for name in names if _WEIGHTS.fullmatch(name)]
    return f"unpack it ({command}), and name {some(found, _NAMED)}" if found else None
