"""Tests of the man pages: generated from the app, and formatted without warnings."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from netinspect.api.command_names import COMMANDS
from netinspect.cli.man_pages import build_man_pages, write_man_pages
from tests.support import PATIENCE

FOLDER = Path(__file__).parents[2] / "man"


def test_man_pages_are_current() -> None:
    if os.environ.get("UPDATE_GOLDEN"):
        write_man_pages(FOLDER)
    stored = {file.name: file.read_text(encoding="ascii") for file in FOLDER.iterdir()}
    assert stored == build_man_pages(), "run: python -m netinspect.cli.man_pages man"


def test_man_pages_are_written_by_process(tmp_path: Path) -> None:
    (tmp_path / "netinspect-removed.1").touch()
    subprocess.run(
        [sys.executable, "-m", "netinspect.cli.man_pages", str(tmp_path)],
        env={**os.environ, "COLUMNS": "40", "NETINSPECT_DEPTH": "2"},
        cwd=tmp_path,
        check=True,
        timeout=PATIENCE,
    )
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == build_man_pages()


def test_man_page_structure() -> None:
    pages = build_man_pages()
    names = ["netinspect", *(f"netinspect-{each}" for each in (*COMMANDS, "help"))]
    assert sorted(pages) == sorted(f"{name}.1" for name in names)
    for name, page in pages.items():
        assert page.isascii()
        title = name.removesuffix(".1").upper().replace("-", "\\-")
        assert page.startswith(f".TH {title} 1 ")
        sections = re.findall(r"^\.SH (.+)", page, re.MULTILINE)
        assert sections[:3] == ["NAME", "SYNOPSIS", "DESCRIPTION"]
        assert sections[-1] == "SEE ALSO"
        assert {"EXAMPLES", "OPTIONS"} <= {*sections}
        assert len({*sections}) == len(sections)
    assert {"TARGETS", "INPUTS", r"EXIT STATUS", "ENVIRONMENT"} <= {
        *re.findall(r"^\.SH (.+)", pages["netinspect.1"], re.MULTILINE)
    }
    assert r".B \-\-stats" in pages["netinspect-params.1"]


@pytest.mark.skipif(shutil.which("groff") is None, reason="needs groff")
def test_man_pages_have_no_warnings() -> None:
    for name, page in build_man_pages().items():
        completed = subprocess.run(
            ["groff", "-man", "-Tascii", "-ww", "-rLL=80n"],
            input=page,
            capture_output=True,
            text=True,
            check=True,
            timeout=PATIENCE,
        )
        assert completed.stderr == "", name
        shown = re.sub(r"\x1b\[[0-9;]*m|.\x08", "", completed.stdout)
        assert max(map(len, shown.splitlines())) <= 80, name
        assert "netinspect" in shown
