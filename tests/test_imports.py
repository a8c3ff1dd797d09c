"""Tests that commands import no heavy packages unless they build a model."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from netinspect.records.saved import dump_trace
from tests.records.examples import small_trace
from tests.support import PATIENCE

RUN = """
import json, sys
from netinspect.cli.run import run
watched = (
    "torch", "numpy", "rich", "pygments", "pydantic",
    "netinspect.rendering.page.page", "netinspect.reports.page.compute",
    "netinspect.analysis.picture.build",
)
for words in json.loads(sys.argv[1]):
    try:
        code = int(run(words))
    except SystemExit as end:
        code = end.code
    print(json.dumps([words, code, [name for name in watched if name in sys.modules]]), file=sys.stderr)
"""


def imported_by(*commands: list[str], folder: Path) -> list[tuple[int, list[str]]]:
    """Run commands in one new process; return the exit code and the imported packages after each."""
    completed = subprocess.run(
        [sys.executable, "-c", RUN, json.dumps(commands)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE,
    )
    reports = [json.loads(line) for line in completed.stderr.splitlines() if line.startswith("[[")]
    assert [words for words, _, _ in reports] == list(commands)
    return [(code, names) for _, code, names in reports]


def test_help_imports_nothing_heavy(tmp_path: Path) -> None:
    codes: dict[str, int] = {
        "--help": 0, "--version": 0, "summary --help": 0, "trace -h": 0, "": 0, "help": 0,
        "help params": 0, "graph --help": 0, "page --help": 0,
        "help inputs": 0, "help nonsense": 2, "sumary lenet": 2,
        "nonsense": 3, "lente --depth 1": 3,
    }  # fmt: skip
    imported = imported_by(*map(str.split, codes), folder=tmp_path)
    assert imported == [(code, []) for code in codes.values()]


def test_saved_traces_and_samples_do_not_import_torch(tmp_path: Path) -> None:
    (tmp_path / "saved.json").write_text(dump_trace(small_trace()), encoding="utf-8")
    formats = ("rich", "plain", "json", "csv", "markdown")
    commands = [
        ["models"],
        ["config"],
        ["doctor"],
        *(["summary", "saved.json", "--format", each] for each in formats),
        ["trace", "saved.json"],
        ["tree", "saved.json"],
        ["source", "saved.json"],
        *(["graph", "saved.json", "--format", each] for each in (*formats, "svg", "dot", "mermaid")),
        ["params", "saved.json", "--stats", "--buffers"],
        ["internals", "saved.json", "one"],
        ["summary", "lente"],
        ["summary", "lenet", "--depht", "1"],
    ]
    outcomes = imported_by(*commands, folder=tmp_path)
    for words, (code, names) in zip(commands, outcomes, strict=True):
        assert not {"torch", "numpy", "pydantic"} & set(names), words
        assert code in (0, 2, 3, 4), words  # 4: the saved forward failed
    assert [code for code, _ in outcomes][-2:] == [3, 2]
    assert outcomes[0][0] == 0


@pytest.mark.parametrize(
    ("line", "completed"), [("netinspect summary len", "lenet"), ("netinspect tre", "tree")]
)
def test_completion_does_not_import_torch(line: str, completed: str, tmp_path: Path) -> None:
    process = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "netinspect"],
        env={
            **os.environ,
            "_NETINSPECT_COMPLETE": "complete_bash",
            "COMP_WORDS": line,
            "COMP_CWORD": str(len(line.split()) - 1),
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert completed in process.stdout.split()
    names = {entry.rpartition("|")[2].strip() for entry in process.stderr.splitlines()}
    assert "netinspect.cli.run" in names
    assert not names & {"torch", "numpy"}
