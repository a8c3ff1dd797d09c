"""Shortened texts and names from files, for records and messages."""

from __future__ import annotations

from netinspect._utils import units

LONGEST_TEXT = 2000
"""Largest reported length of a value in bytes."""


def decode_start(raw: bytes, length: int) -> str:
    """Decode the start of a UTF-8 text, followed by `...` if the text is longer.

    Args:
        raw: First bytes of the text, which may end within a character.
        length: Length of the whole text in bytes.
    """
    if len(raw) >= length:
        return raw.decode("utf-8", "backslashreplace")
    for back in range(1, min(len(raw), 3) + 1):
        first = raw[-back]
        if first >= 0xC0:
            whole = 2 if first < 0xE0 else 3 if first < 0xF0 else 4
            raw = raw[:-back] if back < whole else raw
        if not 0x80 <= first < 0xC0:
            break
    return raw.decode("utf-8", "backslashreplace") + "..."


_NAMED = 5
_LONGEST_NAME = 200


def short(name: str) -> str:
    """Return a name for a message, shortened if it is unreasonably long."""
    return name if len(name) <= _LONGEST_NAME else name[:_LONGEST_NAME] + "..."


def some(names: list[str], named: int = _NAMED) -> str:
    """Format the first names of a list, and the number of the others."""
    return units.some([*map(short, names[:named]), *names[named:]], named)


def first_problems(problems: list[str], most: int = 50) -> tuple[str, ...]:
    """Return the first problems of many, and the number of the others."""
    more = len(problems) - most
    return (*problems[:most], *([f"and {more:,} more problems"] if more > 0 else []))
