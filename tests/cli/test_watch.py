"""Tests of `--watch`, on real terminals."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pexpect
import pytest

from netinspect.cli import watch
from tests.support import PATIENCE, Outcome

CLEAR = "\x1b[2J\x1b[H"


@contextmanager
def watched(*words: str, cwd: Path) -> Iterator[pexpect.spawn[str]]:
    child = pexpect.spawn(
        sys.executable,
        ["-m", "netinspect", *words, "--watch"],
        env={**os.environ, "NETINSPECT_CACHE": "1"},
        cwd=str(cwd),
        dimensions=(24, 80),
        timeout=PATIENCE,
        encoding="utf-8",
    )
    try:
        yield child
    finally:
        child.close(force=True)


def rewrite(file: Path, old: str, new: str) -> None:
    """Write a file as editors do: another file takes its place."""
    text = file.read_text()
    assert old in text
    other = file.with_suffix(".new")
    other.write_text(text.replace(old, new))
    other.replace(file)


def test_watch_runs_changed_code_again(workshop: Path) -> None:
    (workshop / "parts.py").write_text("SIZE = 5\n")
    net = workshop / "net.py"
    net.write_text(f"from parts import SIZE\n{net.read_text()}")
    with watched("summary", "net.py", cwd=workshop) as child:
        child.expect("Linear .*27 ")
        child.expect("watching net.py, parts.py; Ctrl-C ends it")
        rewrite(net, "nn.Linear(8, classes)", "nn.Linear(8, SIZE)")
        child.expect_exact(CLEAR)
        child.expect("Linear .*45 ")
        child.expect("Ctrl-C")
        rewrite(workshop / "parts.py", "5", "6 +")
        child.expect("SyntaxError")
        child.expect("Ctrl-C")
        rewrite(workshop / "parts.py", "6 +", "6")
        child.expect("Linear .*54 ")
        child.expect("Ctrl-C")
        child.sendintr()
        assert "Traceback" not in child.read()
        child.close()
        assert child.exitstatus == 130


# With a forward, without one, and with a process of its own; the files do not depend on the view.
@pytest.mark.parametrize("command", ["trace", "tree", "memory"])
def test_watch_command(workshop: Path, command: str) -> None:
    with watched(command, "net.py", cwd=workshop) as child:
        child.expect("watching net.py; Ctrl-C")
        rewrite(workshop / "net.py", "class Net(", "class Other(")
        child.expect_exact(CLEAR)
        child.expect("Other")
        child.expect("watching")
        child.sendintr()
        child.read()
        child.close()
        assert child.exitstatus == 130


def test_watch_ends_on_interrupted_run(workshop: Path) -> None:
    (workshop / "slow.py").write_text("import time\nprint('slept')\ntime.sleep(99)\n")
    with watched("tree", "slow.py", "--run-file", cwd=workshop) as child:
        child.expect("slept")
        child.sendintr()
        assert "Traceback" not in child.read()
        child.close()
        assert child.exitstatus == 130


def test_watch_ends_on_wrong_usage(workshop: Path) -> None:
    with watched("tree", "net.py", "--dept", "1", cwd=workshop) as child:
        assert "did you mean --depth" in child.read()
        child.close()
        assert child.exitstatus == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [((), "stdout is not one"), (("-o", "x.txt"), "stdout is not one")],
)
def test_watch_is_refused_in_pipe(
    installed: Callable[..., Outcome], workshop: Path, words: tuple[str, ...], message: str
) -> None:
    outcome = installed("summary", "net.py", "--watch", *words, cwd=workshop)
    assert outcome.code == 2
    assert message in outcome.err


@pytest.mark.parametrize("option", ["-o", "--save"])
def test_watch_is_refused_with_file(workshop: Path, option: str) -> None:
    with watched("summary", "net.py", option, "x.json", cwd=workshop) as child:
        assert "but x.json is to be" in child.read()
        child.close()
        assert child.exitstatus == 2


def test_watch_in_process_of_others(cli: Callable[..., Outcome]) -> None:
    assert cli("summary", "lenet", "--watch").code == 2


def test_changed_during_run_is_seen(tmp_path: Path) -> None:
    file = tmp_path / "net.py"
    file.touch()
    assert watch._state_before(str(file), 0) is None
    assert watch._state_before(str(file), 1 << 62) == watch._state(str(file))
