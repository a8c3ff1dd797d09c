"""Named styles: what a text means, and how each kind of output shows it.

Layouts name a meaning, never a colour. No meaning depends on the style alone: a word, a symbol or a
number next to it has the same meaning.

On a terminal, the background is unknown. Of the 16 colours only bright red, bright blue and bright
magenta are readable on both black and white in the default palettes of common terminals; people who do
not distinguish red and green still distinguish them. A picture has its own background and palette, where
a warning is orange.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    from rich.theme import Theme

StyleName = Literal[
    "",
    "title",
    "heading",
    "name",
    "container",
    "layer",
    "function",
    "number",
    "empty",
    "total",
    "hint",
    "remedy",
    "branches",
    "failed",
    "warning",
    "good",
    "frozen",
    "tied",
    "never_called",
    "shape_changed",
    "shape_same",
    "bar",
    "heat_1",
    "heat_2",
    "heat_3",
    "heat_4",
    "added",
    "removed",
    "changed",
    "renamed",
    "code_comment",
    "code_string",
    "code_number",
    "code_keyword",
    "code_name",
    "code_builtin",
    "code_note",
]
"""A meaning; the empty one is plain text."""

_PLAIN, _BOLD, _DIM, _QUIET_LINE = "", "bold", "dim", "dim underline"
_ACCENT, _STRONG_ACCENT = "bright_blue", "bold bright_blue"
_ALARM, _MINUS, _NOTICE = "bold bright_red", "bright_red", "bright_magenta"

TERMINAL: dict[StyleName, str] = {
    "": _PLAIN,
    "title": _BOLD,
    "heading": _QUIET_LINE,
    "name": _BOLD,
    "container": _BOLD,
    "layer": _PLAIN,
    "function": _DIM,
    "number": _PLAIN,
    "empty": _DIM,
    "total": _BOLD,
    "hint": _DIM,
    "remedy": _ACCENT,
    "branches": _DIM,
    "failed": _ALARM,
    "warning": _NOTICE,
    "good": _ACCENT,
    "frozen": _ACCENT,
    "tied": _ACCENT,
    "never_called": _DIM,
    "shape_changed": _BOLD,
    "shape_same": _DIM,
    "bar": _ACCENT,
    "heat_1": _DIM,
    "heat_2": _PLAIN,
    "heat_3": _ACCENT,
    "heat_4": _STRONG_ACCENT,
    "added": _ACCENT,
    "removed": _MINUS,
    "changed": _NOTICE,
    "renamed": _PLAIN,
    "code_comment": _DIM,
    "code_string": _DIM,
    "code_number": _PLAIN,
    "code_keyword": _BOLD,
    "code_name": _BOLD,
    "code_builtin": _PLAIN,
    "code_note": _ACCENT,
}
"""Rich's definition of each style on a terminal."""

_IN_PICTURES = {_DIM: "black", _QUIET_LINE: "black underline", _NOTICE: "yellow"}
"""Definitions that differ in pictures: their palette has a grey for dim text, and orange as yellow."""

PICTURE: dict[StyleName, str] = {
    name: _IN_PICTURES.get(definition, definition) for name, definition in TERMINAL.items()
}
"""Rich's definition of each style in a picture; see `pictures.PALETTE`."""

_HEAT = (0.25, 0.1, 0.01)
"""Smallest share of each level of heat, the hottest first."""

_PARAMETERS = {_BOLD: "1", _DIM: "2", "underline": "4", _ACCENT: "94", "bright_red": "91", _NOTICE: "95"}


@cache
def theme(*, picture: bool = False) -> Theme:
    """Return Rich's theme of the named styles, which has no others."""
    # Rich is slow to import, and messages on stderr do without it.
    from rich.theme import Theme

    definitions = PICTURE if picture else TERMINAL
    return Theme({str(name): each for name, each in definitions.items()}, inherit=False)


def escape_parameters(name: StyleName) -> str:
    """Return the parameters of the escape sequence of a style on a terminal; empty for plain text."""
    return ";".join(_PARAMETERS[word] for word in TERMINAL[name].split())


def heat(share: float) -> StyleName:
    """Return the style of a number by its share, from 0 to 1, of the total."""
    if not share:
        return "empty"
    levels: tuple[StyleName, ...] = ("heat_4", "heat_3", "heat_2")
    return next((level for level, least in zip(levels, _HEAT, strict=True) if share >= least), "heat_1")


def style_names() -> tuple[StyleName, ...]:
    """Return the names of all styles."""
    return get_args(StyleName)
