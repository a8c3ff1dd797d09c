"""Tests of files in packages and projects, and of error reports for their code."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from netinspect.errors import LoadError
from netinspect.targets.target import parse_target
from tests.support import Outcome, build_module

LAYERS = """\
from torch import nn


class Block(nn.Linear):
    def __init__(self):
        super().__init__(WIDTH, 1)


WIDTH = 3
"""
NET = """\
from torch import nn

from {origin} import Block


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.block = Block()
"""


@pytest.fixture
def write_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    monkeypatch.chdir(tmp_path)

    def write(**files: str) -> Path:
        for name, text in files.items():
            path = tmp_path / name.replace("___", "/")
            path = path.with_name(path.name + ".py")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    return write


def build(file: Path | str) -> Any:
    return build_module(parse_target(str(file)), {}, seed=0)


def test_import_file_in_package(write_files: Callable[..., Path]) -> None:
    root = write_files(own___layers=LAYERS, own___net=NET.format(origin=".layers"))
    (root / "own" / "__init__.py").write_text("")
    model = build("own/net.py")
    assert type(model).__module__ == "own.net"
    assert type(model.block).__module__ == "own.layers"
    assert model.block.in_features == 3
    # The file and its siblings are loaded again.
    (root / "own" / "layers.py").write_text(LAYERS.replace("WIDTH = 3", "WIDTH = 44"))
    assert build("own/net.py:Net").block.in_features == 44


def test_import_file_relative_import_without_package(write_files: Callable[..., Path]) -> None:
    root = write_files(plain___layers=LAYERS, plain___net=NET.format(origin=".layers"))
    assert build("plain/net.py").block.in_features == 3
    assert not (root / "plain" / "__init__.py").exists()


def test_import_file_relative_import_from_parent(write_files: Callable[..., Path]) -> None:
    write_files(up___shared___layers=LAYERS, up___nets___net=NET.format(origin="..shared.layers"))
    assert build("up/nets/net.py").block.in_features == 3


def test_import_file_absolute_import_of_own_package(write_files: Callable[..., Path]) -> None:
    root = write_files(
        named___deep___layers=LAYERS, named___deep___net=NET.format(origin="named.deep.layers")
    )
    for folder in (root / "named", root / "named" / "deep"):
        (folder / "__init__.py").write_text("")
    assert build("named/deep/net.py").block.in_features == 3


def test_import_file_absolute_import_from_current_folder(
    write_files: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write_files(parts___layers=LAYERS, parts___deep___net=NET.format(origin="parts.layers"))
    # Installed modules and siblings of the file take precedence.
    write_files(
        torch___empty="", parts___deep___sibling="", sibling="raise ImportError('from the root')"
    )
    (root / "parts" / "deep" / "net.py").write_text(
        f"import sibling\n{NET.format(origin='parts.layers')}"
    )
    before = [*sys.path]
    assert build("parts/deep/net.py").block.in_features == 3
    assert sys.path == before
    for name in ("parts", "parts.layers"):
        del sys.modules[name]
    # From another current folder, the root of the project is unknown.
    monkeypatch.chdir(root / "torch")
    with pytest.raises(LoadError, match="cannot import") as caught:
        build(root / "parts" / "deep" / "net.py")
    assert "No module named 'parts'" in str(caught.value.cause)


def test_import_file_projects_with_same_folder_names(
    write_files: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write_files(one___parts___layers=LAYERS, one___nets___net=NET.format(origin="parts.layers"))
    other = LAYERS.replace("WIDTH = 3", "WIDTH = 5")
    write_files(two___parts___layers=other, two___nets___net=NET.format(origin="parts.layers"))
    for project, width in (("one", 3), ("two", 5), ("one", 3)):
        monkeypatch.setattr("sys.path", [*sys.path])
        monkeypatch.chdir(root / project)
        assert build("nets/net.py").block.in_features == width
        monkeypatch.undo()


def test_import_file_imported_by_its_package(write_files: Callable[..., Path]) -> None:
    root = write_files(eager___layers=LAYERS, eager___net=NET.format(origin=".layers"))
    (root / "eager" / "__init__.py").write_text("from .net import Net\n")
    model = build("eager/net.py")
    assert type(model) is sys.modules["eager"].Net
    assert type(build("eager/__init__.py:Net")).__name__ == "Net"


def test_import_file_packages_with_same_name(write_files: Callable[..., Path]) -> None:
    write_files(one___pack___layers=LAYERS, one___pack___net=NET.format(origin=".layers"))
    write_files(
        two___pack___layers=LAYERS.replace("WIDTH = 3", "WIDTH = 5"),
        two___pack___net=NET.format(origin=".layers"),
    )
    assert build("one/pack/net.py").block.in_features == 3
    assert build("two/pack/net.py").block.in_features == 5
    assert build("one/pack/net.py").block.in_features == 3


def test_import_file_folder_named_like_a_library(write_files: Callable[..., Path]) -> None:
    torch = sys.modules["torch"]
    write_files(torch___layers=LAYERS, torch___net=NET.format(origin=".layers"))
    assert build("torch/net.py").block.in_features == 3
    assert sys.modules["torch"] is torch


def test_import_file_more_dots_than_folders(write_files: Callable[..., Path]) -> None:
    write_files(net=NET.format(origin="." * 40 + "layers"))
    with pytest.raises(LoadError, match="cannot import"):
        build("net.py")


FAILING = """\
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        helper(3)


