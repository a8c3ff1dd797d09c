"""Tests of tracebacks, also of code whose file name is a device or a pipe."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from netinspect._utils.own_folders import SAMPLES
from netinspect._utils.tracebacks import exception_lines, frame_lines, traceback_lines
from tests.support import PATIENCE

_BYTES = 1 << 28


def raised(code: str, file: str) -> BaseException:
    try:
        exec(compile(code, file, "exec"))
    except BaseException as error:
        return error
    raise AssertionError


CHAIN = """\
try:
    1 / 0
except ZeroDivisionError as error:
    raise ValueError("chained") from error
"""
GROUP = """\
try:
    1 / 0
except ZeroDivisionError as error:
    found = error
raise ExceptionGroup("several", [found])
"""


@pytest.mark.parametrize("code", ["1 / 0", CHAIN, GROUP], ids=["plain", "chain", "group"])
@pytest.mark.parametrize("lines", [exception_lines, frame_lines, traceback_lines])
def test_traceback_lines_reads_no_device_or_pipe(
    code: str, lines: Callable[[BaseException], list[str]], tmp_path: Path
) -> None:
    pipe = tmp_path / f"pipe-{len(code)}-{lines.__name__}"
    os.mkfifo(pipe)  # opening it would block
    script = (
        "import resource\nfrom tests._utils.test_tracebacks import *\n"
        f"resource.setrlimit(resource.RLIMIT_DATA, ({_BYTES}, {_BYTES}))\n"
        f"for file in ('/dev/zero', {str(pipe)!r}):\n"
        f"    print(*{lines.__name__}(raised({code!r}, file)), sep='\\n')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=PATIENCE
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("/dev/zero") >= 1
    assert done.stdout.count(str(pipe)) >= 1


def test_traceback_lines_shows_installed_sample() -> None:
    file = str(SAMPLES / "net.py")
    assert any(file in line for line in traceback_lines(raised("1 / 0", file)))


def test_traceback_lines_shows_source_of_file(tmp_path: Path) -> None:
    file = tmp_path / "net.py"
    file.write_text("1 / 0\n")
    assert "    1 / 0" in traceback_lines(raised("1 / 0", str(file)))
