"""Tests of HTML files that commands write, in a browser: accessible, without requests and errors."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tests.accessibility import axe_violations
from tests.browser import Page
from tests.support import Outcome

pytestmark = pytest.mark.slow

COMMANDS = (
    "summary resnet18",
    "summary weights.pt",
    "tree resnet18",
    "source lenet",
    "params lenet --stats",
    "params weights.pt --stats",
    "trace tiny_gpt",
    "trace lenet --input 10x1x32x32",  # fails
    "cost resnet18",
    "memory lenet --batch 4",
    "diff lenet resnet18",
    "internals lenet conv1",
    "globals weights.pt",
    "models res",
    "doctor",
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    torch.save({"bad": torch.full((3,), torch.nan), "good": torch.ones(2)}, "weights.pt")
    return tmp_path


@pytest.mark.parametrize("command", COMMANDS)
def test_html_file_is_accessible(
    page: Page, folder: Path, cli: Callable[..., Outcome], command: str
) -> None:
    outcome = cli(*shlex.split(command), "-o", "view.html")
    assert "written to view.html" in outcome.err
    for dark, width in ((False, 390), (True, 1200)):
        page.open(folder / "view.html", dark=dark, width=width)
        assert axe_violations(page) == []
        assert (page.errors, page.requests) == ([], [])
        assert page.run("document.documentElement.scrollWidth") <= width
