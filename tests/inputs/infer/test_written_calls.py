"""Tests of inputs from the examples in the file of a model."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest
from torch import nn

from netinspect.inputs.infer.model_facts import read_facts
from netinspect.inputs.infer.written_calls import written_inputs
from tests.support import Outcome

NET = '''\
"""A file.DOCSTRING"""
import torch
from torch import nn

SIZE = 24


class Net(nn.Module):
    """A net.

    EXAMPLE
    """

    def __init__(self, width=8):
        super().__init__()
        self.width = width
        self.layer = nn.Linear(width, 2)

    def forward(self, x, mask=None, *, scale=1.0):
        FORWARD
        return self.layer(x)


MAIN
'''


@pytest.fixture
def specs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, tuple[str, str]]]:
    """Return a function that returns the spec and the reason of each input of an example."""

    def read(main: str = "", example: str = "", **more: Any) -> dict[str, tuple[str, str]]:
        text = NET.replace("EXAMPLE", example.replace("\n", "\n    ")).replace("MAIN", main)
        text = text.replace("FORWARD", more.get("forward", "pass")).replace("DOCSTRING", "")
        file = tmp_path / "written_net.py"
        file.write_text(text)
        specification = spec_from_file_location("written_net", file)
        assert specification is not None
        assert specification.loader is not None
        module: Any = module_from_spec(specification)
        monkeypatch.setitem(sys.modules, "written_net", module)
        specification.loader.exec_module(module)
        found = written_inputs(read_facts(module.Net(more.get("width", 8))))
        return {name: (str(guess.spec), guess.reason) for name, guess in found.items()}

    return read


Specs = Callable[..., dict[str, tuple[str, str]]]
GUARD = 'if __name__ == "__main__":\n    '


@pytest.mark.parametrize(
    ("main", "expected"),
    [
        ("Net()(torch.randn(2, SIZE, 8))", {"x": "x=2x24x8"}),
        ("n = 3\n    net = Net().cuda()\n    x = torch.rand(n, 8)\n"
        "    y = net(x)", {"x": "x=3x8:float32:0..1"}),
        ("net = Net()\n    net.eval()\n    net.forward(x=torch.zeros((4, 8)))", {"x": "x=4x8"}),
        ("net = nn.DataParallel(Net())\n    net(torch.ones(4, 8).to('cuda'))", {"x": "x=4x8"}),
        (
            "Net()(torch.randn(2, 8), torch.ones(2, dtype=torch.bool), scale=2)",
            {"x": "x=2x8", "mask": "mask=2:bool:1,", "scale": "scale:=2"},
        ),
        ("Net()(torch.randint(0, 9, (2, 8)), None)", {"x": "x=2x8:int64:0..8", "mask": "mask=None"}),
        ("Net()(torch.tensor([[1, 2]]))", {"x": "x=1x2:int64:1,2"}),
        ("Net()({'a': torch.randn(1, 2), 'b': 3})", {"x.a": "x.a=1x2", "x.b": "x.b:=3"}),
        ("Net()([torch.randn(3, 9, 9)] * 2)", {"x": "x=3x9x9:list2"}),
        ("Net()(torch.randn(2, 8), load_mask())", {"x": "x=2x8"}),
        ("Net()(load())", {}),
        ("Net()(torch.randn(2, 8), other=3)", {}),
        ("other = nn.Linear(2, 2)\n    other(torch.randn(7, 2))", {}),
        ("for batch in [2, 4]:\n        Net()(torch.randn(batch, 8))", {"x": "x=2x8"}),
        ("Net(width=9)(torch.randn(1, 9))\n    Net(width=8)(torch.randn(2, 8))", {"x": "x=2x8"}),
    ],
)  # fmt: skip
def test_written_inputs_of_main_guard(specs: Specs, main: str, expected: dict[str, str]) -> None:
    found = specs(GUARD + main)
    assert {name: spec for name, (spec, _) in found.items()} == expected
    assert all(reason.startswith("as in its own file, line ") for _, reason in found.values())


@pytest.mark.parametrize(
    "example",
    [
        ">>> net = Net(8)\n>>> out = net(torch.randn(2, 96, 8))\n>>> out.shape",
        "Example::\n\n    net = Net(8)\n    out = net(torch.randn(2, 96, 8))",
        "```python\nimport torch\nfrom package import Net\nNet(8)(torch.randn(2, 96, 8))\n```",
        ">>> import package\n>>> net = package.nets.Net(width=8)\n"
        ">>> x = torch.randn([2, 96, 8])\n>>> y = net(x)",
        ">>> net = Net(8)\n>>> for n in (1, 2):\n...     y = net(torch.randn(2, 96, 8))",
    ],
)  # fmt: skip
def test_written_inputs_of_docstring(specs: Specs, example: str) -> None:
    assert specs(example=example) == {"x": ("x=2x96x8", "as in an example in its docstring")}


def test_written_inputs_of_forward_docstring(specs: Specs) -> None:
    forward = '"""Run.\n\n        >>> Net()(torch.randn(5, 8))\n        """'
    assert specs(forward=forward)["x"][0] == "x=5x8"


def test_written_inputs_of_test_function(specs: Specs) -> None:
    main = (
        "def build():\n    return Net()\n\n\ndef test_net():\n"
        "    assert build()(torch.randn(5, 8)).shape == (5, 2)"
    )
    assert specs(main)["x"] == ("x=5x8", "as in its own file, line 29")


def test_written_inputs_run_nothing(specs: Specs, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    assert specs(f"{GUARD}open({str(mark)!r}, 'w')\n    while True:\n        Net()(torch.randn(3, 8))")
    assert not mark.exists()


def test_written_inputs_of_library_class() -> None:
    assert written_inputs(read_facts(nn.TransformerEncoderLayer(8, 2))) == {}


def test_example_in_file_is_the_input(cli: Callable[..., Outcome], tmp_path: Path) -> None:
    main = GUARD + "net = Net(width=4)\n    print(net(torch.rand(6, 5, 4)).shape)"
    text = NET.replace("MAIN", main).replace("FORWARD", "pass").replace("EXAMPLE", "")
    (tmp_path / "net.py").write_text(text.replace("width=8", "width"))
    outcome = cli("summary", f"{tmp_path / 'net.py'}", "--explain-input", "--no-cache")
    assert outcome.code == 0, outcome.err
    assert "input: x = 6x5x4 float32 (as in its own file, line 26)" in outcome.out
    assert "constructor arguments were read from " in outcome.out
    assert "input x=6x5x4:float32:0..1: as in its own file, line 26" in outcome.err


def test_example_that_fails_is_followed_by_search(cli: Callable[..., Outcome], tmp_path: Path) -> None:
    main = GUARD + "Net()(torch.rand(6, 5))"
    text = NET.replace("MAIN", main).replace("FORWARD", "pass").replace("EXAMPLE", "")
    (tmp_path / "net.py").write_text(text)
    outcome = cli("summary", f"{tmp_path / 'net.py'}:Net")
    assert outcome.code == 0, outcome.err
    assert "as in its own file" not in outcome.out
