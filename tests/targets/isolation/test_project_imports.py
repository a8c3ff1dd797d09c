"""Tests of files that do work on import: only their definitions are run."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import netinspect
from netinspect.records.trace import RUN_FILE, Trace
from tests.support import Outcome
from tests.targets.isolation.project_files import HEAD, MARK, NET, UNKNOWN, WORK, has_run


@pytest.mark.parametrize("target", ["net.py", "net.py:Net", "net:Net"])
@pytest.mark.parametrize("text", WORK.values(), ids=WORK)
def test_import_does_not_run_work(
    load: Callable[..., Trace], tmp_path: Path, text: str, target: str
) -> None:
    sys.modules.pop("net", None)
    trace = load(target, net=HEAD + NET.format(width=3) + text)
    assert not has_run(tmp_path)
    assert trace.parameters[0].spec.shape == (2, 3)
    [note] = [each for each in trace.warnings if RUN_FILE in each]
    assert note.startswith("net.py does work")
    sys.modules.pop("net", None)


@pytest.mark.parametrize("text", UNKNOWN.values(), ids=UNKNOWN)
def test_import_does_not_run_unneeded_unknown_calls(
    load: Callable[..., Trace], tmp_path: Path, text: str
) -> None:
    (tmp_path / "tools.py").write_text("import torch\ndef go():\n    torch.save(1, 'ran')\n")
    trace = load("net.py:Net", net=HEAD + NET.format(width=3) + text)
    assert not has_run(tmp_path)
    [note] = [each for each in trace.warnings if RUN_FILE in each]
    assert note.startswith(("net.py may do work", "net.py does work"))


@pytest.mark.parametrize("text", ["a training loop", "folders", "a function with a value"])
def test_import_does_not_run_work_of_sibling(
    load: Callable[..., Trace], tmp_path: Path, text: str
) -> None:
    trace = load(
        net="from parts import Net\nmodel = Net()\n", parts=HEAD + NET.format(width=3) + WORK[text]
    )
    assert not has_run(tmp_path)
    assert any(each.startswith("parts.py") for each in trace.warnings)


def test_import_does_not_run_work_of_package(load: Callable[..., Trace], tmp_path: Path) -> None:
    text = HEAD + WORK["folders"]
    net = "from .part import nn\nfrom own.part import WIDTH\n" + NET.format(width="WIDTH")
    load("own/net.py", own___net=net, own___part=text + "WIDTH = 7\n", own_____init__=text)
    assert not has_run(tmp_path)


def test_import_of_package_with_two_imports_of_future(load: Callable[..., Trace]) -> None:
    init = "from __future__ import print_function\nfrom __future__ import division\n"
    net = HEAD + "from own.part import WIDTH\n" + NET.format(width="WIDTH")
    load(
        "own/net.py",
        own___net=net,
        own___part="WIDTH = 7\n",
        own_____init__=init + "from .net import *\n",
    )


def test_import_in_forward_does_not_run_work(load: Callable[..., Trace], tmp_path: Path) -> None:
    text = NET.format(width=3).replace("return", "import late\n        return late.TWO *")
    load(net=HEAD + text, late=HEAD + WORK["folders"] + "TWO = 2\n")
    assert not has_run(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        MARK,
        'if __name__ == "__main__":\n    open("ran", "w")\n' + MARK,
    ],
)
def test_run_file_runs_whole_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.chdir(tmp_path)
    Path("net.py").write_text(HEAD + NET.format(width=3) + text)
    trace = netinspect.load("net.py", run_file=True)
    assert has_run(tmp_path)
    assert not any(RUN_FILE in each for each in trace.warnings)


PLAIN = {
    "definitions": "import logging\nNAMES = ['a', *'bc']\nlogger = logging.getLogger(__name__)\n",
    "a main guard": f'if __name__ == "__main__":\n    {MARK}',
    "a reversed main guard": f'if "__main__" == __name__:\n    {MARK}',
    "configuration": (
        "import random, warnings, logging, sys\nrandom.seed(3)\ntorch.manual_seed(3)\n"
        "warnings.filterwarnings('ignore', category=UserWarning)\nsys.path.append('.')\n"
        "torch.backends.cudnn.benchmark = False\nos.environ['OWN_THING'] = '1'\n"
        "def seed_all(n):\n    torch.manual_seed(n)\n    random.seed(n)\nseed_all(4)\n"
    ),
    "calls that compute": (
        "import threading, time, logging, argparse\nfrom functools import partial\n"
        "lock = threading.Lock()\nnow = time.time()\nlogger = logging.getLogger('x')\n"
        "logger.info('x')\nnorm = partial(nn.LayerNorm, eps=1e-6)\n"
        "mean = torch.tensor([1.0, 2.0]).view(1, 2)\nparser = argparse.ArgumentParser()\n"
        "parser.add_argument('--size')\nif torch.cuda.is_available():\n    torch.cuda.empty_cache()\n"
    ),
    "a registry": (
        "class Registry:\n    def register(self, name):\n        return lambda c: c\n"
        "R = Registry()\n@R.register('a')\nclass A:\n    pass\nR.register('b')(Net)\n"
    ),
    "instances": "net = Net()\nlayers = nn.Sequential(nn.Linear(3, 3), nn.ReLU())\n",
    "registration": "MODELS = {}\nMODELS.setdefault('net', Net)\nfor n in 'ab':\n    MODELS[n] = Net\n",
}


@pytest.mark.parametrize("text", PLAIN.values(), ids=PLAIN)
def test_import_without_work_has_no_note(load: Callable[..., Trace], tmp_path: Path, text: str) -> None:
    trace = load("net.py:Net", net=HEAD + NET.format(width=3) + text)
    assert not any(RUN_FILE in each for each in trace.warnings)
    assert not has_run(tmp_path)


def test_import_restores_process_state(
    load: Callable[..., Trace], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["program", "--its", "own"])
    (tmp_path / "sub").mkdir()
    before = [*sys.path], [*sys.argv], os.getcwd(), [*sys.meta_path]
    text = "import sys\nos.chdir('sub')\nSEEN = [*sys.argv]\n" + NET.format(width="len(SEEN)")
    trace = load(net=HEAD + text)
    assert trace.parameters[0].spec.shape == (2, 1)  # only its own path
    assert (sys.path, sys.argv, os.getcwd(), sys.meta_path) == before


SHADOWS = ("rich", "typer", "click", "pygments", "json", "csv", "shutil", "textwrap", "markdown_it")


@pytest.mark.slow
def test_project_does_not_shadow_modules_of_netinspect(tmp_path: Path) -> None:
    for name in SHADOWS:
        (tmp_path / f"{name}.py").write_text("WIDTH = 4\n")
    (tmp_path / "late.py").write_text("TWO = 2\n")
    text = NET.format(width="rich.WIDTH").replace("return", "import late\n        return late.TWO *")
    (tmp_path / "net.py").write_text("import rich\nfrom torch import nn\n" + text)
    for words in (["netinspect.cli.run", "-f", "rich"], ["netinspect", "-f", "markdown"]):
        start = f"import sys; from {words[0]} import main; main(sys.argv[1:])"
        command = ["-c", start] if words[0] != "netinspect" else ["-m", "netinspect"]
        if command[0] == "-c":
            command.insert(0, "-P")
        run = subprocess.run(
            [sys.executable, *command, "summary", "net.py", "--no-cache", *words[1:]],
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        assert run.returncode == 0, run.stderr
        assert "Linear" in run.stdout


def test_note_about_work_is_on_stderr_for_plain_output(
    cli: Callable[..., Outcome], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("net.py").write_text(HEAD + NET.format(width=3) + WORK["folders"])
    for words, notes in ((("-f", "plain"), 1), (("-f", "plain", "-q"), 0), (("-f", "rich"), 0)):
        outcome = cli("summary", "net.py", "--no-cache", *words)
        assert outcome.code == 0
        assert outcome.err.count("net.py does work when it is imported: line 12") == notes
    assert "net.py does work when it is imported" in " ".join(outcome.out.split())
    assert cli("summary", "net.py", "--no-cache", "--run-file").code == 0
    assert has_run(tmp_path)
