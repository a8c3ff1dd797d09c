"""Text from a model or a file, made safe for a terminal.

Names of parameters, modules and files are hostile until they went through here: an escape sequence in
one could move the cursor or set the window title, a bidirectional override could show another name
than there is.
"""

from __future__ import annotations

import re

# Unicode's categories Cc, Cf, Cs, Zl, Zp and its "default ignorable" characters: controls, zero-width
# and bidirectional marks, line separators, surrogates, fillers that show nothing, tags. They are escaped
# out, since Python's own table of categories grows with its version.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160"
    "\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ud800-\udfff"
    "\ufe00-\ufe0d\ufeff\uffa0\ufff0-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
    # The choice between a sign and its picture is let through after a sign: comments have them.
    "|(?<![#*0-9\u00a9\u00ae\u203c-\u3299\U0001f000-\U0001faff])[\ufe0e\ufe0f]"
)


def safe(text: str) -> str:
    r"""Replace every character that would act on a terminal by its escape, such as `\x1b`."""
    # Nearly all text is plain; the test is cheaper than the substitution.
    if text.isascii() and text.isprintable():
        return text
    return _UNSAFE.sub(lambda match: _escape(match[0]), text)


def _escape(character: str) -> str:
    number = ord(character)
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