def helper(number):
    raise ValueError(f"not {number}")
"""


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (FAILING, 11, "ValueError: not 3"),
        ("x = 1\nx.y\n", 2, "AttributeError"),
        ("x =\n", 1, "SyntaxError"),
    ],
)
def test_import_error_shows_user_lines_only(
    write_files: Callable[..., Path], cli: Callable[..., Outcome], text: str, line: int, message: str
) -> None:
    write_files(fails=text)
    outcome = cli("tree", "fails.py")
    assert outcome.code == 3
    assert f"--> fails.py:{line}" in outcome.err
    assert message in outcome.err
    assert "Traceback" not in outcome.err
    debugged = cli("tree", "fails.py", "--debug").err
    assert f'fails.py", line {line}' in debugged
    assert message.partition(":")[0] in debugged
    assert "netinspect/targets" not in debugged
    assert "importlib" not in debugged


_NO_GPU = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")

NEEDS = """\
from torch import nn

{line}


class Net(nn.Module):
    pass
"""


@pytest.mark.parametrize(
    ("line", "target", "hint"),
    [
        (
            "import sibling",
            "parts.net:Net",
            "sibling is in {root}/parts, which is not on the import path",
        ),
        ("import sibling", "parts.net:Net", "set PYTHONPATH={root}/parts"),
        ("import nowhere", "parts.net:Net", "is nowhere installed"),
        (
            "text = open('sizes.txt')",
            "parts/net.py",
            "sizes.txt is below {root}/parts: run netinspect there",
        ),
        ("text = open('none.txt')", "parts/net.py", "start at the current folder, {root}"),
        ("text = open('/none.txt')", "parts/net.py", "--debug"),
        pytest.param(
            "class Gpu: layer = nn.Linear(1, 1).cuda()",
            "parts/net.py",
            "torch finds no GPU here",
            marks=_NO_GPU,
        ),
        pytest.param(
            "nn.Linear(1, 1, device='cuda')", "parts/net.py", "torch finds no GPU here", marks=_NO_GPU
        ),
    ],
)
def test_import_error_hints(
    write_files: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, line: str, target: str, hint: str
) -> None:
    root = write_files(parts___net=NEEDS.format(line=line), parts___sibling="")
    (root / "parts" / "sizes.txt").write_text("")
    monkeypatch.setattr("sys.path", [*sys.path])
    for name in ("parts", "parts.net"):
        sys.modules.pop(name, None)
    with pytest.raises(LoadError) as caught:
        build(target)
    assert hint.format(root=root) in str(caught.value.hint)
