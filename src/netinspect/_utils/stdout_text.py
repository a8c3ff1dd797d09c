"""Characters that the encoding of a stream has."""

from __future__ import annotations

import sys
from typing import TextIO


def is_ascii(stream: TextIO | None) -> bool:
    """Return whether a stream cannot encode the characters of tree lines."""
    try:
        "├…".encode(getattr(stream, "encoding", None) or "ascii")
    except (UnicodeEncodeError, LookupError):
        return True
    return False


def stdout_is_ascii() -> bool:
    """Return whether stdout has an encoding that lacks tree lines; a stream in memory has none."""
    return bool(getattr(sys.stdout, "encoding", None)) and is_ascii(sys.stdout)


def escaped_for_stdout(text: str) -> str:
    """Return text in which characters that the encoding of stdout lacks are escaped."""
    try:
        encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
        return text.encode(encoding, "backslashreplace").decode(encoding)
    except LookupError:
        return ascii(text)
