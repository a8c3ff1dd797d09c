"""Tests of roots that cannot be run: containers of layers, no forward, a forward that only raises."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

import netinspect
from netinspect.errors import ForwardError, LoadError, NetinspectError
from netinspect.records.report_header import Totals

FILE = """
import torch
from torch import nn

class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 4)

    def forward(self, x):
        return self.fc(x)

layers = nn.ModuleList([nn.Linear(4, 4), Block()])
heads = nn.ModuleDict({"a": nn.ModuleList([Block()]), "b": nn.Linear(4, 2)})
weights = nn.ParameterList([torch.ones(3), torch.ones(2, 2)])
named = nn.ParameterDict({"w": torch.ones(3, 2)})

class Bare(nn.Module):
    def __init__(self):
        super().__init__()
        self.block = Block()

def make_layers():
    return nn.ModuleList([nn.Linear(4, 4), Block()])

def make_list():
    return [nn.Linear(4, 4), Block()]

def make_dict():
    return {"g": Block(), "d": Block()}

class Refuses(Bare):
    def encode(self, x):
        return self.block(x)

    def decode(self, z: torch.Tensor):
        return z

    def load_weights(self, path):
        raise AssertionError

    def forward(self, *args):
        raise NotImplementedError("use .encode")

class RefusesInWords(Refuses):
    def forward(self, x):
        raise RuntimeError("call encode() instead")

class Called(Bare):
    def __call__(self, x):
        return self.block(x)

class Raises(Bare):
    def forward(self, x):
        raise RuntimeError("expected 3 channels")
"""

PARAMETERS = {
    "layers": 40, "heads": 30, "weights": 7, "named": 6, "Bare": 20, "make_layers": 40,
}  # fmt: skip
HINTS = {
    "layers": "layers.0", "heads": "heads.a.0", "weights": "write a forward method",
    "named": "write a forward method", "Bare": "Block", "make_layers": "Block",
}  # fmt: skip


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "roots.py"
    path.write_text(FILE, encoding="utf-8")
    return path


@pytest.mark.parametrize("name", PARAMETERS)
def test_load_root_without_forward_is_not_run(file: Path, name: str) -> None:
    trace = netinspect.load(f"{file}:{name}", inputs="2x4")
    assert (trace.failure, trace.ran, trace.inputs, trace.attempts) == (None, False, (), ())
    for view in (netinspect.summary(trace), netinspect.params(trace), netinspect.tree(trace)):
        assert isinstance(view.record.totals, Totals)
        assert view.record.totals.parameters == PARAMETERS[name]
    assert any("the model has no forward" in note for note in trace.warnings)


@pytest.mark.parametrize("name", HINTS)
def test_commands_on_root_without_forward_suggest_targets(file: Path, name: str) -> None:
    trace = netinspect.load(f"{file}:{name}")
    for command in (netinspect.trace, netinspect.cost, netinspect.memory):
        with pytest.raises(ForwardError, match="has no forward, so there is nothing to run") as raised:
            command(trace)
        assert HINTS[name] in (raised.value.hint or "")


@pytest.mark.parametrize("name", ["layers.0", "heads.a.0", "heads.b"])
def test_load_layer_in_root_without_forward(file: Path, name: str) -> None:
    trace = netinspect.load(f"{file}:{name}", inputs="2x4")
    assert (trace.failure, trace.ran) == (None, True)


@pytest.mark.parametrize(
    ("name", "wrapper"), [("make_list", "nn.ModuleList"), ("make_dict", "nn.ModuleDict")]
)
def test_load_plain_container_of_modules_suggests_wrapper(file: Path, name: str, wrapper: str) -> None:
    with pytest.raises(LoadError, match=r"not an nn\.Module") as raised:
        netinspect.load(f"{file}:{name}")
    assert raised.value.hint is not None
    assert raised.value.hint.startswith("it contains 2 modules")
    assert wrapper in raised.value.hint


@pytest.mark.parametrize("name", ["Refuses", "RefusesInWords"])
def test_load_forward_that_only_raises_suggests_methods(file: Path, name: str) -> None:
    trace = netinspect.load(f"{file}:{name}")
    assert trace.failure is not None
    assert trace.failure.methods == ("encode", "decode")
    assert len(trace.attempts) == 1
    assert "run another method: call='encode' (or decode)" in netinspect.summary(trace).text()


def test_load_other_failure_suggests_no_methods(file: Path) -> None:
    trace = netinspect.load(f"{file}:Raises", inputs="2x4")
    assert trace.failure is not None
    assert trace.failure.methods == ()


def test_load_model_with_own_call_is_run(file: Path) -> None:
    trace = netinspect.load(f"{file}:Called", inputs="2x4")
    assert (trace.failure, trace.ran) == (None, True)


def test_load_live_module_list_is_not_run() -> None:
    trace = netinspect.load(nn.ModuleList([nn.Linear(2, 2)]), args=(torch.ones(1, 2),))
    assert (trace.failure, trace.ran) == (None, False)


COMMAND_LINES = {
    "argv": ("import sys\nwidth = int(sys.argv[1])\n", "list index out of range"),
    "unpacked": ("import sys\nscript, width = sys.argv\n", "not enough values to unpack"),
    "argparse": (
        "import argparse\nparser = argparse.ArgumentParser()\nparser.add_argument('data')\n"
        "width = parser.parse_args().data\n",
        "its command line is incomplete: the following arguments are required: data",
    ),
    "click": (
        "import click\n\n@click.command()\n@click.argument('data')\ndef main(data):\n    pass\n\n"
        "width = main()\n",
        "its command line is incomplete: ",
    ),
}
NET = """
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, int(width))
"""


@pytest.mark.parametrize("name", COMMAND_LINES)
def test_load_script_without_required_arguments(tmp_path: Path, name: str) -> None:
    head, cause = COMMAND_LINES[name]
    if name == "click":
        pytest.importorskip("click")
    file = tmp_path / "script.py"
    file.write_text(head + NET, encoding="utf-8")
    with pytest.raises(NetinspectError) as raised:
        netinspect.load(f"{file}:Net")
    assert cause in (raised.value.cause or "")
    assert (raised.value.hint or "").startswith("the file reads its command line when it is loaded")


@pytest.mark.parametrize(
    "head",
    [
        "import argparse\np = argparse.ArgumentParser()\np.add_argument('--width', default=3)\n"
        "width = p.parse_args().width\n",
        "import optparse\np = optparse.OptionParser()\np.add_option('--width', default=3)\n"
        "options, rest = p.parse_args()\nwidth = options.width\n",
        "import getopt, sys\noptions, rest = getopt.getopt(sys.argv[1:], 'w:')\nwidth = 3 - len(rest)\n",
        "import sys\nwidth = 2 + len(sys.argv)\n",
    ],
)
def test_load_script_has_its_own_command_line(tmp_path: Path, head: str) -> None:
    file = tmp_path / "script.py"
    file.write_text(head + NET, encoding="utf-8")
    trace = netinspect.load(f"{file}:Net", run=False)
    assert sum(each.spec.elements for each in trace.parameters) == 4 * 3 + 3
