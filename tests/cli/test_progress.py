"""Tests of the live line of a cold run, in real terminals."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pexpect
import pytest

from tests import forked
from tests.cli.test_streams import on_a_terminal, shell
from tests.support import PATIENCE

pytestmark = pytest.mark.slow

ERASE = "\x1b[2K"

SLOW = """\
import time

from torch import nn

time.sleep(1)


class Slow(nn.Linear):
    def __init__(self):
        super().__init__(4, 4)
        time.sleep(0.5)
        print("half of ", end="", flush=True)
        time.sleep(0.5)
        print("a line")

    def forward(self, x):
        time.sleep(0.5)
        return super().forward(x)
"""


@pytest.fixture
def words(tmp_path: Path) -> str:
    """Command line of a model that takes its time, and is not cached."""
    (tmp_path / "slow.py").write_text(SLOW, encoding="utf-8")
    return f"summary {tmp_path / 'slow.py'} -i 2x4 --tensors real --no-cache --no-pager --run-file"


def test_live_line_names_phases_and_is_removed(words: str) -> None:
    shown = forked.on_a_terminal(*words.split(), columns=80, anew=True).out
    phases = list(dict.fromkeys(re.findall(r"\x1b\[2m. ([a-z]+ing [\w.]+)", shown)))
    assert phases == ["importing torch", "importing slow.py", "building Slow", "running forward"]
    # What the model prints is whole, and on a line of its own.
    printed = shown.split("half of ")
    assert len(printed) == 2
    assert printed[0].endswith(ERASE)
    assert printed[1].startswith("a line\n")
    last = shown.rindex("running forward")
    assert shown.rindex(ERASE) > last
    assert shown.index("Slow", last) > shown.rindex(ERASE)


def test_live_line_is_absent_where_nobody_reads_it(words: str) -> None:
    for shown in (
        on_a_terminal(f"{words} -q", 80),
        on_a_terminal(words, 80, TERM="dumb"),
        on_a_terminal(words, 80, CI="true"),
        shell(f"NETINSPECT {words}").err,
    ):
        assert "half of a line" in shown
        assert ERASE not in shown
        assert "importing" not in shown


def test_interrupt_during_import_of_torch_removes_live_line(words: str) -> None:
    child = pexpect.spawn(
        sys.executable,
        ["-m", "netinspect", *words.split()],
        env={key: value for key, value in os.environ.items() if key != "CI"},
        timeout=PATIENCE,
        encoding="utf-8",
    )
    child.expect("importing torch")
    child.sendintr()
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 130
    rest = str(child.before)
    assert "Traceback" not in rest
    assert rest.endswith(ERASE)


def test_live_line_of_memory_names_phases_of_its_process() -> None:
    shown = on_a_terminal("memory mlp --no-cache --no-pager", 80)
    assert "importing torch to track memory" in shown
    assert "tracking memory" in shown
    assert "tracking memory" not in shown[shown.rindex(ERASE) :]
