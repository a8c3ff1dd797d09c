"""Which model a file means where none is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from netinspect.errors import LoadError
from netinspect.sources.build import build_module
from netinspect.sources.target import parse_target

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
        # Through each other, and by annotations and bases too.
        (BLOCK + NET + "class Head(nn.Module):\n    def __init__(self, body: Net | None = None):\n"
         "        super().__init__()\n", "Head"),
        (BLOCK + NET + "class Wide(Net):\n    pass\n", "Wide"),
        ('MODEL = "Block"\n' + BLOCK + NET, "Block"),
        # A factory or an instance, where the class wants arguments or there is none that is the whole.
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
def test_what_is_beyond_doubt(tmp_path: Path, text: str, name: str) -> None:
    assert chosen(tmp_path, text) == name


def test_arguments_decide_too(tmp_path: Path) -> None:
    text = BLOCK + NEEDY + "def small() -> Block:\n    return Block(1)\n"
    assert chosen(tmp_path, text) == "Block"
    assert chosen(tmp_path, text, classes=4) == "Net"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (BLOCK + "class Other(nn.Module):\n    pass\n", ["classes: Block, Other"]),
        # Each holds the other: none is the whole.
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
def test_what_is_in_doubt_is_listed(tmp_path: Path, text: str, told: list[str]) -> None:
    with pytest.raises(LoadError, match="several models") as caught:
        chosen(tmp_path, text)
    assert all(each in (caught.value.cause or "") for each in told)
    assert "choose one" in (caught.value.hint or "")


@pytest.mark.parametrize("text", ["", "from torch import nn\n", "def helper(x):\n    return x\n"])
def test_nothing_is_told(tmp_path: Path, text: str) -> None:
    with pytest.raises(LoadError, match=r"defines no nn\.Module class"):
        chosen(tmp_path, text)
