"""Tests of real processes: pipes, closed streams, full disks, Ctrl-C, a terminal."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from netinspect.api import load, save
from tests import forked
from tests.support import PATIENCE, Outcome

pytestmark = pytest.mark.slow

NETINSPECT = f"{shlex.quote(sys.executable)} -m netinspect"


def shell(line: str, **environment: str) -> Outcome:
    """Run a line of bash in which `NETINSPECT` stands for the command."""
    completed = subprocess.run(
        ["bash", "-c", line.replace("NETINSPECT", NETINSPECT)],
        env={**os.environ, **environment},
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )
    return Outcome(completed.returncode, completed.stdout.decode(), completed.stderr.decode())


@pytest.mark.parametrize(
    "words",
    [
        "--help | head -1",
        "models --format json | head -1",
        # Far more than a pipe holds, so that the writer is still at it when the reader goes.
        "trace big.json --inside-layers --format json | head -1",
        "--help | true",
        "trace big.json --inside-layers --format csv | true",
    ],
)
def test_closed_pipe_is_not_a_failure(workshop: Path, words: str) -> None:
    save(load("resnet18", everything=True), workshop / "big.json")
    outcome = shell(f"NETINSPECT {words}; exit ${{PIPESTATUS[0]}}")
    assert outcome.code == 0
    assert outcome.err == ""


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("models <&-", 0),
        ("models >&-", 2),
        ("models -o x.txt >&-", 0),
        ("models 2>&-", 0),
        ("summary nope 2>&-", 3),
        ("models <&- >&- 2>&-", 2),
    ],
)
def test_closed_streams(workshop: Path, words: str, code: int) -> None:
    outcome = shell(f"NETINSPECT {words}")
    assert outcome.code == code
    assert ("cause: stdout is closed" in outcome.err) == (code == 2 and "2>&-" not in words)
    assert ("lenet" in outcome.out) == (">&-" not in words.replace("2>&-", "") and code == 0)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_full_disk_is_an_error(workshop: Path) -> None:
    outcome = shell("NETINSPECT models > /dev/full")
    assert outcome.code == 2
    assert outcome.err.startswith("error[usage]: cannot write the output")
    assert "No space left" in outcome.err


@pytest.mark.parametrize(
    "words", ["tree saved.json --width 60", "--help", "summary 'nö…'", "'sümmary'", "source saved.json"]
)
def test_ascii_pipe(workshop: Path, words: str) -> None:
    outcome = shell(f"NETINSPECT {words}", PYTHONIOENCODING="ascii")
    assert outcome.code in (0, 2, 3)
    assert outcome.out.isascii()
    assert outcome.err.isascii()
    assert "Traceback" not in outcome.err
    assert "internal" not in outcome.err
    if "tree" in words:
        assert "\n+- conv1  Conv2d(" in outcome.out
        assert "\n`- fc3 " in outcome.out


def test_model_output_goes_to_stderr(workshop: Path) -> None:
    outcome = shell("NETINSPECT summary talks.py --format json")
    assert outcome.code == 0
    assert json.loads(outcome.out)["header"]["class_name"] == "Talks"
    for origin in ("the import", "forward", "a child"):
        assert f"hello from {origin}" in outcome.err


def test_model_output_with_closed_stderr(workshop: Path) -> None:
    outcome = shell("NETINSPECT summary talks.py --format json 2>&-")
    assert outcome.code == 0
    assert json.loads(outcome.out)["header"]["class_name"] == "Talks"


def interrupted(process: subprocess.Popen[bytes], begun: Path) -> tuple[bytes, bytes]:
    """Press Ctrl-C once a file exists; return the output."""
    while not begun.exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    return process.communicate(timeout=PATIENCE)


def test_ctrl_c_stops_without_output(tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(
        "import pathlib, time\n"
        "from torch import nn\n"
        'EXAMPLE_INPUTS = ("x=1x1",)\n'
        "class Slow(nn.Module):\n"
        "    def forward(self, x):\n"
        '        pathlib.Path("begun").touch()\n'
        "        time.sleep(3600)\n"
        "        return x\n",
        encoding="utf-8",
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "netinspect", "summary", "slow.py", "-o", "out.txt", "--save", "saved"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    out, err = interrupted(process, tmp_path / "begun")
    assert process.returncode == 130
    assert out == b""
    assert b"Traceback" not in err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["begun", "slow.py"]


def test_ctrl_c_stops_an_import_of_torch_that_drops_exceptions(tmp_path: Path) -> None:
    package = tmp_path / "packages" / "torch"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(
        "import pathlib, time\n"
        "try:\n"
        f"    pathlib.Path({str(tmp_path / 'begun')!r}).touch()\n"
        "    time.sleep(3600)\n"
        "except BaseException:  # as C++ code of torch may do\n"
        "    pathlib.Path('dropped').touch()\n",
        encoding="utf-8",
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "netinspect", "summary", "lenet", "--no-cache"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(package.parent), *sys.path])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    out, err = interrupted(process, tmp_path / "begun")
    assert (process.returncode, out, err) == (130, b"", b"")
    assert not (tmp_path / "dropped").exists()


def on_a_terminal(words: str, columns: int, **environment: str) -> str:
    """Return the output to a terminal of that width, outside a CI."""
    return forked.on_a_terminal(*shlex.split(words), columns=columns, env=environment).out


def without_colour(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def test_terminal_height_limits_a_list(workshop: Path) -> None:
    shown = without_colour(on_a_terminal("cost resnet18 --no-pager", 80)).splitlines()
    (rest,) = (line for line in shown if " more with " in line)
    assert re.fullmatch(r"… \d+ more with [0-9.]+ % of the MACs \(--top 0\)", rest)
    (title,) = (line for line in shown if "ResNet18  resnet18" in line)
    assert 24 <= len(shown) - shown.index(title) <= 30


@pytest.mark.parametrize("columns", [50, 100])
def test_terminal_color_and_width(workshop: Path, columns: int) -> None:
    shown = on_a_terminal("tree saved.json", columns)
    assert "\x1b[" in shown
    lines = without_colour(shown).splitlines()
    assert "├─ conv1" in without_colour(shown)
    assert max(map(len, lines)) <= columns
    assert max(map(len, lines)) > columns / 2


@pytest.mark.parametrize("environment", [{"TERM": "dumb"}, {"NO_COLOR": "1"}])
def test_terminal_output_without_color(workshop: Path, environment: dict[str, str]) -> None:
    shown = on_a_terminal("tree saved.json", 70, **environment)
    assert "\x1b" not in shown
    assert "├─ conv1" in shown
    assert max(map(len, shown.splitlines())) <= 70


def test_error_color_on_terminal() -> None:
    assert "\x1b[1;91merror[load]: " in on_a_terminal("summary lente", 80)
    assert "\x1b" not in on_a_terminal("summary lente --color never", 80)


def test_output_folder_not_writable(
    installed: Callable[..., Outcome], workshop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Whoever runs the tests as root may write everywhere but here.
    target = "/proc/netinspect.json" if os.geteuid() == 0 else str(workshop / "folder" / "x.json")
    (workshop / "folder").chmod(0o555)
    outcome = installed("models", "-o", target, cwd=workshop)
    (workshop / "folder").chmod(0o755)
    assert outcome.code == 2
    assert target in outcome.err
    assert list((workshop / "folder").iterdir()) == []


def test_user_exit_handlers_run(tmp_path: Path) -> None:
    """Buffers are flushed and exit handlers run, although the end of the process is shortened."""
    (tmp_path / "logging_net.py").write_text(
        "import atexit, tempfile\n"
        "from pathlib import Path\n"
        "from torch import nn\n"
        f"log = open({str(tmp_path / 'log.txt')!r}, 'w')\n"
        f"atexit.register(Path({str(tmp_path / 'bye.txt')!r}).write_text, 'bye')\n"
        f"scratch = tempfile.TemporaryDirectory(dir={str(tmp_path)!r}, prefix='scratch')\n"
        "class Net(nn.Linear):\n"
        "    def __init__(self):\n"
        "        super().__init__(8, 3)\n"
        "        self.log = log\n"
        "        log.write('built')\n",
        encoding="utf-8",
    )
    outcome = shell(
        f"NETINSPECT summary {shlex.quote(str(tmp_path / 'logging_net.py'))} -i 2x8 --run-file"
    )
    assert outcome.code == 0
    assert (tmp_path / "log.txt").read_text(encoding="utf-8") == "built"
    assert (tmp_path / "bye.txt").read_text(encoding="utf-8") == "bye"
    assert not list(tmp_path.glob("scratch*"))


def test_progress_on_terminal() -> None:
    words = "memory lenet --batch 4 --device-memory 1MiB"
    shown = on_a_terminal(words, 100)
    assert re.search(r"tracked batch \d+: ", shown)
    # At the end the line is gone.
    assert "tracked batch" not in shown[shown.rindex("\x1b[2K") :]
    assert "tracked batch" not in on_a_terminal(f"{words} -q", 100)
    assert "tracked batch" not in shell(f"NETINSPECT {words}").err
