"""Tests of the versions that are named for errors of names and arguments of a library."""

from __future__ import annotations

import platform
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest

from netinspect._utils.version_faults import version_note
from tests.support import Outcome

TYPER = metadata.version("typer")
CALL = """\
import typer as t
from typer.main import (
    Typer as App,
    get_command,
)


class Own(App):
    pass


def build(options):
    a = App(
        colour=True,
    )
    b = t.Typer(colour=True)
    c = Own(colour=True)
    d = own(colour=True)
    return get_command(a, 1, 2)
"""
KEYWORD = "Typer.__init__() got an unexpected keyword argument 'colour'"


@pytest.mark.parametrize(
    ("message", "line"),
    [
        (KEYWORD, 13),
        (KEYWORD, 16),
        (KEYWORD, 17),
        ("get_command() takes 1 positional argument but 3 were given", 19),
        ("get_command() missing 1 required positional argument: 'x'", 19),
    ],
)
def test_version_note_of_arguments(tmp_path: Path, message: str, line: int) -> None:
    (tmp_path / "net.py").write_text(CALL)
    expected = f"written for another version of typer? {TYPER} is installed"
    assert version_note("TypeError", message, str(tmp_path / "net.py"), line) == expected


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("TypeError", "own() got an unexpected keyword argument 'colour'"),
        ("TypeError", "unsupported operand type(s) for +: 'int' and 'str'"),
        ("TypeError", "forward() missing 1 required positional argument: 'y'"),
        ("AttributeError", "'Net' object has no attribute 'x'"),
        ("AttributeError", "module 'no_such_package' has no attribute 'x'"),
        ("ImportError", "cannot import name 'x' from 'no_such_package.sub' (a.py)"),
        ("ModuleNotFoundError", "No module named 'no_such_package'"),
        ("ValueError", KEYWORD),
    ],
)
def test_version_note_of_other_errors(tmp_path: Path, kind: str, message: str) -> None:
    (tmp_path / "net.py").write_text(CALL)
    assert version_note(kind, message, str(tmp_path / "net.py"), 18) is None
    assert version_note(kind, message, None, 0) is None


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("AttributeError", "module 'typer.models' has no attribute 'Colour'"),
        ("ImportError", "cannot import name 'Colour' from 'typer.models' (a.py)"),
        ("ModuleNotFoundError", "No module named 'typer.colours'"),
    ],
)
def test_version_note_of_names(tmp_path: Path, kind: str, message: str) -> None:
    (tmp_path / "requirements.txt").write_text("# typer\nmy-typer==3\ntyper[all] >= 0.4, <0.5\n")
    expected = f"typer {TYPER} is installed, and requirements.txt asks for typer>=0.4,<0.5"
    assert version_note(kind, message, str(tmp_path / "a" / "b" / "net.py"), 1) == expected


@pytest.mark.parametrize(
    ("name", "text", "wanted"),
    [
        ("setup.py", "setup(install_requires=['numpy', 'typer~=0.3'])\n", "typer~=0.3"),
        ("setup.cfg", "install_requires =\n    typer==0.3.1; python_version < '3.8'\n", "typer==0.3.1"),
        ("pyproject.toml", 'dependencies = ["typer<1"]\n', "typer<1"),
        ("pyproject.toml", '[tool.poetry.dependencies]\ntyper = "^0.4"\n', "typer^0.4"),
        ("environment.yml", "dependencies:\n  - typer=0.3.2\n", "typer=0.3.2"),
        ("requirements-dev.txt", "Typer==0.1\n", "Typer==0.1"),
        ("README.md", "This code is based on `typer==0.2`, see below.\n", "typer==0.2"),
    ],
)
def test_version_note_reads_files_of_the_project(
    tmp_path: Path, name: str, text: str, wanted: str
) -> None:
    (tmp_path / name).write_text(text)
    found = version_note("ImportError", "cannot import name 'x' from 'typer'", str(tmp_path / "n.py"), 1)
    assert found == f"typer {TYPER} is installed, and {name} asks for {wanted}"


def test_version_note_of_python(tmp_path: Path) -> None:
    (tmp_path / "setup.py").write_text("python_requires='>=3.6,<3.8'\n")
    message = "module 'collections' has no attribute 'Mapping'"
    found = version_note("AttributeError", message, str(tmp_path / "net.py"), 1)
    version = platform.python_version()
    assert found == f"Python {version} is installed, and setup.py asks for python_requires>=3.6,<3.8"


def test_summary_of_model_for_another_version(
    tmp_path: Path, cli: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = (
        "import torch\nfrom torch import nn\n\n\nclass Net(nn.Module):\n    def __init__(self):\n"
        "        super().__init__()\n        self.layer = nn.Linear(3, 4%s)\n\n"
        "    def forward(self, x):\n        return torch.%s(self.layer(x))\n"
    )
    Path("environment.yml").write_text("dependencies:\n  - torch=1.4\n")
    hint = f"torch {metadata.version('torch')} is installed, and environment.yml asks for torch=1.4"
    Path("net.py").write_text(text % (", qk_scale=None", "relu"))
    outcome = cli("summary", "net.py")
    assert outcome.code == 3
    assert hint in " ".join(outcome.err.split())
    Path("net.py").write_text(text % ("", "no_such_function"))
    outcome = cli("summary", "net.py", "--explain-input")
    assert outcome.code == 4
    assert hint in " ".join(outcome.err.split())
