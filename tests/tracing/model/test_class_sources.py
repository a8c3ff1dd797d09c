"""Tests of the source of classes against `inspect`."""

from __future__ import annotations

import importlib.util
import inspect
import linecache
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from torch import nn

from netinspect.tracing.model.class_sources import class_code

ODD = '''\
"""Shows how:

class Shown(nn.Module):
    pass
"""
from torch import nn
from functools import wraps

def same(cls):
    return cls

@same
class Decorated(nn.Module):
    def forward(self, x):
        return x

@same

class DecoratedFromAfar(nn.Module):
    def forward(self, x):
        return x

# A remark.
class Remarked(nn.Module):
    """A text

that comes back to the margin.
"""

    def forward(self, x):
        return x
    # the end of it

# not of it

def make():
    class Inner(nn.Module):
        def forward(self, x):
            return x
    return Inner

Inner = make()
Shown = type("Shown", (nn.Module,), {"__module__": __name__, "forward": Decorated.forward})

class Twice(nn.Module):
    def forward(self, x):
        return x

First = Twice

class Twice(nn.Module):
    def forward(self, x):
        return -x

class Bare(nn.Module):
    weight = 3
'''


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    file = tmp_path_factory.mktemp("odd") / "odd_classes.py"
    file.write_text(ODD, encoding="utf-8")
    spec = importlib.util.spec_from_file_location("odd_classes", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(__import__("sys").modules, "odd_classes", module)
        spec.loader.exec_module(module)
        yield module


@pytest.mark.parametrize(
    "name", ["Decorated", "DecoratedFromAfar", "Remarked", "Inner", "Twice", "Bare"]
)
def test_class_block_equals_inspect(odd: Any, name: str) -> None:
    cls = getattr(odd, name)
    code = class_code([cls()])[0]
    lines, number = inspect.getsourcelines(cls)
    assert (code.first_line, code.lines) == (number, tuple(line.rstrip("\n") for line in lines))


def test_class_in_docstring_is_ignored(odd: Any) -> None:
    assert class_code([odd.Shown()])[0].lines == ()


def subclasses(cls: type[nn.Module]) -> Iterator[type[nn.Module]]:
    for each in cls.__subclasses__():
        yield each
        yield from subclasses(each)


@pytest.mark.slow
def test_torch_layer_blocks_equal_inspect() -> None:
    layers = {each for each in subclasses(nn.Module) if each.__module__.startswith("torch.nn.modules")}
    assert len(layers) > 100
    for cls in layers:
        # It is not called: only its class is traced.
        code = next(
            each for each in class_code([object.__new__(cls)]) if each.class_path.endswith(cls.__name__)
        )
        lines, number = inspect.getsourcelines(cls)
        assert (code.first_line, code.lines) == (number, tuple(line.rstrip("\n") for line in lines))


def test_changed_file_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "changing_net.py"
    text = (
        "from torch import nn\n\n\nclass Net(nn.Module):\n    def forward(self, x):\n        return x\n"
    )
    file.write_text(text, encoding="utf-8")
    spec = importlib.util.spec_from_file_location("changing_net", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(__import__("sys").modules, "changing_net", module)
        spec.loader.exec_module(module)
        assert class_code([module.Net()])[0].lines[-1] == "        return x"
        file.write_text(text.replace("return x", "return x + 1"), encoding="utf-8")
        assert class_code([module.Net()])[0].lines[-1] == "        return x + 1"


@pytest.mark.parametrize("file", ["/tmp/ipykernel_1/2.py", "<python-input-3>"])
def test_class_of_session_is_found_in_its_lines(file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (
        "from torch import nn\nclass Net(nn.Module):\n    def forward(self, x):\n        return x\n"
        "net = Net()\n"
    )
    session = types.ModuleType("session")  # without a file, as the module of a notebook
    monkeypatch.setitem(__import__("sys").modules, "session", session)
    monkeypatch.setitem(linecache.cache, file, (len(text), None, text.splitlines(keepends=True), file))
    exec(compile(text, file, "exec"), session.__dict__)
    code = class_code([session.net])[0]
    assert (code.file, code.first_line) == (file, 2)
    assert code.lines == tuple(text.splitlines()[1:4])
