"""Tests of the choice of the model of a file whose target gives no name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from netinspect.errors import LoadError
from netinspect.targets.target import parse_target
from tests.support import Outcome, build_module

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
    text = BLOCK + NEEDY + "def small() -> Net:\n    return Net(1)\n"
    assert chosen(tmp_path, text, classes=4) == "Net"
    # A factory of a part does not build the model.
    text = BLOCK + NEEDY + "def small() -> Block:\n    return Block(1)\n"
    assert chosen(tmp_path, text, classes=4) == "Net"
    with pytest.raises(LoadError, match="cannot build Net"):
        chosen(tmp_path, text)


FIRST = BLOCK.replace("Block", "First")


@pytest.mark.parametrize(
    ("text", "listed"),
    [
        (FIRST + OTHER, ["without arguments: First, Other"]),
        # No class contains all others.
        (
            FIRST + "class Other(First):\n    pass\n\n\nclass More(First):\n    pass\n",
            ["without arguments: Other, More", "parts and losses: First"],
        ),
        (TORCH + "one, two = nn.ReLU(), nn.ReLU()\n", ["without arguments: one, two"]),
        (
            TORCH + "def one():\n    return nn.Tanh()\n\n\ndef two():\n    return nn.Tanh()\n",
            ["without arguments: one, two"],
        ),
        (
            FIRST + OTHER + "def one() -> First:\n    pass\n\n\n"
            "def two() -> Other:\n    pass\n\n\nleft, right = First(), Other()\n",
            ["without arguments: First, Other, one, two, left, right"],
        ),
        (
            FIRST.replace("width=2", "width, depth, *, bias=True")
            + OTHER
            + OTHER.replace("Other", "My_Loss"),
            ["without arguments: Other\nwith arguments: First(width, depth)\nparts and losses: My_Loss"],
        ),
    ],
)
def test_single_candidate_several_are_listed(tmp_path: Path, text: str, listed: list[str]) -> None:
    with pytest.raises(LoadError, match="several models") as caught:
        chosen(tmp_path, text)
    assert all(each in (caught.value.cause or "") for each in listed)
    first = listed[0].partition(": ")[2].partition(",")[0].partition("\n")[0]
    assert (caught.value.hint or "").endswith(f"choose one: {tmp_path}/chosen.py:{first}")


RESNET = """\
from torch import nn


class Basic(nn.Module):
    def __init__(self, width):
        super().__init__()


class Wide(Basic):
    pass


class ResNet(nn.Module):
    def __init__(self, block, depths):
        super().__init__()
        self.layers = nn.ModuleList(block(each) for each in depths)


def build(block, *depths):
    return ResNet(block, depths)


def resnet2():
    return build(Basic, 1, 1)


def resnet4(pretrained=False, **options):
    model = ResNet(Wide, [2, 2])
    if pretrained:
        model.load_state_dict(torch.load("weights.pt"))
    return model.eval()


