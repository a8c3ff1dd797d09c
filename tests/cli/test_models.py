"""Tests of `netinspect models`, which lists samples and models of libraries without importing them."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import netinspect
from netinspect.targets.libraries.names import model_names
from netinspect.targets.written.listing import find_classes
from tests.support import Outcome
from tests.trace_cache.queries import Asker, write

FORMATS = ("rich", "plain", "json", "csv", "markdown")


@pytest.mark.parametrize("pattern", ["torchvision:", "torchvision", "torchvision:*"])
def test_models_lists_whole_library(cli: Callable[..., Outcome], pattern: str) -> None:
    names = list(model_names("torchvision"))
    outcome = cli("models", pattern, "--format", "csv")
    rows = [row["target"] for row in csv.DictReader(io.StringIO(outcome.out))]
    assert rows == [f"torchvision:{name}" for name in names]
    report = json.loads(cli("models", pattern, "--format", "json").out)
    assert (report["library"], report["names"], report["total"]) == ("torchvision", names, len(names))


@pytest.mark.parametrize("format", FORMATS)
def test_models_lists_matches(cli: Callable[..., Outcome], format: str) -> None:
    outcome = cli("models", "timm:*convnext*atto", "--format", format)
    assert outcome.code == 0
    text = outcome.out.replace("\\", "")  # markdown escapes underscores
    assert "convnext_atto" in text
    assert "convnextv2_atto" in text
    assert "resnet" not in text


def test_models_patterns() -> None:
    def names(pattern: str) -> list[str]:
        record = netinspect.models(pattern).record
        return [*(sample.name for sample in record.samples), *record.names, *record.found]

    assert names("timm:convnext_atto_") == ["convnext_atto_ols", "convnext_atto_rms"]
    assert names("torchvision:ResNet1*") == ["resnet18", "resnet101", "resnet152"]
    assert names("transformers:BertForM*") == ["BertForMaskedLM", "BertForMultipleChoice"]
    assert names("transformers:gpt2") == ["gpt2"]
    assert names("resnet*")[0] == "resnet18"
    assert {"timm:resnet50", "torchvision:resnet50", "transformers:resnet"} <= set(names("resnet*"))
    assert {"alexnet", "lenet", "resnet18"} <= set(names("net"))
    assert names("vit") == names("*vit*")
    assert "transformers:ViTForImageClassification" in names("ViTFor")


@pytest.mark.parametrize(
    ("pattern", "message", "hint"),
    [
        ("resnt18", "no model matches", "did you mean 'resnet18' or "),
        ("vit_base_patch61_224", "no model matches", "did you mean 'timm:vit_base_patch16_224' or "),
        ("keras:resnet50", "no model matches", "the libraries have: torchvision:resnet50"),
        ("keras:qqqqqq", "no model matches", "libraries: torchvision:, timm:, transformers:"),
        ("./nowhere", "the file ./nowhere does not exist", "name a Python file or a folder"),
        ("timm:*resnt18*", "no model of timm matches", "'resnet18'"),
        ("timm:qqqqqqqqqqqqqq", "no model of timm matches", "netinspect models timm:"),
    ],
)
def test_models_without_match(
    cli: Callable[..., Outcome], pattern: str, message: str, hint: str
) -> None:
    outcome = cli("models", pattern)
    assert outcome.code == 3
    assert message in outcome.err
    assert hint in outcome.err


def test_models_does_not_import_torch(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom netinspect.cli.run import run\n"
        "for text in ('vit', 'timm:', 'torchvision:*net*', 'transformers:', 'transformers:Bert*'):\n"
        "    assert run(['models', text]) == 0\n"
        "assert not {'torch', 'numpy', 'timm', 'transformers', 'torchvision'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, check=True)


PROJECT = {
    "app/__init__.py": "",
    "app/base.py": "from torch import nn as layers\n\n\nclass Base(layers.Module):\n"
    "    def __init__(self, width, *, depth, drop=0.1):\n        super().__init__()\n",
    "app/nets/__init__.py": "from ..base import *\n",
    "app/nets/net.py": """\
import torch.nn as nn
from torch.nn import *

import app.base
from . import Base as Again
from ..base import Base

raise SystemExit("nothing here is run")


class Block(Base):
    pass


class Head(Again, object):
    def __init__(self, classes, bias=True):
        self.head = Linear(classes, 2, bias)


class Net(nn.Module):
    def __init__(self, size=3):
        self.parts = Block(size, depth=2), Head(size)


class Whole(app.base.Base):
    pass


class Scale(nn.Parameter):
    pass


class One(Other):
    pass


class Other(One):
    pass


if True:

    class Layer(Linear):
        pass
""",
    "app/broken.py": "class Broken(:\n",
    "venv/site.py": "from torch import nn\n\n\nclass Installed(nn.Module):\n    pass\n",
    ".git/hook.py": "from torch import nn\n\n\nclass Hook(nn.Module):\n    pass\n",
}


def test_models_of_folder_are_found_by_reading(tmp_path: Path) -> None:
    write(tmp_path, PROJECT)
    (tmp_path / "app" / "loop").symlink_to(tmp_path)
    ask = Asker(tmp_path, tmp_path / "home")
    outcome = ask("models", ".", "-f", "csv", blocked=True)
    assert outcome.code == 0
    found = {
        row["target"]: (row["base"], row["arguments"], row["role"])
        for row in csv.DictReader(io.StringIO(outcome.out))
    }
    assert found == {
        "app/base.py:Base": ("layers.Module", "width depth", "part"),
        "app/nets/net.py:Block": ("Base", "width depth", "part"),
        "app/nets/net.py:Head": ("Again, object", "classes", "part"),
        "app/nets/net.py:Net": ("nn.Module", "", "model"),
        "app/nets/net.py:Whole": ("app.base.Base", "width depth", "model"),
        "app/nets/net.py:Layer": ("Linear", "", "part"),
    }
    report = json.loads(ask("models", "app", "--json", blocked=True).out)
    assert report["notes"] == ["cannot read app/broken.py: invalid syntax (line 1)"]
    assert report["files"] == 5
    lines = {each["target"]: each["line"] for each in report["classes"]}
    assert lines["app/base.py:Base"] == 4
    assert [each["arguments"] for each in report["classes"] if "Layer" in each["target"]] == [None]


ZOO = {
    "nets/resnet.py": """\
