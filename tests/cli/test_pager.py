"""Tests of the pager, in real processes on a terminal of 80x24."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pexpect
import pytest

from netinspect.api import load, save
from tests.support import PATIENCE, Outcome

LESS = {"NETINSPECT_PAGER": "less"}
MARKER = {"NETINSPECT_PAGER": "sed 's/^/paged: /'"}


def terminal(*words: str, env: dict[str, str], cwd: Path | None = None) -> pexpect.spawn[str]:
    return pexpect.spawn(
        sys.executable,
        ["-m", "netinspect", *words],
        env={**os.environ, **env},
        cwd=None if cwd is None else str(cwd),
        dimensions=(24, 80),
        timeout=PATIENCE,
        encoding="utf-8",
    )


def finished(child: pexpect.spawn[str]) -> tuple[int | None, str]:
    text = child.read()
    child.close()
    return child.exitstatus, text


@pytest.fixture
def long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Saved trace `long.json` in the current folder, with more parameters than a terminal has lines."""
    monkeypatch.chdir(tmp_path)
    save(load("resnet18", run=False), "long.json")


def test_less_is_quit_early() -> None:
    child = terminal("cost", "--help", env=LESS)
    child.expect("Usage: netinspect cost")
    child.expect("\r\n:")  # the prompt of less
    child.send("q")
    code, text = finished(child)
    assert code == 0
    assert "Examples:" not in text  # the end of the page


def test_failed_run_shows_error_after_pager(workshop: Path) -> None:
    (workshop / "deep.py").write_text(
        "from torch import nn\n"
        "class Net(nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.layers = nn.ModuleList(nn.Linear(2, 2 + i) for i in range(40))\n"
        "    def forward(self, x):\n"
        "        for layer in self.layers:\n"
        "            x = layer(x)\n"
        "        return x\n"
    )
    words = ("params", "deep.py", "--input", "3x2")
    child = terminal(*words, env=LESS, cwd=workshop)
    child.expect("layers.0.weight")
    child.expect("\r\n:")
    child.send("q")
    code, text = finished(child)
    assert code == 4
    assert "error[forward]" in text


@pytest.mark.usefixtures("long")
def test_colour_is_kept_in_pager() -> None:
    child = terminal("params", "long.json", env=LESS)
    child.expect("\x1b\\[1m|\x1b\\[.*36m")
    child.expect("\r\n:|\n:")
    child.send("q")
    assert finished(child)[0] == 0


@pytest.mark.usefixtures("long")
@pytest.mark.parametrize(
    ("words", "env", "is_paged"),
    [
        (["help", "summary"], MARKER, True),
        (["help", "summary"], {"PAGER": MARKER["NETINSPECT_PAGER"]}, True),
        (["--help"], MARKER, True),
        (["params", "long.json"], MARKER, True),
        (["params", "long.json", "--no-pager"], MARKER, False),
        (["help", "targets"], MARKER, False),  # fits the terminal
        (["help", "summary"], {**MARKER, "CI": "true"}, False),
        (["help", "summary"], {**MARKER, "TERM": "dumb"}, False),
        (["help", "summary"], {"NETINSPECT_PAGER": "", "PAGER": MARKER["NETINSPECT_PAGER"]}, False),
        (["help", "summary"], {"NETINSPECT_PAGER": "no-such-program"}, False),
        (["help", "summary"], {"NETINSPECT_PAGER": "no-such-program -R"}, False),
    ],
)
def test_pager_is_used(words: list[str], env: dict[str, str], is_paged: bool) -> None:
    code, text = finished(terminal(*words, env=env))
    assert code == 0
    assert ("paged: " in text) == is_paged
    assert "Usage:" in text or "weight" in text or "TARGET" in text


@pytest.mark.usefixtures("long")
def test_pager_setting_of_user(tmp_path: Path) -> None:
    file = tmp_path / "netinspect" / "netinspect.toml"
    file.parent.mkdir()
    file.write_text('pager = "sed s/^/mine:/"\n')
    env = {"XDG_CONFIG_HOME": str(tmp_path), "PAGER": "cat"}
    assert "mine:" in finished(terminal("params", "long.json", env=env))[1]
    assert "mine:" not in finished(terminal("params", "lenet", env=env))[1]


@pytest.mark.usefixtures("long")
@pytest.mark.parametrize("ending", [[], ["--color", "always"]])
def test_pager_is_not_used_in_pipe(installed: Callable[..., Outcome], ending: list[str]) -> None:
    outcome = installed("params", "long.json", *ending, env=MARKER)
    assert outcome.code == 0
    assert "paged" not in outcome.out


@pytest.mark.usefixtures("long")
def test_pager_is_not_used_for_file(tmp_path: Path) -> None:
    file = tmp_path / "params.txt"
    code, text = finished(terminal("params", "long.json", "-o", str(file), env=MARKER))
    assert code == 0
    assert "paged" not in text + file.read_text()


@pytest.mark.usefixtures("long")
def test_interrupt_in_pager() -> None:
    child = terminal(
        "params", "long.json", env={"NETINSPECT_PAGER": "head -n 3; echo ready; exec sleep 99"}
    )
    child.expect("ready")
    child.sendintr()
    code, text = finished(child)
    assert code == 0
    assert "Traceback" not in text


def test_project_cannot_set_pager(installed: Callable[..., Outcome], tmp_path: Path) -> None:
    (tmp_path / "netinspect.toml").write_text('pager = "touch x"\n')
    outcome = installed("models", cwd=tmp_path)
    assert outcome.code == 2
    assert "netinspect.toml cannot set pager" in outcome.err
