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
from netinspect.trace_cache.dependencies import NotCacheable, gather
from netinspect.trace_cache.audit_recorder import audit_recording
from netinspect.targets.file_imports import import_file
from netinspect.targets.isolation.project_imports import project_code

file = sys.argv[1]
with audit_recording((os.getcwd(),)) as recorder, project_code(whole=True) as project:
    try:
        import_file(Path(file).resolve(), project)
    except Exception:
        pass
try:
    dependencies = gather(recorder, [file])
except NotCacheable as error:
    print(json.dumps(str(error)))
else:
    print(json.dumps([each.path for each in dependencies.files] if dependencies.holds() else "changed"))
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
    "import os\nwide = os.path.exists('flag')": "asks what files there are (exists)",
    "from pathlib import Path\nwide = Path('flag').is_file()": "asks what files there are (is_file)",
    "from os import access\naccess('flag', 4)": "asks what files there are (access()",
    "import time\nnow = time.time()": "asks for the time",
    "from datetime import date\nnow = date.today()": "asks for the time",
    "import os\nnoise = os.urandom(4)": "no seed sets (urandom)",
    "import numpy\nnoise = numpy.random.default_rng()": "no seed sets (default_rng)",
    "import uuid\nname = uuid.uuid4()": "no seed sets (uuid4)",
    "import sys\nname = sys.argv[1]": "state of the process or the machine (argv)",
    "import os\nnumber = os.getpid()": "state of the process or the machine (getpid)",
    "import glob\nwide = glob.glob('flag')": "asks what files there are (flag)",
    "from pathlib import Path\nwide = list(Path('.').glob('sub/flag*'))": "what files there are (sub/",
    "from pathlib import Path\nname = Path('current').resolve().name": "what files there are (resolve(",
    "import os\nname = os.path.realpath('current')": "what files there are (realpath)",
    "import os\nnow = os.times().elapsed": "asks for the time (os.times)",
    "import numpy\nnow = numpy.datetime64('now')": "asks for the time (datetime64)",
    "import numpy\nnoise = numpy.random.Generator(numpy.random.PCG64())": "no seed sets (PCG64)",
    "import random\nrandom.seed(a=None)": "no seed sets (seed(a=None)",
    "open(0).read()": "from a file that was open already",
    "import os\nos.read(0, 1)": "state of the process or the machine (os.read()",
    "import os\nnames = [key for key in os.environ if 'SSH' in key]": "all variables of the environment",
    "import os\nnames = dict(os.environ)": "all variables of the environment",
    "exec(open('timed.inc').read())": "code that it compiles asks for the time (import time)",
    "from threading import Thread\nimport os\nThread(target=os.system, args=('true',)).start()": (
        "starts another process"
    ),
    "import os, time as t\nnow = t.time()": "asks for the time (import os, time)",
    "from argparse import ArgumentParser\nArgumentParser().parse_known_args()": "(parse_known_args)",
    "import fileinput": "state of the process or the machine (fileinput)",
    "from resource import getrlimit": "state of the process or the machine",
    "import multiprocessing\nmultiprocessing.get_context('spawn')": "has it read files ('spawn')",
    "import os\nos.listxattr('data.txt')": "asks what files there are",
    "import torch\nwide = torch.jit.load('traced.pt')": "has it read files (jit.load)",
    "import ctypes\nctypes.CDLL(None)": "runs compiled code",
    "from safetensors.torch import load_file": "has it read files (safetensors)",
    "import os\nwide = os.environ.get('COLUMNS')": "differs between terminals",
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
    "resource = which = 'access to secrets, in time'": (),
    "from pathlib import Path\nPath(__file__).resolve().parent": (),
    "import os\nos.path.dirname(os.path.realpath(__file__))": (),
    "from glob import glob\nglob('*.txt'), glob('absent/*.txt')": (),
    "import os\nif 'OWN_WIDTH' in os.environ:\n    WIDTH = os.environ['OWN_WIDTH']": (),
    "exec('WIDTH = 3')": (),
    "import os\ntry:\n    os.chdir('absent')\nexcept OSError:\n    pass": (),
    "from math import sin\ntime_step, resource_path = 1, 2": (),
    "if __name__ == '__main__':\n    import time\n\n    print(time.time())\n": (),
}


def judge(folder: Path, text: str) -> object:
    write(folder, {"net.py": text, "data.txt": "data", "timed.inc": "import time\n"})
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


def test_stale_bytecode_is_not_trusted(tmp_path: Path) -> None:
    """Python runs stale bytecode if the source has the same time and size, so what ran is unknown."""
    helper = tmp_path / "helper.py"
    helper.write_text("WIDTH = 3\n", encoding="utf-8")
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    command = [sys.executable, "-c", JUDGE, "net.py"]
    (tmp_path / "net.py").write_text("import helper\n", encoding="utf-8")

    def refusal() -> str:
        run = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
        )
        return run.stdout

    subprocess.run([sys.executable, "-c", "import helper"], cwd=tmp_path, env=environment, check=True)
    assert list(tmp_path.glob("__pycache__/helper.*.pyc"))
    assert "helper.py" in refusal()
    times = helper.stat()
    helper.write_text("WIDTH = 4\n", encoding="utf-8")
    os.utime(helper, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert "has changed since its bytecode was written" in refusal()


def test_refusal_reports_reason(tmp_path: Path) -> None:
    text = (
        "import time\nfrom torch import nn\n\n\nclass Net(nn.Module):\n    def __init__(self):\n"
        "        super().__init__()\n        self.fc = nn.Linear(2, int(time.time()) % 7 + 1)\n"
    )
    write(tmp_path, {"net.py": text})
    ask = Asker(tmp_path, tmp_path / "home")
    outcome = ask("tree", "net.py", "-v")
    assert outcome.code == 0
    assert "the trace was not cached: net.py asks for the time (import time)\n" in outcome.err
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
        return self.second(self.first(x))
"""


@pytest.mark.parametrize(("limit", "value", "keeps"), [("SECONDS", -1.0, False), ("TRIES", 3, True)])
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
