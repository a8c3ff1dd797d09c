from __future__ import annotations

import codecs
import re
import sys
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from netinspect._utils.safe_text import safe

# Unicode's "default ignorable" characters: they show nothing, though some count as letters or marks.
IGNORABLE = {
    0x00AD, 0x034F, 0x061C, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFEFF, 0xFFA0,
    *range(0x180B, 0x1810), *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070),
    *range(0xFE00, 0xFE10), *range(0xFFF0, 0xFFF9), *range(0x1BCA0, 0x1BCA4),
    *range(0x1D173, 0x1D17B), *range(0xE0000, 0xE1000),
}  # fmt: skip


def acts(character: str) -> bool:
    """Return whether a character controls a terminal, is invisible or affects its neighbours."""
    category = unicodedata.category(character)
    return category in ("Cc", "Cf", "Cs", "Zl", "Zp") or ord(character) in IGNORABLE


def test_every_character_that_acts_is_escaped_and_no_other() -> None:
    wrong = []
    for number in range(sys.maxunicode + 1):
        character = chr(number)
        shown = safe(character)
        expected = character
        if acts(character):
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
        ("e\u0301", "e\u0301"),  # an accent of its own belongs to its letter
        ("\\x1b", "\\x1b"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("\x9b31m", "\\x9b31m"),  # the escape sequence introducer in one character
        ("a\nb\r\tc\0", "a\\x0ab\\x0d\\x09c\\x00"),
        ("\x7f\x08", "\\x7f\\x08"),
        ("user\u202egnp.exe", "user\\u202egnp.exe"),
        ("a\u2066b\u2069", "a\\u2066b\\u2069"),
        ("\u061c\u200e\u200f", "\\u061c\\u200e\\u200f"),
        ("fc\u200b1", "fc\\u200b1"),
        ("fc\u00ad1", "fc\\xad1"),
        ("a\u2028b\u2029", "a\\u2028b\\u2029"),
        ("\ufeffa", "\\ufeffa"),
        ("a\u3164", "a\\u3164"),  # a letter that shows nothing
        ("\udc80", "\\udc80"),  # a byte of a file name that is not an UTF-8
        ("\ud83d", "\\ud83d"),
        ("\U000e0041", "\\U000e0041"),
    ],
)
def test_what_is_shown(text: str, shown: str) -> None:
    assert safe(text) == shown


def test_the_picture_form_of_a_sign_is_let_through() -> None:
    """Comments in code have them; after anything else, or twice, they would only hide."""
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
def test_nothing_that_acts_is_left(text: str) -> None:
    shown = safe(text)
    picture_forms = re.compile("(?<=[#*0-9©®\u203c-\u3299\U0001f000-\U0001faff])[\ufe0e\ufe0f]")
    assert not any(map(acts, picture_forms.sub("", shown)))
    assert len(shown.splitlines()) <= 1


@given(HOSTILE)
def test_a_second_time_changes_nothing(text: str) -> None:
    assert safe(safe(text)) == safe(text)


@given(st.text(st.characters(categories=("L", "N", "P", "S", "Zs"))))
def test_plain_text_is_left_alone(text: str) -> None:
    plain = "".join(character for character in text if ord(character) not in IGNORABLE)
    assert safe(plain) == plain


@given(HOSTILE)
def test_what_was_escaped_can_still_be_told(text: str) -> None:
    """The escapes are Python's own: nothing is lost but the way it was written."""
    if "\\" not in text:
        escapes = re.compile(r"\\x[0-9a-f]{2}|\\u[0-9a-f]{4}|\\U[0-9a-f]{8}")
        again = escapes.sub(lambda match: codecs.decode(match[0], "unicode_escape"), safe(text))
        assert again == text