import torch.nn as nn
from .layers import conv


class Basic(nn.Module):
    def __init__(self, width): ...


class Wide(nn.Module):
    def __init__(self, width): ...


class ResNet(nn.Module):
    def __init__(self, block, depths): ...


def small():
    return ResNet(Basic, [1, 1])


def large(**options):
    net = ResNet(block=Wide, depths=[2, 2], **options)
    net = net.cuda()
    return net.eval()


def sized(size):
    return ResNet(Basic, [size])


def both(wide=False):
    return ResNet(Wide, [1]) if wide else small()


def number(size=3):
    return size


class FocalLoss(nn.Module):
    pass


class Distance(nn.Module):
    def forward(self, a, b):
        return ((a - b) ** 2).mean()
""",
    "nets/layers.py": "from torch import nn\n\n\ndef conv():\n    return nn.Conv2d(3, 3, 3)\n",
    "zoo.py": "from nets.resnet import large as big\n\n\ndef largest():\n    return big()\n",
    "tests/test_zoo.py": "from nets.resnet import small\n\n\ndef tiny():\n    return small()\n",
}


def test_models_of_folder_lists_factories_and_roles(tmp_path: Path) -> None:
    write(tmp_path, ZOO)
    ask = Asker(tmp_path, tmp_path / "home")
    shown = ask("models", ".", "-f", "csv", blocked=True).out
    found = [
        (row["target"].rpartition("/")[2], row["base"], row["arguments"], row["role"])
        for row in csv.DictReader(io.StringIO(shown))
    ]
    assert found == [
        ("zoo.py:largest", "builds ResNet", "", "model"),
        ("resnet.py:small", "builds ResNet", "", "model"),
        ("resnet.py:large", "builds ResNet", "", "model"),
        ("resnet.py:both", "builds ResNet", "", "model"),
        ("resnet.py:ResNet", "nn.Module", "block depths", "model"),
        ("test_zoo.py:tiny", "builds ResNet", "", "model"),
        ("layers.py:conv", "builds torch.nn.Conv2d", "", "part"),
        ("resnet.py:Basic", "nn.Module", "width", "part"),
        ("resnet.py:Wide", "nn.Module", "width", "part"),
        ("resnet.py:FocalLoss", "nn.Module", "", "loss"),
        ("resnet.py:Distance", "nn.Module", "", "loss"),
    ]


def test_models_of_one_file_and_of_none(cli: Callable[..., Outcome], workshop: Path) -> None:
    shown = cli("models", "net.py", "-f", "rich", "--width", "80").out
    assert "net.py:Net" in shown
    (workshop / "plain.py").write_text("class Plain:\n    pass\n")
    outcome = cli("models", "plain.py")
    assert outcome.code == 3
    assert "plain.py has no nn.Module class" in outcome.err


def test_models_of_large_folder_are_bounded(tmp_path: Path) -> None:
    for number in range(5):
        write(tmp_path, {f"net{number}.py": "from torch import nn\n\n\nclass N(nn.Module):\n    pass\n"})
    classes, files, notes = find_classes(str(tmp_path), most_files=3)
    assert len(classes) == files == 3
    assert notes == ("only the first 3 files were read",)


@pytest.mark.parametrize("command", ["summary", "params", "graph"])
def test_folder_of_code_lists_its_models(tmp_path: Path, command: str) -> None:
    write(tmp_path, {**ZOO, "setup.py": "raise SystemExit\n"})
    outcome = Asker(tmp_path, tmp_path / "home")(command, ".", blocked=True)
    assert outcome.code == 3
    assert outcome.err.splitlines() == [
        "error[checkpoint]: . is a folder of code, without a model's weights",
        "  cause: without arguments: zoo.py:largest, nets/resnet.py:small, nets/resnet.py:large, "
        "nets/resnet.py:both",
        "         with arguments: nets/resnet.py:ResNet(block, depths)",
        "  hint: name its model: zoo.py:largest",
    ]


def test_folder_of_code_with_several_models(tmp_path: Path) -> None:
    net = "from torch import nn\n\n\nclass Net(nn.Module):\n    pass\n"
    write(tmp_path, {"a b/one.py": net, "a b/two.py": net.replace("Net", "Two"), "tests/three.py": net})
    outcome = Asker(tmp_path, tmp_path / "home")("summary", "a b", blocked=True)
    assert "cause: without arguments: a b/one.py:Net, a b/two.py:Two" in outcome.err
    assert "hint: name one: a b/one.py:Net\n" in outcome.err
    assert "netinspect models 'a b' lists all" in outcome.err
    assert "name its model: tests/three.py:Net" in (
        Asker(tmp_path, tmp_path / "home")("summary", "tests", blocked=True).err
    )
    write(tmp_path, {"empty/plain.py": "x = 1\n", "deep/sub/model.safetensors": "", "deep/net.py": net})
    outcome = Asker(tmp_path, tmp_path / "home")("summary", "empty", blocked=True)
    assert "empty is a folder without a model's weights" in outcome.err
    outcome = Asker(tmp_path, tmp_path / "home")("summary", "deep", blocked=True)
    assert "there are some in deep/sub" in outcome.err
