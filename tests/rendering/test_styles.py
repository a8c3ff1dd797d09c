"""Tests of the named styles: every name is defined, readable and shown alike everywhere."""

from __future__ import annotations

import pytest
from rich.color import Color
from rich.style import Style

from netinspect.rendering.drawing import make_console
from netinspect.rendering.pictures import PALETTE
from netinspect.rendering.styles import (
    PICTURE,
    TERMINAL,
    StyleName,
    escape_parameters,
    heat,
    style_names,
)
from tests.rendering.test_pictures import luminance

TERMINALS = {
    "xterm": ("#ff0000 #5c5cff #ff00ff", "#000000", "#ffffff"),
    "vga": ("#ff5555 #5555ff #ff55ff", "#000000", "#ffffff"),
    "windows terminal": ("#e74856 #3b78ff #b4009e", "#0c0c0c", "#f2f2f2"),
    "terminal.app": ("#e50000 #0000ff #e500e5", "#000000", "#ffffff"),
    "gnome": ("#f66151 #2a7bde #c061cb", "#171421", "#ffffff"),
    "vs code dark": ("#f14c4c #3b8eea #d670d6", "#1e1e1e"),
    "vs code light": ("#cd3131 #0451a5 #bc05bc", "#ffffff"),
}
"""Default palettes: the bright red, blue and magenta; and the backgrounds of a terminal."""

USED = ("bright_red", "bright_blue", "bright_magenta")


def contrast(one: str, other: str) -> float:
    low, high = sorted(map(luminance, (one, other)))
    return (high + 0.05) / (low + 0.05)


def color_of(definition: str) -> Color | None:
    return Style.parse(definition).color


@pytest.mark.parametrize("picture", [False, True])
def test_every_style_is_defined(picture: bool) -> None:
    assert tuple(TERMINAL) == tuple(PICTURE) == style_names()
    console = make_console(picture=picture, width=80)
    for name in style_names():
        expected = Style.parse((PICTURE if picture else TERMINAL)[name])
        assert (console.get_style(name) if name else Style.null()) == expected


def test_terminal_styles_use_readable_colors_only() -> None:
    parsed = filter(None, map(color_of, TERMINAL.values()))
    assert {each.name for each in parsed} == set(USED)
    for colors, *backgrounds in TERMINALS.values():
        for color in colors.split():
            for background in backgrounds:
                assert contrast(color, background) > 2.3


def test_picture_styles_use_the_palette() -> None:
    for definition in PICTURE.values():
        color = color_of(definition)
        assert color is None or color.name.removeprefix("bright_") in PALETTE


def test_escape_parameters_are_those_of_rich() -> None:
    for name, definition in TERMINAL.items():
        drawn = Style.parse(definition).render("x")
        parameters = escape_parameters(name)
        assert drawn == (f"\x1b[{parameters}mx\x1b[0m" if parameters else "x")


@pytest.mark.parametrize(
    ("share", "name"),
    [
        (0, "empty"),
        (0.009, "heat_1"),
        (0.01, "heat_2"),
        (0.1, "heat_3"),
        (0.25, "heat_4"),
        (1, "heat_4"),
    ],
)
def test_heat(share: float, name: StyleName) -> None:
    assert heat(share) == name
