"""Tests of graphs as text for other programs."""

from __future__ import annotations

from pathlib import Path

import pytest
from torch import nn

import netinspect
from netinspect.errors import UsageError


def test_graph_dot_and_mermaid(tmp_path: Path) -> None:
    view = netinspect.graph("tiny_gpt")
    for name, start in (("x.dot", "digraph"), ("x.gv", "digraph"), ("x.mmd", "flowchart TB")):
        view.save(tmp_path / name)
        assert (tmp_path / name).read_text(encoding="utf-8").startswith(start)
    assert view.text("dot") == (tmp_path / "x.dot").read_text(encoding="utf-8")


def test_graph_of_a_module() -> None:
    view = netinspect.graph("tiny_gpt", path="blocks.1")
    assert [*view.record.templates[view.record.root].items[0].names] == ["input"]
    assert "blocks.1" in str(view)
    with pytest.raises(UsageError, match="no module"):
        netinspect.graph("tiny_gpt", path="blocks.7")


def test_other_reports_are_not_drawn() -> None:
    with pytest.raises(UsageError, match="tree cannot be written as dot"):
        netinspect.tree(nn.Linear(2, 3)).text("dot")
