"""Tests that targets loaded in one process do not affect each other or the process."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch

import netinspect
from netinspect.targets.target import parse_target
from tests.support import build_module

NET = """\
from torch import nn
from sizes import WIDTH

EXAMPLE_INPUTS = (f"x=1x{WIDTH}",)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(WIDTH, 2)

    def forward(self, x):
        from later import double
        return double(self.fc(x))
"""

DRAWING = """\
import random
import numpy
import torch
from torch import nn

early = random.random(), float(numpy.random.rand()), float(torch.rand(1))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        drawn = [*early, random.random(), float(numpy.random.rand()), float(torch.rand(1))]
        self.drawn = nn.Parameter(torch.tensor(drawn))

    def forward(self):
        return self.drawn * random.random() * float(numpy.random.rand()) * torch.rand(1)
"""


@pytest.fixture
def project(tmp_path: Path) -> Callable[[str, int], Path]:
    def make(name: str, width: int) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        (folder / "net.py").write_text(NET)
        (folder / "sizes.py").write_text(f"WIDTH = {width}\n")
        (folder / "later.py").write_text("def double(x):\n    return x * 2\n")
        return folder / "net.py"

    return make


def test_import_file_same_name_imports_own_siblings(project: Callable[[str, int], Path]) -> None:
    files = [project("one", 3), project("two", 5), project("three", 7)]
    traces = [netinspect.load(file) for file in files]
    assert [trace.parameters[0].spec.shape[1] for trace in traces] == [3, 5, 7]
    assert [trace.inputs[0].spec for trace in traces] == ["x=1x3", "x=1x5", "x=1x7"]
    assert all(trace.failure is None for trace in traces)
    assert [trace.modules[0].file for trace in traces] == [str(file) for file in files]


def test_import_file_twice_reloads_under_same_name(project: Callable[[str, int], Path]) -> None:
    file = project("one", 3)
    first = netinspect.load(file, run=False)
    file.write_text(NET.replace("WIDTH, 2", "WIDTH, 20"))
    second = netinspect.load(file, run=False)
    assert first.modules[0].class_path == second.modules[0].class_path == "net.Net"
    assert second.parameters[0].spec.shape == (20, 3)


def test_import_in_forward_writes_no_file(project: Callable[[str, int], Path]) -> None:
    file = project("one", 3)
    before = sorted(path.name for path in file.parent.iterdir())
    assert netinspect.load(file, backward=True).failure is None
    assert sorted(path.name for path in file.parent.iterdir()) == before
    assert not sys.dont_write_bytecode or "PYTHONDONTWRITEBYTECODE" in os.environ


def test_import_file_virtual_environment_in_folder(
    project: Callable[[str, int], Path],
) -> None:
    file, other = project("one", 3), project("two", 5)
    packages = file.parent / ".venv" / "lib" / "site-packages"
    packages.mkdir(parents=True)
    (packages / "installed_thing.py").write_text("VALUE = 1\n")
    file.write_text(f"import sys\nsys.path.append({str(packages)!r})\nimport installed_thing\n" + NET)
    netinspect.load(file, run=False)
    installed = sys.modules["installed_thing"]
    netinspect.load(other, run=False)
    assert sys.modules["installed_thing"] is installed


def test_seed_sets_all_random_generators(tmp_path: Path) -> None:
    file = tmp_path / "drawing.py"
    file.write_text(DRAWING)

    def drawn(seed: int) -> tuple[bytes, Any]:
        model: Any = build_module(parse_target(str(file)), {}, seed=seed)
        trace = netinspect.load(file, seed=seed, values=True)
        return model.drawn.detach().numpy().tobytes(), trace.output_values

    before = random.getstate(), numpy.random.get_state()[1].tobytes(), torch.get_rng_state()  # type: ignore[index]
    first = drawn(1)
    random.random(), numpy.random.rand(), torch.rand(1)
    random.setstate(before[0])
    assert drawn(1) == first
    assert drawn(2) != first
    assert random.getstate() == before[0]


@pytest.mark.slow
def test_seed_sets_numpy_imported_later(tmp_path: Path) -> None:
    """NumPy creates its generators on first use, which a new process shows."""
    (tmp_path / "net.py").write_text(DRAWING)
    code = "import netinspect; print(netinspect.load('net.py', stats=True).parameters[0].statistics)"
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
        ).stdout
        for _ in range(2)
    }
    assert len(outputs) == 1


@pytest.mark.parametrize("name", ["random", "copy", "queue", "profile", "code", "types", "select"])
def test_import_file_named_like_standard_module(tmp_path: Path, name: str) -> None:
    own = sys.modules.get(name)
    file = tmp_path / f"{name}.py"
    file.write_text(
        'from torch import nn\nEXAMPLE_INPUTS = ("1x2",)\nclass Net(nn.Linear):\n'
        "    def __init__(self):\n        super().__init__(2, 2)\n"
    )
    trace = netinspect.load(file, backward=True, values=True, stats=True, code=True)
    assert trace.failure is None
    assert sys.modules.get(name) is own
    assert trace.code[0].file == str(file)


def test_single_candidate_class_with_two_names(tmp_path: Path) -> None:
    file = tmp_path / "twice.py"
    file.write_text("from torch import nn\nclass Net(nn.Module):\n    pass\nModel = Net\n")
    assert type(build_module(parse_target(str(file)), {}, seed=0)).__name__ == "Net"


def test_source_line_of_nested_class_with_repeated_name(tmp_path: Path) -> None:
    file = tmp_path / "inner.py"
    file.write_text(
        '"""\nclass Block is here\n"""\nfrom torch import nn\n\n\n'
        "class One(nn.Module):\n    class Block(nn.Module):\n        def forward(self, x):\n"
        "            return x\n\n\n"
        "class Two(nn.Module):\n    class Block(nn.Module):\n        def forward(self, x):\n"
        "            return -x\n"
    )
    lines = [
        netinspect.load(f"{file}:{name}.Block", run=False).modules[0].line for name in ("One", "Two")
    ]
    assert lines == [8, 14]
