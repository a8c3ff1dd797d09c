"""Tests of the choice of the model of a file whose target gives no name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from netinspect.errors import LoadError
from netinspect.targets.target import parse_target
from tests.support import build_module

BLOCK = """\
from torch import nn


class Block(nn.Module):
    def __init__(self, width=2):
        super().__init__()


"""
NET = """\
class Net(nn.Module):
    def __init__(self, classes=2):
        super().__init__()
        self.blocks = nn.ModuleList(Block() for _ in range(classes))


"""
OTHER = "class Other(nn.Module):\n    pass\n\n\n"
NEEDY = NET.replace("classes=2", "classes")


def chosen(folder: Path, text: str, **arguments: Any) -> str:
    file = folder / "chosen.py"
    file.write_text(text)
    return type(build_module(parse_target(str(file)), arguments, seed=0)).__name__


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (BLOCK, "Block"),
        (BLOCK + NET, "Net"),
        # Indirect parts, and uses in annotations and bases.
        (BLOCK + NET + "class Head(nn.Module):\n    def __init__(self, body: Net | None = None):\n"
         "        super().__init__()\n", "Head"),
        (BLOCK + NET + "class Wide(Net):\n    pass\n", "Wide"),
        ('MODEL = "Block"\n' + BLOCK + NET, "Block"),
        # A factory or an instance, if the class needs arguments or no class contains all others.
        (BLOCK + NEEDY + "def small() -> Net:\n    return Net(1)\n", "Net"),
        (BLOCK + NEEDY + "model = Net(3)\n", "Net"),
        (BLOCK + OTHER + "def build_model():\n    return Other()\n", "Other"),
        (BLOCK + OTHER + "model = again = Other()\n", "Other"),
        ("from torch import nn\n\n\ndef tiny() -> nn.Module:\n    return nn.Identity()\n", "Identity"),
        ("from torch import nn\n\n\ndef tiny() -> 'nn.ReLU':\n    return nn.ReLU()\n", "ReLU"),
        ("from torch import nn\n\nmodel = nn.Sequential(nn.Linear(2, 2))\n", "Sequential"),
        ("from torch import nn\n\n\ndef part() -> nn.Module:\n    return nn.ReLU()\n\n\n"
         "def get_model():\n    return nn.Identity()\n", "Identity"),
        ("from torch import nn\n\n\ndef wrong() -> no_such_name:\n    pass\n\n\nmodel = nn.Identity()\n"
         .replace("from torch", "from __future__ import annotations\nfrom torch"), "Identity"),
    ],
)  # fmt: skip
def test_single_candidate(tmp_path: Path, text: str, name: str) -> None:
    assert chosen(tmp_path, text) == name


TORCH = "from torch import nn\n\n\n"


@pytest.mark.parametrize("name", ["build", "model", "net", "make_model", "create_model", "get_model"])
def test_single_candidate_function_with_usual_name(tmp_path: Path, name: str) -> None:
    helper = "def scale(x=1):\n    return 2 * x\n\n\n"
    assert chosen(tmp_path, f"{TORCH}{helper}def {name}():\n    return nn.Tanh()\n") == "Tanh"
    # It takes precedence over a class that needs arguments, and over several unrelated classes.
    assert chosen(tmp_path, f"{BLOCK}{NEEDY}def {name}():\n    return Net(3)\n") == "Net"
    assert chosen(tmp_path, f"{BLOCK}{OTHER}def {name}(size=2):\n    return Other()\n") == "Other"
    # A class that needs no arguments takes precedence over it.
    assert chosen(tmp_path, f"{BLOCK}def {name}():\n    return nn.Tanh()\n") == "Block"


@pytest.mark.parametrize(
    "text",
    [
        "def lenet():\n    return nn.Tanh()\n",
        "def lenet(width=2, *args, **options):\n    layer = nn.Tanh()\n    return layer\n",
        "def wide(width):\n    return nn.Linear(width, 2)\n\n\ndef lenet():\n    return nn.Tanh()\n",
        "def _part():\n    return nn.Tanh()\n\n\ndef lenet():\n    return _part()\n",
        "def lenet():\n    return nn.Tanh()\n\n\nif __name__ == '__main__':\n    print(lenet())\n",
    ],
)
def test_single_candidate_only_function_without_arguments(tmp_path: Path, text: str) -> None:
    assert chosen(tmp_path, TORCH + text) == "Tanh"


MARK = "open('mark', 'w').write('')"


@pytest.mark.parametrize(
    "text",
    [
        # They return no value, or do work by their names or their calls.
        "def lenet():\n    nn.Tanh()\n",
        f"def main():\n    {MARK}\n    return nn.Tanh()\n",
        f"def train_net():\n    {MARK}\n    return nn.Tanh()\n",
        f"def lenet():\n    {MARK}\n    return nn.Tanh()\n",
        f"def _save():\n    {MARK}\n\n\ndef lenet():\n    _save()\n    return nn.Tanh()\n",
        "async def lenet():\n    return nn.Tanh()\n",
        "def one():\n    return nn.Tanh()\n\n\ndef two():\n    return nn.Tanh()\n",
        "def lenet(width):\n    return nn.Tanh()\n",
    ],
)
def test_single_candidate_function_that_may_do_work(
    tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LoadError, match=r"defines no nn\.Module class") as error:
        chosen(tmp_path, TORCH + text)
    assert not (tmp_path / "mark").exists()
    assert "its functions are: " in (error.value.hint or "")


def test_missing_arguments_hint_names_factories(tmp_path: Path) -> None:
    file = tmp_path / "chosen.py"
    file.write_text(
        f"{BLOCK}{NEEDY}def build():\n    return Net(3)\n\n\ndef tiny() -> Net:\n    return Net(1)\n"
    )
    with pytest.raises(LoadError, match="cannot build Net") as error:
        build_module(parse_target(f"{file}:Net"), {}, seed=0)
    assert error.value.hint == (
        f"pass it with --arg classes=VALUE\nthe project passes:\n  {file} line 16: --arg classes=3\n"
        f"  {file} line 20: --arg classes=1\nor name a function that builds the model: {file}:build"
    )
    file.write_text(BLOCK + NEEDY)
    with pytest.raises(LoadError, match="cannot build Net") as error:
        build_module(parse_target(str(file)), {}, seed=0)
    assert "write a function that returns the model" in (error.value.hint or "")


def test_single_candidate_with_arguments(tmp_path: Path) -> None:
    text = BLOCK + NEEDY + "def small() -> Block:\n    return Block(1)\n"
    assert chosen(tmp_path, text) == "Block"
    assert chosen(tmp_path, text, classes=4) == "Net"


@pytest.mark.parametrize(
    ("text", "listed"),
    [
        (BLOCK + "class Other(nn.Module):\n    pass\n", ["classes: Block, Other"]),
        # No class contains all others.
        (
            BLOCK + "class Other(Block):\n    pass\n\n\nclass More(Block):\n    pass\n",
            ["Block, Other, More"],
        ),
        ("from torch import nn\n\none, two = nn.ReLU(), nn.ReLU()\n", ["instances: one, two"]),
        (
            BLOCK + "class Other(nn.Module):\n    pass\n\n\ndef one() -> Block:\n    pass\n\n\n"
            "def two() -> Other:\n    pass\n\n\nleft, right = Block(), Other()\n",
            ["classes: Block, Other", "factories: one, two", "instances: left, right"],
        ),
    ],
)
def test_single_candidate_several_are_listed(tmp_path: Path, text: str, listed: list[str]) -> None:
    with pytest.raises(LoadError, match="several models") as caught:
        chosen(tmp_path, text)
    assert all(each in (caught.value.cause or "") for each in listed)
    assert "choose one" in (caught.value.hint or "")


@pytest.mark.parametrize("text", ["", "from torch import nn\n", "def helper(x):\n    return x\n"])
def test_single_candidate_none(tmp_path: Path, text: str) -> None:
    with pytest.raises(LoadError, match=r"defines no nn\.Module class"):
        chosen(tmp_path, text)
