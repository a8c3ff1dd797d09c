"""Tests of `netinspect graph -o`: drawings as a user gets them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

import netinspect
from netinspect.errors import UsageError
from tests.support import Outcome

Cli = Callable[..., Outcome]


def test_graph_command_writes_svg_and_png(cli: Cli, workshop: Path) -> None:
    pytest.importorskip("resvg_py")
    for name in ("net.svg", "net.png"):
        outcome = cli("graph", "lenet", "-o", name, "--theme", "dark", "--direction", "LR")
        assert (outcome.code, outcome.out) == (0, "")
        assert outcome.err == f"written to {name}\n"
    assert ElementTree.fromstring(Path("net.svg").read_text(encoding="utf-8")).get("role") == "img"
    assert Path("net.png").read_bytes().startswith(b"\x89PNG")


def test_graph_command_prints_svg(cli: Cli, workshop: Path) -> None:
    outcome = cli("graph", "lenet", "-f", "svg")
    assert outcome.code == 0
    ElementTree.fromstring(outcome.out)


def test_graph_command_refuses_png_on_stdout(cli: Cli, workshop: Path) -> None:
    outcome = cli("graph", "lenet", "-f", "png")
    assert outcome.code == 2
    assert "write it to a file" in outcome.err


@pytest.mark.parametrize(
    ("pattern", "hint"),
    [
        ("blocks.1.atention", "did you mean 'blocks.1.attention'"),
        ("zzz*", "modules of the first level: "),
    ],
)
def test_graph_command_refuses_patterns_without_a_module(cli: Cli, pattern: str, hint: str) -> None:
    outcome = cli("graph", "tiny_gpt", "--open", "blocks.*", "--open", pattern)
    assert outcome.code == 2
    assert f"no module matches {pattern!r}" in outcome.err
    assert hint in outcome.err


def test_graph_command_names_the_modules_of_a_part(cli: Cli) -> None:
    outcome = cli("graph", "resnet18", "layer1", "--open", "1")
    assert outcome.code == 2
    assert "modules of the first level: layer1.0, layer1.1" in outcome.err


def test_graph_command_takes_patterns_of_layers_that_stay_closed(cli: Cli) -> None:
    assert cli("graph", "lenet", "--open", "conv1").code == 0


def test_graph_command_names_its_suffixes(cli: Cli) -> None:
    outcome = cli("graph", "lenet", "-o", "net.pdf")
    assert outcome.code == 2
    assert "graph writes .dot .gv .mmd .mermaid .png too" in outcome.err


def test_summary_command_refuses_png(cli: Cli, workshop: Path) -> None:
    outcome = cli("summary", "lenet", "-o", "net.png")
    assert outcome.code == 2
    assert "only graph draws" in outcome.err


def test_graph_view_saves_drawings(tmp_path: Path) -> None:
    pytest.importorskip("resvg_py")
    view = netinspect.graph("lenet", heat="params")
    view.save(tmp_path / "net.png")
    view.save(tmp_path / "net.svg")
    assert (tmp_path / "net.png").read_bytes().startswith(b"\x89PNG")
    assert "share of 44.43 k parameters" in (tmp_path / "net.svg").read_text(encoding="utf-8")
    with pytest.raises(UsageError, match="image"):
        view.text("png")
