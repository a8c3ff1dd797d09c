from __future__ import annotations

import codecs
import re
import sys
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from netinspect._utils.safe_text import safe

# Unicode's "default ignorable" characters: they are invisible, though some are letters or marks.
IGNORABLE = {
    0x00AD, 0x034F, 0x061C, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFEFF, 0xFFA0,
    *range(0x180B, 0x1810), *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070),
    *range(0xFE00, 0xFE10), *range(0xFFF0, 0xFFF9), *range(0x1BCA0, 0x1BCA4),
    *range(0x1D173, 0x1D17B), *range(0xE0000, 0xE1000),
}  # fmt: skip


def is_unsafe(character: str) -> bool:
    """Return whether a character controls a terminal, is invisible or affects its neighbours."""
    category = unicodedata.category(character)
    return category in ("Cc", "Cf", "Cs", "Zl", "Zp") or ord(character) in IGNORABLE


def test_safe_escapes_exactly_unsafe_characters() -> None:
    wrong = []
    for number in range(sys.maxunicode + 1):
        character = chr(number)
        shown = safe(character)
        expected = character
        if is_unsafe(character):
            expected = (
                f"\\x{number:02x}" if number < 0x100
                else f"\\u{number:04x}" if number < 0x10000
                else f"\\U{number:08x}"
            )  # fmt: skip
        # A newer Unicode than this Python's may call more characters format characters.
        if shown != expected and unicodedata.category(character) != "Cn":
            wrong.append((hex(number), shown))
    assert wrong == []


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("conv1", "conv1"),
        ("a b", "a b"),
        ("größe", "größe"),
        ("层.权重", "层.权重"),
        ("e\u0301", "e\u0301"),  # a combining accent
        ("\\x1b", "\\x1b"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("\x9b31m", "\\x9b31m"),  # the one-character control sequence introducer
        ("a\nb\r\tc\0", "a\\x0ab\\x0d\\x09c\\x00"),
        ("\x7f\x08", "\\x7f\\x08"),
        ("user\u202egnp.exe", "user\\u202egnp.exe"),
        ("a\u2066b\u2069", "a\\u2066b\\u2069"),
        ("\u061c\u200e\u200f", "\\u061c\\u200e\\u200f"),
        ("fc\u200b1", "fc\\u200b1"),
        ("fc\u00ad1", "fc\\xad1"),
        ("a\u2028b\u2029", "a\\u2028b\\u2029"),
        ("\ufeffa", "\\ufeffa"),
        ("a\u3164", "a\\u3164"),  # an invisible letter
        ("\udc80", "\\udc80"),  # a byte of a file name that is not UTF-8
        ("\ud83d", "\\ud83d"),
        ("\U000e0041", "\\U000e0041"),
    ],
)
def test_safe_examples(text: str, shown: str) -> None:
    assert safe(text) == shown


def test_safe_allows_variation_selector_after_symbol() -> None:
    """Comments contain such pairs; after other characters, or twice, the selector is invisible."""
    assert safe("⚠\ufe0f 1\ufe0f\u20e3 ❤\ufe0e") == "⚠\ufe0f 1\ufe0f\u20e3 ❤\ufe0e"
    assert safe("⚠\ufe0f\ufe0f") == "⚠\ufe0f\\ufe0f"
    assert safe("a\ufe0f") == "a\\ufe0f"
    assert safe("⚠\ufe01") == "⚠\\ufe01"
    assert safe("\ufe0f") == "\\ufe0f"


HOSTILE = st.text(
    st.characters(exclude_categories=())
    | st.sampled_from("\x1b\x9b\x07\n\u202e\u200b\u2028\u3164\ufe0f\U000e0041\\x"),
    max_size=20,
)


@given(HOSTILE)
@example("\x1b[2J")
def test_safe_leaves_no_unsafe_character(text: str) -> None:
    shown = safe(text)
    picture_forms = re.compile("(?<=[#*0-9©®\u203c-\u3299\U0001f000-\U0001faff])[\ufe0e\ufe0f]")
    assert not any(map(is_unsafe, picture_forms.sub("", shown)))
    assert len(shown.splitlines()) <= 1


@given(HOSTILE)
def test_safe_is_idempotent(text: str) -> None:
    assert safe(safe(text)) == safe(text)


@given(st.text(st.characters(categories=("L", "N", "P", "S", "Zs"))))
def test_safe_does_not_change_plain_text(text: str) -> None:
    plain = "".join(character for character in text if ord(character) not in IGNORABLE)
    assert safe(plain) == plain


@given(HOSTILE)
def test_safe_escapes_are_those_of_python(text: str) -> None:
    """Escapes are those of Python, so no information is lost."""
    if "\\" not in text:
        escapes = re.compile(r"\\x[0-9a-f]{2}|\\u[0-9a-f]{4}|\\U[0-9a-f]{8}")
        again = escapes.sub(lambda match: codecs.decode(match[0], "unicode_escape"), safe(text))
        assert again == text
