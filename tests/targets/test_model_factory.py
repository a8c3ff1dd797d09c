"""Tests of the construction of models from targets, and of its errors."""

from __future__ import annotations

import gc
import random
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from torch import nn

from netinspect.errors import LoadError
from netinspect.targets.target import parse_target
from tests.support import build_module

NET = """\
from dataclasses import dataclass

from torch import nn

from sibling import WIDTH


@dataclass
class Settings:
    width: "int" = WIDTH


class Net(nn.Module):
    def __init__(self, classes, *, width: int = Settings().width) -> None:
        super().__init__()
        self.fc = nn.Linear(width, classes)

    class Inner(nn.Module):
        def forward(self, x):
            return x


def make(classes: int = 2, **options):
    return Net(classes, **options)


instance = make(4)
number = 3


def wrong():
    return [1]


def fails():
    helper()


def helper():
    raise ValueError("not today")
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "net.py").write_text(NET)
    (tmp_path / "sibling.py").write_text("WIDTH = 5\n")
    (tmp_path / "lacking.py").write_text(
        "from torch import nn\nclass Lacking(nn.Module):\n    def __init__(self, classes): pass\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "sibling", raising=False)
    return tmp_path


def build(text: str, **arguments: Any) -> Any:
    return build_module(parse_target(text), arguments, seed=0)


@pytest.mark.usefixtures("folder")
def test_build_module_class_factory_and_instance() -> None:
    assert build("net.py:Net", classes=3).fc.out_features == 3
    assert build("net.py:make").fc.out_features == 2
    assert build("net.py:make", width=7).fc.in_features == 7
    assert build("net.py:instance").fc.out_features == 4
    assert type(build("net.py:Net.Inner")).__qualname__ == "Net.Inner"
    assert isinstance(build("torch.nn:Identity"), nn.Identity)
    assert build("net:make").fc.in_features == 5  # a module in the current folder


def test_build_module_writes_no_files(folder: Path) -> None:
    before = sorted(path.name for path in folder.iterdir())
    build("net.py:make")
    assert sorted(path.name for path in folder.iterdir()) == before


@pytest.mark.usefixtures("folder")
def test_build_module_seed_is_reproducible_and_leaves_generators_unchanged() -> None:
    state = (random.getstate(), torch.get_rng_state(), numpy.random.get_state()[1].copy())  # type: ignore[index]
    first, second = build("net.py:make"), build("net.py:make")
    assert torch.equal(first.fc.weight, second.fc.weight)
    assert random.getstate() == state[0]
    assert torch.equal(torch.get_rng_state(), state[1])
    assert (numpy.random.get_state()[1] == state[2]).all()  # type: ignore[index]


def test_build_module_file_named_like_standard_module(folder: Path) -> None:
    import json

    (folder / "json.py").write_text("from torch import nn\nclass Net(nn.Module):\n    pass\n")
    assert type(build("json.py")).__name__ == "Net"
    assert sys.modules["json"] is json


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("text", "arguments", "message", "cause", "hint"),
    [
        ("lacking.py", {}, "cannot build Lacking", "missing arguments: classes", "--arg classes=VALUE"),
        ("net.py:Net", {"clases": 2}, "cannot build Net", "no argument 'clases'", "'classes'"),
        ("net.py:Nett", {}, "no attribute 'Nett'", None, "'Net'"),
        ("net.py:number", {}, "is an int, not a model", None, "nn.Module class"),
        ("net.py:Settings", {}, "not an nn.Module", None, "nn.Module class"),
        ("net.py:wrong", {}, "returned a list", None, "nn.Module class"),
        ("net.py:instance", {"classes": 1}, "takes no --arg", None, "class instead"),
        ("net.py:fails", {}, "cannot build fails", "ValueError: not today", "--debug"),
        ("no_such_package_here:Net", {}, "cannot import", "No module named", "installed"),
    ],
)
def test_build_module_errors(
    text: str, arguments: dict[str, Any], message: str, cause: str | None, hint: str
) -> None:
    with pytest.raises(LoadError) as caught:
        build(text, **arguments)
    assert message in caught.value.message
    assert (cause or "") in (caught.value.cause or "")
    assert hint in (caught.value.hint or "")


@pytest.mark.parametrize("kind", ["coroutine", "async_generator"])
def test_build_module_closes_coroutine_of_async_factory(tmp_path: Path, kind: str) -> None:
    word = "return" if kind == "coroutine" else "yield"
    (tmp_path / "later.py").write_text(
        f"from torch import nn\n\nasync def build():\n    {word} nn.Linear(2, 2)\n"
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with pytest.raises(LoadError, match=f"returned an? {kind}, not an nn.Module"):
            build(f"{tmp_path / 'later.py'}:build")
        gc.collect()
    assert not caught


def test_build_module_error_place_is_user_line(folder: Path) -> None:
    with pytest.raises(LoadError) as caught:
        build("net.py:fails")
    line = NET.splitlines().index('    raise ValueError("not today")') + 1
    assert (caught.value.place or "").endswith(f"net.py:{line}")
    (folder / "broken.py").write_text("x = 1\ny = = 2\n")
    with pytest.raises(LoadError) as caught:
        build("broken.py")
    assert (caught.value.place or "").endswith("broken.py:2")
    (folder / "exits.py").write_text("import sys\n\nraise SystemExit(3)\n")
    with pytest.raises(LoadError, match="cannot import") as caught:
        build("exits.py")
    assert (caught.value.place or "").endswith("exits.py:3")
    assert "__main__" in (caught.value.hint or "")
