"""Tests of exceptions in user code: reported with their line, never as internal errors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

import netinspect
from netinspect.errors import LONGEST_TEXT
from tests.support import Outcome

HEAD = """
import asyncio, sys
from torch import nn
class Mine(BaseException): pass
class BadText(Exception):
    def __str__(self): raise Mine("in __str__")
class NoText(Exception):
    def __str__(self): return 5
"""
RAISED = {
    "own": 'raise Mine("own")',
    "exit": "sys.exit(0)",
    "exit-object": "raise SystemExit(object())",
    "generator": "raise GeneratorExit",
    "cancelled": "raise asyncio.CancelledError",
    "stop": "raise StopIteration(3)",
    "memory": "raise MemoryError",
    "no-text": "raise NoText",
    "bad-text": "raise BadText",
    "none": "raise ValueError(None)",
    "group": 'raise BaseExceptionGroup("several", [Mine("one")])',
    "syntax": "raise SyntaxError(None)",
    "executed": 'exec("x = = 1")',
    "executed-later": 'exec("1 / 0")',
    "circle": "e = ValueError(1); e.__cause__ = e; raise e",
    "module-name": "raise ModuleNotFoundError(name=3)",
    "file-name": 'raise FileNotFoundError(2, "x", b"\\xff")',
    "device": 'exec(compile("1 / 0", "/dev/zero", "exec"))',
    "endless": 'raise ValueError("image features and tokens do not match tokens: 1 " * 100_000)',
    "digits": 'raise ValueError("must be " + "1" * 3000 + " but got " + "2" * 900)',
}
"""By name: a line that raises."""


def written(folder: Path, body: str) -> str:
    file = folder / "net.py"
    file.write_text(HEAD + body, encoding="utf-8")
    return str(file)


def place_of(file: str, line: str) -> str:
    """Line of a file that an error names."""
    lines = Path(file).read_text(encoding="utf-8").splitlines()
    return str(next(number for number, each in enumerate(lines, 1) if each.strip() == line))


@pytest.mark.parametrize("name", RAISED)
def test_exception_in_forward(cli: Callable[..., Outcome], tmp_path: Path, name: str) -> None:
    file = written(
        tmp_path, f"class Net(nn.Module):\n    def forward(self, x):\n        {RAISED[name]}\n"
    )
    outcome = cli("summary", file)
    assert outcome.code == 4
    assert outcome.err.startswith("error[forward]: ")
    assert len(outcome.err) < 2 * LONGEST_TEXT
    if name != "device":
        assert f"net.py:{place_of(file, RAISED[name])}\n" in outcome.err


@pytest.mark.parametrize("name", RAISED)
@pytest.mark.parametrize("where", ["constructor", "import"])
def test_exception_while_loading(
    cli: Callable[..., Outcome], tmp_path: Path, name: str, where: str
) -> None:
    line = RAISED[name]
    body = (
        f"class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n        {line}\n"
    )
    file = written(tmp_path, body if where == "constructor" else f"{line}\n")
    outcome = cli("params", file, "--run-file")
    assert outcome.code == 3
    assert outcome.err.startswith("error[load]: ")
    assert "None:None" not in outcome.err
    assert len(outcome.err) < 2 * LONGEST_TEXT
    if name != "device":
        assert f"net.py:{place_of(file, line)}\n" in outcome.err


@pytest.mark.parametrize("where", ["forward", "__init__"])
def test_keyboard_interrupt_raised_by_model(
    cli: Callable[..., Outcome], tmp_path: Path, where: str
) -> None:
    file = written(
        tmp_path,
        f"class Net(nn.Module):\n    def {where}(self, x=0):\n        raise KeyboardInterrupt\n",
    )
    assert cli("summary", file).code == 130


def test_interrupted_model_is_unchanged() -> None:
    class Net(nn.Linear):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.seen = x
            raise KeyboardInterrupt

    net = Net(2, 2)
    before = dict(vars(net))
    with pytest.raises(KeyboardInterrupt):
        netinspect.load(net, args=[torch.zeros(1, 2)])
    assert dict(vars(net)) == before
    assert net.training


@pytest.mark.parametrize(
    "method",
    [
        "@property\n    def example_input_array(self): raise {error}",
        "@property\n    def __class__(self): raise {error}",
        "def __getattribute__(self, name):\n"
        "        if name == 'example_input_array': raise {error}\n"
        "        return super().__getattribute__(name)",
    ],
    ids=["property", "class", "getattribute"],
)
@pytest.mark.parametrize("error", ["KeyError('no')", "Mine('no')", "SystemExit(0)"])
def test_exception_in_special_method(
    cli: Callable[..., Outcome], tmp_path: Path, method: str, error: str
) -> None:
    file = written(
        tmp_path, f"class Net(nn.Linear):\n    {method.format(error=error)}\nnet = Net(2, 2)\n"
    )
    outcome = cli("summary", f"{file}:net")
    # Whether it is called at all is another matter; if so, it is not our failure.
    assert outcome.code in (0, 4)
    if outcome.code == 4:
        assert "net.py:" in outcome.err
        assert "not to blame" not in outcome.err


def test_internal_error_is_not_blamed_on_model(
    cli: Callable[..., Outcome], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from netinspect.runner import trace_target

    def fail(*_: object, **__: object) -> None:
        raise ValueError("ours")

    file = written(tmp_path, "class Net(nn.Linear):\n    def __init__(self): super().__init__(2, 2)\n")
    monkeypatch.setattr(trace_target, "capture", fail)
    # The frame that raised belongs to this test, not to netinspect; otherwise the code would be 70.
    monkeypatch.setattr("netinspect.tracing.source_lines.owner", lambda _: "ours")
    assert cli("params", file).code == 70


@pytest.mark.parametrize("returned", ["deep", "circle"])
def test_deeply_nested_output(cli: Callable[..., Outcome], tmp_path: Path, returned: str) -> None:
    body = """
class Inner(nn.Module):
    def forward(self, x, more): return x
class Net(nn.Linear):
    def __init__(self):
        super().__init__(2, 2)
        self.inner = Inner()
    def forward(self, x):
        y = [super().forward(x)]
        z = [1]
        for _ in range(5000):
            y, z = [y], [z]
        self.inner(x, z)
        return y
"""
    if returned == "circle":
        body = body.replace("y, z = [y], [z]", "y.append(y), z.append(z)").replace("5000", "1")
    file = written(tmp_path, body)
    for format in ("rich", "json"):
        outcome = cli("summary", file, "--input", "1x2", "--format", format)
        assert outcome.code == 0, outcome.err


def test_exception_in_audit_hook_of_model(installed: Callable[..., Outcome], tmp_path: Path) -> None:
    body = """
def refuse(event, arguments):
    if event == "open":
        raise RuntimeError("no files")

class Net(nn.Module):
    def forward(self, x):
        sys.addaudithook(refuse)
        return x
"""
    file = written(tmp_path, "import sys\n" + body)
    outcome = installed("summary", file, "--input", "2x2")
    assert outcome.code == 4
    assert "cause: RuntimeError: no files" in outcome.err
    assert "net.py:" in outcome.err
