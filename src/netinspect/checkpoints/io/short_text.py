"""Texts that a file states of itself, for records."""

from __future__ import annotations

LONGEST_TEXT = 2000
"""Bytes of a value that are reported."""


def told(raw: bytes, length: int) -> str:
    """Return a text in UTF-8, with `...` after it where it is only the start of a longer one.

    Args:
        raw: Its bytes, which may end within a character.
        length: How many it has in all.
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
    """Return a name as it is in a sentence: whole, unless it is of a length that none has."""
    return name if len(name) <= _LONGEST_NAME else name[:_LONGEST_NAME] + "..."


def some(names: list[str], named: int = _NAMED) -> str:
    """Return the first names of a list, and how many more there are."""
    more = len(names) - named
    return ", ".join(map(short, names[:named])) + (f" and {more:,} more" if more > 0 else "")