"""
TRIED = "def test():\n    net = resnet4()\n    print(net(torch.randn(1, 3, 32, 32)).size())\n\n\n"
ONE = RESNET[: RESNET.index("def resnet2")]
SIZED = (
    ONE
    + "def resnet2(size=1):\n    net = build(Basic, size)\n    return net.cuda() if size > 1 else net\n"
)


def layers(folder: Path, text: str, name: str = "chosen.py") -> list[str]:
    (folder / name).write_text(text)
    model = build_module(parse_target(str(folder / name)), {}, seed=0)
    assert type(model).__name__ == "ResNet"
    return [type(each).__name__ for each in model.get_submodule("layers").children()]


def test_single_candidate_is_the_only_factory_of_the_class(tmp_path: Path) -> None:
    assert layers(tmp_path, SIZED) == ["Basic"]


def test_single_candidate_among_factories(tmp_path: Path) -> None:
    # The one that the file tries in a function, below its main guard, or that is named like the file.
    assert layers(tmp_path, RESNET + TRIED) == ["Wide", "Wide"]
    guarded = 'if __name__ == "__main__":\n    model = resnet2()\n    model(torch.ones(1, 3))\n'
    assert layers(tmp_path, RESNET + guarded) == ["Basic", "Basic"]
    assert layers(tmp_path, RESNET + TRIED, "res_net2.py") == ["Basic", "Basic"]


@pytest.mark.parametrize("more", ["", TRIED + "def demo():\n    return resnet2()\n"])
def test_single_candidate_first_of_equal_factories(tmp_path: Path, more: str) -> None:
    assert layers(tmp_path, RESNET + more) == ["Basic", "Basic"]


def test_summary_notes_the_choice_among_factories(
    tmp_path: Path, cli: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("chosen.py").write_text(RESNET + TRIED)
    out = cli("summary", "chosen.py").out
    assert "chose resnet4 (built by test(), line 35); ResNet is also built by: resnet2" in out
    Path("chosen.py").write_text(RESNET)
    out = cli("summary", "chosen.py").out
    assert "chose resnet2 (the first in the file); ResNet is also built by: resnet4" in out
    assert "also built by" not in cli("summary", "chosen.py:resnet4").out


WORK = "def resnet2():\n    open('mark', 'w').write('')\n    return build(Basic, 1)\n"
LOADS = (
    "def resnet2(pretrained=True):\n    model = build(Basic, 1)\n    if pretrained:\n"
    "        model.load()\n    return model\n"
)


@pytest.mark.parametrize(
    "text",
    [
        ONE + WORK,
        ONE + LOADS,
        ONE + "def resnet2():\n    return [build(Basic, 1)]\n",
        ONE + "def resnet2():\n    yield build(Basic, 1)\n",
        ONE + "def resnet2(x=1):\n    return build(Basic, 1) if x else None\n",
        ONE + "def resnet2(build=print):\n    return build(Basic)\n",
        ONE + "def resnet2():\n    return resnet3()\n\n\ndef resnet3():\n    return resnet2()\n",
    ],
)
def test_single_candidate_function_that_is_no_factory(
    tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LoadError, match="cannot build ResNet"):
        layers(tmp_path, text)
    assert not (tmp_path / "mark").exists()


GAN = (
    FIRST.replace("First", "Generator")
    + "class Up(nn.Module):\n    pass\n\n\n"
    + OTHER.replace("Other", "Discriminator").replace("pass", "part = Up")
)


def test_single_candidate_generator_and_discriminator(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match="several models") as caught:
        chosen(tmp_path, GAN + "def make():\n    return Generator()\n")
    file = f"{tmp_path}/chosen.py"
    assert caught.value.hint == f"choose one: {file}:Generator or {file}:Discriminator"


CLIP = BLOCK.replace("Block", "Encoder") + BLOCK.replace("Block", "Decoder")
WHOLE = "class Seq2Seq(nn.Module):\n    def __init__(self, one, two):\n        super().__init__()\n\n\n"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        # A loss, by its name, its base or what it compares.
        (FIRST + "class CrossLoss(nn.Module):\n    pass\n", "First"),
        (FIRST + "class Focal(nn.CrossEntropyLoss):\n    pass\n", "First"),
        (FIRST + "class Dice(nn.Module):\n    def forward(self, a, b):\n"
         "        return (a * b).sum()\n", "First"),
        (FIRST + "class Accuracy(nn.Module):\n    pass\n", "First"),
        ("from torch import nn\n\n\nclass OnlyLoss(nn.Module):\n    pass\n", "OnlyLoss"),
        # A class that takes two tensors and has layers is none.
        (
            FIRST
            + "class Pair(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
            "        self.body = First()\n\n    def forward(self, a, b):\n        return a.sum(b)\n",
            "Pair",
        ),
        # A block that nothing builds, and a class that a function or a table of the file contains.
        (FIRST + "class UpBlock(nn.Module):\n    pass\n", "First"),
        (FIRST + OTHER + "def part():\n    return First\n\n\n"
         "class Net(Other):\n    kind = part()\n", "Net"),
        (FIRST + OTHER + "KINDS = {'a': First}\n\n\n"
         "class Net(Other):\n    kinds = KINDS\n", "Net"),
        # A call passes the others; a variable of the same name elsewhere does not count.
        (CLIP + WHOLE + "def build():\n    one = Encoder()\n"
         "    return Seq2Seq(one, Decoder())\n", "Seq2Seq"),
        (CLIP + WHOLE + "net = Seq2Seq(Encoder(), two=Decoder())\n", "Seq2Seq"),
        (
            FIRST + "class Net(nn.Module):\n    def __init__(self, width=1):\n"
            "        super().__init__()\n        self.a = First()\n\n\n"
            "if __name__ == '__main__':\n    width = Net()\n",
            "Net",
        ),
        # Named like the file, or the only one that functions of the file build.
        (FIRST + OTHER + "class Chosen(nn.Module):\n    pass\n", "Chosen"),
        (
            FIRST + "class ChosenModel(First):\n    pass\n\n\nclass Large(ChosenModel):\n    pass\n\n\n"
            + OTHER,
            "ChosenModel",
        ),
        (FIRST + OTHER + "def sized(n):\n    return Other()\n", "Other"),
    ],
)  # fmt: skip
def test_single_candidate_by_role_and_parts(tmp_path: Path, text: str, name: str) -> None:
    assert chosen(tmp_path, text) == name


def test_single_candidate_parts_are_passed_in_another_file(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(
        "from chosen import Decoder, Encoder, Seq2Seq\n\n\ndef main():\n"
        "    model = Seq2Seq(Encoder(), Decoder())\n    model.fit()\n"
    )
    assert chosen(tmp_path, CLIP + WHOLE) == "Seq2Seq"


@pytest.mark.parametrize("text", ["", "from torch import nn\n", "def helper(x):\n    return x\n"])
def test_single_candidate_none(tmp_path: Path, text: str) -> None:
    with pytest.raises(LoadError, match=r"defines no nn\.Module class"):
        chosen(tmp_path, text)
