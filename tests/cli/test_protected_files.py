"""Tests that an output never replaces a file that was read in the same run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from tests.support import Outcome
from tests.trace_cache.queries import Asker

pytestmark = pytest.mark.slow

FILES = {
    "helper.py": "WIDTH = 8\n",
    "late.py": "",
    "data.txt": "4\n",
    "example.py": "import torch\ndef make():\n    return torch.zeros(2, 8)\n",
    "reading.py": """\
import pathlib, threading
import torch
from torch import nn
from helper import WIDTH

HERE = pathlib.Path(__file__).parent
EXAMPLE_INPUTS = ("x=2x8",)


class Reading(nn.Module):
    def __init__(self):
        super().__init__()
        reader = threading.Thread(target=self.read)
        reader.start()
        reader.join()
        self.fc = nn.Linear(WIDTH, self.width)
        if (HERE / "script.pt").stat().st_size:
            self.script = torch.jit.load(str(HERE / "script.pt"))

    def read(self):
        self.width = int((HERE / "data.txt").read_text())

    def forward(self, x):
        import late
        return self.fc(x)
""",
}

RUN = """
import json, os, sys
from netinspect.cli.run import run
from netinspect._utils.opened_files import record_opened
record_opened()
for words in json.loads(sys.argv[1]):
    print(json.dumps([words, run(words)]), file=sys.stderr)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def kernel_reports(file: Path) -> bool:
    """Return whether the kernel reports opened files; a container may forbid it."""
    code = "import sys; from netinspect._utils import opened_files as opened; opened.watch(sys.argv[1])"
    code += "; open(sys.argv[1]).close(); sys.exit(opened.opener(sys.argv[1]) is None)"
    return subprocess.run([sys.executable, "-c", code, str(file)], check=False).returncode == 0


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_output_refuses_to_replace_read_file(project: Path) -> None:
    """Covers modules, lazy imports, files opened by threads or compiled code, inputs and settings."""
    torch.jit.script(nn.Linear(2, 2)).save(str(project / "script.pt"))
    np.save(project / "x.npy", np.zeros((2, 8), "float32"))
    (project / "netinspect.toml").write_text("width = 80\n")
    (project / "link.py").symlink_to("helper.py")
    (project / "hard.txt").hardlink_to(project / "data.txt")
    installed = nn.__file__
    before, package = contents(project), Path(installed).read_bytes()
    variants: list[list[str]] = [
        ["-o", "reading.py"],
        ["-o", "late.py"],
        ["--save", "hard.txt"],
        ["-o", "sub/../link.py"],
        ["--input-file", "x=x.npy", "-o", "x.npy"],
        ["--inputs-from", "example.py:make", "--save", "example.py"],
        ["-o", "netinspect.toml"],
        ["-o", "new.json", "--save", "./new.json"],
        ["-o", installed],
        ["--save", "script.pt"],
    ]
    (project / "sub").mkdir()
    commands = [["summary", "reading.py", "--no-cache", "-f", "plain", *each] for each in variants]
    done = subprocess.run(
        [sys.executable, "-c", RUN, json.dumps(commands)],
        cwd=project,
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    entries = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("[[")]
    kernel_tells = kernel_reports(project / "data.txt")
    codes = [code for _, code in entries]
    assert codes == [2] * 9 + [2 if kernel_tells else 0]
    assert done.stderr.count("hint: name another file") == 8 + kernel_tells
    assert "are the same file, but two outputs" in done.stderr
    if kernel_tells:
        assert contents(project) == before
    assert Path(installed).read_bytes() == package


def test_output_refuses_to_replace_dependency_of_cached_trace(
    project: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    (project / "script.pt").touch()
    text = (project / "reading.py").read_text()
    text = text[: text.index("        if (HERE")] + text[text.index("    def read") :]
    (project / "reading.py").write_text(text)
    ask = Asker(project, tmp_path_factory.mktemp("home"))
    first = ask("summary", "reading.py", "-v")
    assert first.code == 0
    before = contents(project)
    for name in ("helper.py", "data.txt", "late.py", nn.__file__):
        cached = ask("summary", "reading.py", "-f", "plain", "-o", name, "-v")
        assert "cached trace of" in cached.err
        assert cached.code == 2
        assert "it was read in this run" in cached.err
    assert contents(project) == before
    # A file that was there before and was not read is written, time and again.
    for _ in range(2):
        assert ask("summary", "reading.py", "-o", "out.txt").code == 0


STARTS = """\
import os, subprocess
from torch import nn


class Starts(nn.Module):
    def __init__(self):
        super().__init__()
        subprocess.run(["cat", "by_program.txt"], check=True)
        if (child := os.fork()) == 0:
            open("by_copy.txt").read()
            os._exit(0)
        os.waitpid(child, 0)

    def forward(self, x):
        return x
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux reports what other processes open")
def test_output_refuses_to_replace_file_read_by_child(
    installed: Callable[..., Outcome], workshop: Path
) -> None:
    (workshop / "starts.py").write_text(STARTS)
    for name in ("by_program.txt", "by_copy.txt"):
        for each in ("by_program.txt", "by_copy.txt"):
            (workshop / each).write_text("data\n")
        outcome = installed("summary", "starts.py", "--input", "2x2", "-o", name)
        assert outcome.code == 2
        assert f"{name} would be replaced, and another process opened it" in outcome.err
        assert (workshop / name).read_text() == "data\n"


def test_redirected_stdout_refuses_read_file(workshop: Path) -> None:
    before = (workshop / "saved.json").read_bytes()
    words = [sys.executable, "-m", "netinspect", "summary", "saved.json"]
    for file, code in (("saved.json", 2), ("other.txt", 0), ("other.txt", 0)):
        with open(workshop / file, "a") as stdout:
            done = subprocess.run(
                words, stdout=stdout, stderr=subprocess.PIPE, text=True, timeout=300, check=False
            )
        assert done.returncode == code, done.stderr
    assert "stdout is a file that was read in this run" not in done.stderr
    assert (workshop / "saved.json").read_bytes() == before


def test_output_refuses_to_replace_either_side_of_diff(
    cli: Callable[..., Outcome], tmp_path: Path
) -> None:
    tiny = Path(__file__).parents[2] / "docs" / "examples" / "tiny.safetensors"
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(tiny.read_bytes())
    for name in ("a", "b"):
        outcome = cli(
            "diff", str(tmp_path / "a"), str(tmp_path / "b"), "-o", str(tmp_path / name), "-f", "csv"
        )
        assert outcome.code == 2
        assert (tmp_path / name).read_bytes() == tiny.read_bytes()


def test_output_is_relative_to_starting_folder(
    installed: Callable[..., Outcome], workshop: Path
) -> None:
    with open(workshop / "out.txt", "w") as stdout:
        done = subprocess.run(
            [sys.executable, "-m", "netinspect", "tree", "saved.json", "-o", "out.txt"],
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
            timeout=300,
            check=False,
        )
    assert done.returncode == 2
    assert "out.txt is also stdout" in done.stderr
    (workshop / "wanders.py").write_text(
        f"import os\n{(workshop / 'net.py').read_text()}\nos.chdir({str(workshop / 'folder')!r})\n"
    )
    outcome = installed("tree", "wanders.py:Net", "-o", "tree.txt", "--save", "trace.json", cwd=workshop)
    assert outcome.code == 0
    assert os.listdir(workshop / "folder") == []
    assert (workshop / "tree.txt").exists()
    assert (workshop / "trace.json").exists()
