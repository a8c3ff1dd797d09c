"""Tests of the reference pages of the commands: generated from the app, and current."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from netinspect.api.command_names import COMMANDS
from netinspect.cli.command_pages import build_command_pages, write_command_pages
from netinspect.errors import ExitCode
from tests.support import PATIENCE

FOLDER = Path(__file__).parents[2] / "docs" / "reference" / "commands"


def test_command_pages_are_current() -> None:
    if os.environ.get("UPDATE_GOLDEN"):
        write_command_pages(FOLDER)
    stored = {file.name: file.read_text(encoding="utf-8") for file in FOLDER.iterdir()}
    message = "run: python -m netinspect.cli.command_pages docs/reference/commands"
    assert stored == build_command_pages(), message


def test_command_pages_are_written_by_process(tmp_path: Path) -> None:
    (tmp_path / "removed.md").touch()
    subprocess.run(
        [sys.executable, "-m", "netinspect.cli.command_pages", str(tmp_path)],
        env={**os.environ, "COLUMNS": "40", "NETINSPECT_DEPTH": "2"},
        cwd=tmp_path,
        check=True,
        timeout=PATIENCE,
    )
    written = {file.name: file.read_text(encoding="utf-8") for file in tmp_path.iterdir()}
    assert written == build_command_pages()


@pytest.mark.parametrize("name", [*COMMANDS, "help"])
def test_command_page_structure(name: str) -> None:
    page = build_command_pages()[f"{name}.md"]
    assert page.startswith(f"# netinspect {name}\n")
    sections = re.findall(r"^## (.+)$", page, re.MULTILINE)
    assert sections[0] == "Examples"
    assert sections[-1] == "Exit codes"
    assert "Options" in sections
    assert len({*sections}) == len(sections)
    terms = re.findall(r"^(`.+`)\n:   \S", page, re.MULTILINE)
    assert "`-h, --help`" in terms
    assert page.count("\n:   ") == len(terms)


def test_command_page_escapes_markup() -> None:
    pages = build_command_pages()
    assert (
        r"cpu or cuda\[:N\]. Default: cpu. Environment variable: `NETINSPECT_DEVICE`."
        in (pages["summary.md"])
    )
    assert "what its `__call__` runs" in pages["internals.md"]
    assert "netinspect models 'timm:*convnext*'  # those that match" in pages["models.md"]


def test_index_of_commands() -> None:
    page = build_command_pages()["index.md"]
    assert re.findall(r"^\| \[(\w+)\]\(\1\.md\)", page, re.MULTILINE) == [*COMMANDS, "help"]
    codes = re.findall(r"^\| (\d+) \|", page, re.MULTILINE)
    assert [int(code) for code in codes] == sorted(ExitCode)
    assert "…" not in page
    assert "..." not in page.replace("[ARGS]...", "")
