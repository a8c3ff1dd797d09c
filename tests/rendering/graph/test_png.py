"""Tests of `netinspect.rendering.graph.png`."""

from __future__ import annotations

import struct
import sys

import pytest

import netinspect
from netinspect.analysis.picture.build import picture_of_trace
from netinspect.errors import UsageError
from netinspect.records.picture import Picture
from netinspect.rendering.graph import png
from netinspect.rendering.graph.options import GraphStyle

pytest.importorskip("resvg_py")


@pytest.fixture(scope="module")
def lenet() -> Picture:
    return picture_of_trace(netinspect.load("lenet"))


def size_of(image: bytes) -> tuple[int, int]:
    assert image[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", image[16:24])
    return width, height


def test_format_png_has_twice_the_size_of_the_drawing(lenet: Picture) -> None:
    width, height = size_of(png.format_png(lenet, GraphStyle()))
    assert (800, 1700) < (width, height) < (1400, 2400)


def test_format_png_auto_is_light(lenet: Picture) -> None:
    auto = png.format_png(lenet, GraphStyle())
    assert auto == png.format_png(lenet, GraphStyle(theme="light"))
    assert auto != png.format_png(lenet, GraphStyle(theme="dark"))


def test_png_of_svg_of_very_tall_drawing_has_smaller_zoom() -> None:
    svg = '<svg xmlns="http://www.w3.org/2000/svg" width="10" height="64000"></svg>'
    assert size_of(png.png_of_svg(svg)) == (5, 32000)


def test_format_png_without_resvg_names_the_extra(
    lenet: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    with pytest.raises(UsageError, match="resvg-py") as caught:
        png.format_png(lenet, GraphStyle())
    assert caught.value.hint is not None
    assert "netinspect[png]" in caught.value.hint


def test_format_png_without_fonts_is_refused(lenet: Picture, monkeypatch: pytest.MonkeyPatch) -> None:
    import resvg_py

    draw = resvg_py.svg_to_bytes
    monkeypatch.setattr(
        resvg_py, "svg_to_bytes", lambda **options: draw(**options, skip_system_fonts=True)
    )
    with pytest.raises(UsageError, match="no font"):
        png.format_png(lenet, GraphStyle())
