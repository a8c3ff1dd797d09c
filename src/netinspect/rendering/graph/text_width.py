"""Estimates of the width of texts, a little wider than common fonts draw them."""

from __future__ import annotations

_NARROW = frozenset("ijlI.,:;'|!` ·")
_SLIM = frozenset('()[]{}frt-/\\"')
_BROAD = frozenset("mwMW@%=+→<>~…—\u00d7\u2212")

_WIDE_SCRIPTS = 0x2E80
"""First code point of the scripts whose characters are squares."""


def text_width(text: str, size: float = 12.0, *, bold: bool = False) -> float:
    """Return the estimated width of a text in pixels.

    The widths are those of DejaVu Sans, which is wider than the fonts of most systems.

    Args:
        text: The text, on one line.
        size: Size of the font in pixels.
        bold: Whether the font is bold.
    """
    width = 0.0
    for character in text:
        if character in _NARROW:
            width += 0.34
        elif character in _SLIM:
            width += 0.42
        elif character in _BROAD:
            width += 0.98
        elif "a" <= character <= "z" or "0" <= character <= "9":
            width += 0.64
        elif "A" <= character <= "Z":
            width += 0.74
        else:
            width += 1.05 if ord(character) >= _WIDE_SCRIPTS else 0.84
    return width * size * (1.1 if bold else 1.0)


def cut(text: str, width: float, size: float = 12.0) -> str:
    """Shorten a text to a width, with an ellipsis at its end."""
    if text_width(text, size) <= width:
        return text
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if text_width(text[:middle] + "…", size) <= width:
            low = middle
        else:
            high = middle - 1
    return text[:low].rstrip(" ,·") + "…"


def wrap(text: str, width: float, size: float, most: int) -> list[str]:
    """Break a text into lines at spaces; the last line has an ellipsis if the text goes on."""
    lines: list[str] = []
    words = text.split()
    at = 0
    while at < len(words) and len(lines) < most:
        line = words[at]
        at += 1
        while at < len(words) and text_width(f"{line} {words[at]}", size) <= width:
            line = f"{line} {words[at]}"
            at += 1
        if len(lines) == most - 1 and at < len(words):
            line = f"{line} …"
        lines.append(cut(line, width, size))
    return lines
