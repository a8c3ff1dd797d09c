"""Escaping of text from a model or a file for terminals.

Names of parameters, modules and files are hostile until they are escaped: an escape sequence in a name
could move the cursor or set the window title, and a bidirectional override could disguise the name.
"""

from __future__ import annotations

import re

# Unicode's categories Cc, Cf, Cs, Zl, Zp and its "default ignorable" characters: controls, zero-width
# and bidirectional marks, line separators, surrogates, invisible fillers, tags. XML, and so SVG, allows
# neither U+FFFE nor U+FFFF. They are listed because
# Python's own table of categories depends on its version.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160"
    "\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ud800-\udfff"
    "\ufe00-\ufe0d\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff\U000110bd\U000110cd\U00013430-\U0001343f"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
    # Variation selectors for text or emoji are allowed after a symbol, because comments contain them.
    "|(?<![#*0-9\u00a9\u00ae\u203c-\u3299\U0001f000-\U0001faff])[\ufe0e\ufe0f]"
)


def safe(text: str) -> str:
    r"""Replace every character that affects a terminal by its escape, such as `\x1b`."""
    # Nearly all text is plain, and the check is faster than the substitution.
    if text.isascii() and text.isprintable():
        return text
    return _UNSAFE.sub(lambda match: _escape(match[0]), text)


def _escape(character: str) -> str:
    number = ord(character)
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
