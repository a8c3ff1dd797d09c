"""Text from a model or a file, made safe for a terminal.

Names of parameters, modules and files are hostile until they went through here: an escape sequence in
one could move the cursor or set the window title, a bidirectional override could show another name
than there is.
"""

from __future__ import annotations

import re

# Control characters, soft hyphen, zero-width and bidirectional marks, line separators, surrogates,
# the byte order mark, interlinear annotation, tags: whatever changes how its neighbours are shown.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\ud800-\udfff\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
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
