"""Tests that mistyped names in targets are refused by reading, without torch."""

from __future__ import annotations

from pathlib import Path

import pytest

from netinspect.errors import LoadError
from netinspect.targets.mistyped import check_target
from netinspect.targets.target import parse_target
from netinspect.targets.written_names import written_names
from tests.trace_cache.queries import Asker, write

NET = "from torch import nn\n\n\nclass Net(nn.Linear):\n    def modules(self):\n        return self\n"
FILES = {
    "net.py": NET,
    "lazy.py": f"{NET}\n\ndef __getattr__(name):\n    return Net\n",
    "indirect.py": f"import sys\n{NET}\nsys.modules[__name__].Other = Net\n",
    "star.py": "from other import *\n",
    "lost.py": "from nowhere_to_be_found import *\n",
    "other.py": "import os\n\nfor size in (1, 2):\n    pass\nif os.name:\n    Inner = Outer = None\n",
    "broken.py": "class Net(:\n",
    "typed/__init__.py": "from .models import *\nfrom . import *\n",
    "typed/models.py": f"{NET}\n\ndef build():\n    global Made\n    Made = Net\n",
    "typed/deep/__init__.py": "",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Current folder with the files."""
    write(tmp_path, FILES)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("text", "cause", "hint"),
    [
        ("net.py:Nett", "", "did you mean 'Net'?"),
        ("net.py:qqqq.inner", "", "it defines Net"),
        ("typed:Nett", "", "did you mean 'Net'?"),
        ("typed.models:biuld", "", "did you mean 'build'?"),
        ("typed.modells:Net", "No module named 'typed.modells'", "did you mean typed.models:Net?"),
        ("typed.deep.zzz:Net", "No module named 'typed.deep.zzz'", None),
        ("timmm:resnet18", "No module named 'timmm'", "did you mean timm:resnet18?"),
        ("zzzz.models:Net", "No module named 'zzzz'", "is zzzz installed in this Python environment?"),
    ],
)
def test_check_target_refuses_mistyped_names(folder: Path, text: str, cause: str, hint: str) -> None:
    with pytest.raises(LoadError) as caught:
        check_target(parse_target(text))
    assert cause in (caught.value.cause or "")
    assert caught.value.hint == hint


def test_check_target_looks_in_the_current_folder_of_the_moment(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_target(parse_target("typed:Net"))
    write(folder, {"deeper/later/__init__.py": NET})
    with pytest.raises(LoadError):
        check_target(parse_target("later:Net"))
    monkeypatch.chdir(folder / "deeper")
    check_target(parse_target("later:Net"))


@pytest.mark.parametrize(
    "text",
    [
        *("net.py", "net.py:Net", "net.py:Net.anything", "lazy.py:Other", "indirect.py:Other"),
        *("star.py:Outer", "star.py:size", "lost.py:Net", "broken.py:Net", "typed:Net", "typed:Made"),
        *("typed:models", "typed.deep:__name__", "torch.nn:Linear", "torch.optim:SGD", "json:loads"),
        *("sys:path", "math:pi"),
    ],
)
def test_check_target_leaves_other_names_to_the_import(folder: Path, text: str) -> None:
    check_target(parse_target(text))


def test_written_names_of_star_imports(folder: Path) -> None:
    written = written_names(folder / "typed" / "__init__.py", "typed", [str(folder)])
    assert {"Net", "build", "Made", "nn"} <= written.names
    assert written.defined == ()
    assert written.is_complete
    assert not written_names(folder / "missing.py").is_complete


def test_mistyped_targets_are_answered_without_torch(folder: Path) -> None:
    ask = Asker(folder, folder / "home")
    for text, hint in {
        "net.py:Nett": "'Net'",
        "typed.modells:Net": "typed.models:Net",
        "torchvison:resnet18": "torchvision:resnet18",
        "vit_base_patch61_224": "'timm:vit_base_patch16_224'",
        "lente": "'lenet'",
    }.items():
        outcome = ask("summary", text, blocked=True)
        assert outcome.code == 3
        assert f"did you mean {hint}" in outcome.err
