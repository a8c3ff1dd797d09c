"""Tests of `netinspect graph A --against B`, as a user calls it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.support import Outcome

Cli = Callable[..., Outcome]


def test_graph_command_marks_what_one_model_has(cli: Cli, workshop: Path) -> None:
    outcome = cli("graph", "lenet", "--against", "mlp", "--format", "plain")
    assert outcome.code == 0, outcome.err
    rows = {line.split("\t")[0]: line.split("\t") for line in outcome.out.splitlines()}
    assert rows["conv1"][-1] == "only_a"
    assert "only_b" in {row[-1] for row in rows.values()}


def test_graph_command_refuses_to_save_two_traces(cli: Cli, workshop: Path) -> None:
    outcome = cli("graph", "lenet", "--against", "mlp", "--save", "x.json")
    assert outcome.code == 2
    assert "--against names a second model" in outcome.err


def test_page_command_contains_comparison(cli: Cli, workshop: Path) -> None:
    outcome = cli("page", "lenet", "--against", "mlp", "-o", "net.html")
    assert outcome.code == 0, outcome.err
    text = Path("net.html").read_text(encoding="utf-8")
    assert '"only_a"' in text
    assert '"only_b"' in text
