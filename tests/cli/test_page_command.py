"""Tests of `netinspect page`: where it writes, its formats, and failed runs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import Outcome

Cli = Callable[..., Outcome]


def test_page_in_a_pipe_is_html(cli: Cli) -> None:
    outcome = cli("page", "lenet")
    assert outcome.code == 0, outcome.err
    assert outcome.out.startswith("<!DOCTYPE html>\n")


def test_page_refuses_a_terminal(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netinspect.cli.page.is_terminal", lambda stream: True)
    outcome = cli("page", "lenet")
    assert outcome.code == 2
    assert "netinspect page TARGET -o page.html" in outcome.err


@pytest.mark.parametrize("words", [("-o", "page.svg"), ("--format", "csv")])
def test_page_refuses_other_formats(cli: Cli, words: tuple[str, ...]) -> None:
    outcome = cli("page", "lenet", *words)
    assert outcome.code == 2
    assert "it writes html, or json" in outcome.err


def test_page_of_failed_forward_is_written(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    outcome = cli("page", "lenet", "-i", "10x1x32x32", "-o", str(file))
    assert outcome.code == 4
    assert "fc1 (Linear)" in outcome.err
    assert file.read_text(encoding="utf-8").startswith("<!DOCTYPE html>\n")


@pytest.mark.parametrize("mode", ["meta", "fake"])
def test_page_of_tensors_without_values(cli: Cli, mode: str) -> None:
    outcome = cli("page", "lenet", "--tensors", mode, "--format", "json")
    assert outcome.code == 0, outcome.err
    document = json.loads(outcome.out)
    assert not document["parameters"]["with_statistics"]
    texts = [note["text"] for note in document["notes"] if note["part"] == "parameters"]
    assert any(f"the model was run on {mode} tensors" in text for text in texts)


def test_page_names_a_wrong_theme(cli: Cli) -> None:
    outcome = cli("page", "lenet", "--theme", "drak", "-o", "page.html")
    assert outcome.code == 2
    assert "did you mean 'dark'?" in outcome.err


def test_page_of_saved_trace_has_a_note_on_memory(cli: Cli, tmp_path: Path) -> None:
    saved = tmp_path / "saved.json"
    assert cli("summary", "lenet", "--save", str(saved), "-q").code == 0
    outcome = cli("page", str(saved), "--memory", "--format", "json")
    assert outcome.code == 0, outcome.err
    document = json.loads(outcome.out)
    assert document["memory"] is None
    assert "memory" in [note["part"] for note in document["notes"]]
