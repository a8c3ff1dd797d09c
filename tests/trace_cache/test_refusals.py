"""Tests of runs that are not cached because a change could go unnoticed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import PATIENCE
from tests.trace_cache.queries import Asker, write

pytestmark = pytest.mark.slow

# Each file is imported as a model's file would be, in a process without torch, and judged.
JUDGE = """
import json, os, sys
from pathlib import Path
from netinspect.trace_cache.lookup import record_run
from netinspect.targets.file_imports import import_file
from netinspect.targets.isolation.project_imports import project_code

file = os.path.abspath(sys.argv[1])

def run():
    with project_code(whole=True) as project:
        try:
            import_file(Path(file), project)
        except Exception:
            pass

recorded = record_run(run, [file])[1]
found = recorded.dependencies
print(json.dumps(recorded.reason if found is None else found.files if found.holds() else "changed"))
"""

REFUSED = {
    "import subprocess\nsubprocess.run(['true'])": "starts another process",
    "import os\nos.system('true')": "starts another process",
    "import os\nif os.fork() == 0: os._exit(0)": "starts another process",
    "import socket\nsocket.create_connection(('127.0.0.1', 9), 0.1)": "uses the network",
    "from urllib.request import urlopen\nurlopen('http://127.0.0.1:9')": "uses the network",
    "import sqlite3\nsqlite3.connect(':memory:')": "opens a database",
    "open('written.txt', 'w')": "changes files",
    "from pathlib import Path\nPath('made').mkdir()": "changes files",
    "import tempfile\ntempfile.TemporaryFile()": "changes files",
    "open('/proc/meminfo').read()": "state of the machine",
    "import os\nwide = os.path.exists('flag')": "files unseen by Python (exists)",
    "from pathlib import Path\nwide = Path('flag').is_file()": "files unseen by Python (is_file)",
    "open(0).read()": "from a file that was open already",
    "from threading import Thread\nimport os\nThread(target=os.system, args=('true',)).start()": (
        "starts another process"
    ),
    "import torch\nwide = torch.jit.load('traced.pt')": "files unseen by Python (jit.load)",
    "import ctypes\nctypes.CDLL(None)": "files unseen by Python (ctypes)",
    "from safetensors.torch import load_file": "files unseen by Python (safetensors)",
    "open('pipe', 'rb', opener=lambda *_: 0)": "not a regular file",
    "print('x' * 100_000)": "prints more than 64 KiB",
    "open('huge.bin', 'rb').read(1)": "reads more than 64 MiB",
    "from pathlib import Path\nPath('changing.txt').read_text()\n" + "x = 1": "has just been changed",
}

CACHED = {
    "WIDTH = 3": (),
    "print('hello')": (),
    "open('data.txt').read()": ("data.txt",),
    "try:\n    open('absent.txt')\nexcept OSError:\n    pass": ("absent.txt",),
    "import os\nWIDTH = os.environ.get('OWN_WIDTH')": (),
    "import random, time\ntime.time(), random.random()": (),
    "path_exists = 3  # it has no file": (),
    "from pathlib import Path\nPath(__file__).resolve().parent": (),
    "import os\nos.path.dirname(os.path.realpath(__file__))": (),
    "from glob import glob\nglob('*.txt'), glob('absent/*.txt')": (),
    "import os\nif 'OWN_WIDTH' in os.environ:\n    WIDTH = os.environ['OWN_WIDTH']": (),
    "exec(open('data.txt').read())": ("data.txt",),
    "import os\ntry:\n    os.chdir('absent')\nexcept OSError:\n    pass": (),
}


def judge(folder: Path, text: str) -> object:
    write(folder, {"net.py": text, "data.txt": "WIDTH = 3"})
    os.mkfifo(folder / "pipe")
    with (folder / "huge.bin").open("wb") as file:
        file.truncate(200 * 2**20)
    future = folder / "changing.txt"
    future.write_text("soon", encoding="utf-8")
    os.utime(future, (4_000_000_000, 4_000_000_000))
    completed = subprocess.run(
        [sys.executable, "-c", JUDGE, "net.py"],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert completed.returncode == 0, completed.stderr
    return json.loads(completed.stdout.splitlines()[-1])


@pytest.mark.parametrize("text", REFUSED)
def test_unobservable_code_is_not_cached(tmp_path: Path, text: str) -> None:
    reason = judge(tmp_path, text)
    assert isinstance(reason, str)
    assert REFUSED[text] in reason


@pytest.mark.parametrize("text", CACHED)
def test_observable_code_is_cached(tmp_path: Path, text: str) -> None:
    files = judge(tmp_path, text)
    assert isinstance(files, list), files
    assert {str(tmp_path / name) for name in ("net.py", *CACHED[text])} <= set(files)


def test_refusal_reports_reason(tmp_path: Path) -> None:
    text = (
        "import os\nfrom torch import nn\n\n\nclass Net(nn.Module):\n    def __init__(self):\n"
        "        super().__init__()\n        self.fc = nn.Linear(2, 3 + os.path.exists('wide'))\n"
    )
    write(tmp_path, {"net.py": text})
    ask = Asker(tmp_path, tmp_path / "home")
    outcome = ask("tree", "net.py", "-v")
    assert outcome.code == 0
    assert (
        "the trace was not cached: net.py may depend on files unseen by Python (exists)\n" in outcome.err
    )
    assert not ask.is_answered("tree", "net.py")
    assert not ask.entries


def test_symbolic_runs_out_of_time_are_not_cached(tmp_path: Path) -> None:
    """A less busy machine would give expressions instead of these numbers."""
    text = "import netinspect.inputs.budget\nfrom torch import nn\n\n"
    text += "netinspect.inputs.budget.SECONDS = -1.0\nnet = nn.Linear(2, 2)\n"
    write(tmp_path, {"net.py": text})
    ask = Asker(tmp_path, tmp_path / "home")
    outcome = ask(
        "summary", "net.py:net", "--symbolic", "batch", "-v", "--format", "rich", "--width", "120"
    )
    assert "all sizes are concrete: the runs at other sizes were stopped after -1 s: time was up" in (
        " ".join(outcome.out.split())
    )
    assert "the trace was not cached: a search ended because its time was up" in outcome.err
    assert not ask.entries


SEARCHED = """\
import netinspect.inputs.budget
from torch import nn

netinspect.inputs.budget.{limit} = {value}


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(10, 20), nn.Linear(30, 5)

    def forward(self, x):
        return self.second(self.first(x).flip(0))
"""


@pytest.mark.parametrize(("limit", "value", "keeps"), [("SECONDS", -1.0, False), ("TRIES", 1, True)])
def test_search_out_of_time_is_not_cached(tmp_path: Path, limit: str, value: float, keeps: bool) -> None:
    write(tmp_path, {"net.py": SEARCHED.format(limit=limit, value=value)})
    ask = Asker(tmp_path, tmp_path / "home")
    outcome = ask("summary", "net.py", "-v")
    assert outcome.code == 4
    assert "the search for inputs was stopped after" in outcome.err
    assert ("the trace was cached" in outcome.err) is keeps
    assert ("a search ended because its time was up" in outcome.err) is not keeps
    assert bool(ask.entries) is keeps


def test_load_errors_are_not_cached(tmp_path: Path) -> None:
    write(tmp_path, {"net.py": "raise ValueError('no')\n"})
    ask = Asker(tmp_path, tmp_path / "home")
    assert ask("tree", "net.py").code == 3
    assert not ask.entries
