"""Tests of constructor arguments that are read from configurations, and of the bounds of reading."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from netinspect.errors import LoadError
from tests.targets.nearby.projects import CONFIGURED, NET, Project, sizes


@pytest.mark.parametrize(
    ("config", "argument"),
    [
        ("@dataclass\nclass NetConfig:\n    width: int = 3\n    classes: int = 5\n", "config"),
        ("class NetConfig:\n    width = 3\n    classes = 5\n", "config"),
        ("class Options:\n    def __init__(self, width=3):\n        self.width = width\n"
        "        self.classes = 5\n", "o: Options"),
        ("@dataclass\nclass Sizes:\n    width: int = 3\n    classes: int = field(default=5)\n"
        "", "s: 'Sizes | None'"),
    ],
)  # fmt: skip
def test_configuration_class_gives_defaults(project: Project, config: str, argument: str) -> None:
    text = (
        f"from dataclasses import dataclass, field\nfrom torch import nn\n{config}\n"
        f"class Net(nn.Module):\n    def __init__(self, {argument}):\n        super().__init__()\n"
        f"        self.layer = nn.Linear({argument[:1] if ':' in argument else 'config'}.width, 5)\n"
    )
    factory = project(net__py=text)
    assert sizes(factory) == (3, 5)
    assert "the defaults of " in factory.notes[0]


def test_dataclass_is_live_without_its_own_code(project: Project, tmp_path: Path) -> None:
    text = """\
from dataclasses import dataclass, field
from torch import nn
@dataclass
class NetConfig:
    width: int = 3
    sizes: list = field(default_factory=lambda: [1, 2])
    BODY
class Net(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.layer = nn.Linear(config.width, config.sizes[1])
        self.kind = type(config).__name__
"""
    plain: Any = project(net__py=text.replace("BODY", "")).build()[0]
    assert plain.kind == "NetConfig"
    body = f"def __post_init__(self):\n        self.width += 1; open({str(tmp_path / 'mark')!r}, 'w')"
    model: Any = project(net__py=text.replace("BODY", body)).build()[0]
    assert model.kind == "NetConfig"
    assert model.layer.in_features == 4
    assert not (tmp_path / "mark").exists()


def test_configuration_class_has_its_methods(project: Project, tmp_path: Path) -> None:
    text = """\
from torch import nn
class Node:
    def __init__(self, **entries):
        print("not run", file=open("mark", "w"))
        self.__dict__.update(entries)
    def __getitem__(self, key):
        return getattr(self, key)
    def double(self):
        return 2 * self.width
class Net(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.layer = nn.Linear(config.double(), config["classes"])
"""
    train = (
        "from net import Net, Node\nnode = Node(width=2)\nnode.classes = 5\nnode.width = 3\nNet(node)"
    )
    assert sizes(project(net__py=text, train__py=train)) == (6, 5)
    assert not (tmp_path / "mark").exists()


def test_class_with_required_fields_is_not_a_default(project: Project) -> None:
    text = CONFIGURED + "\n\nclass Config:\n    def __init__(self, width):\n        self.width = width\n"
    with pytest.raises(LoadError, match="cannot build"):
        project(net__py=text).build()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("config__json", '{"width": 3, "classes": 5, "rate": 0.1}'),
        ("configs___net__yaml", "model:\n  width: 3\n  classes: 5\n"),
        ("settings__toml", "[a.b]\nwidth = 3\nclasses = 5\n"),
    ],
)
def test_configuration_file_with_keys_is_used(project: Project, name: str, content: str) -> None:
    factory = project(net__py=CONFIGURED, **{name: content, "other__json": '{"width": 1}'})
    assert sizes(factory) == (3, 5)
    assert name.replace("___", "/").replace("__", ".") in factory.notes[0]


def test_further_configuration_files_are_mentioned(project: Project) -> None:
    files = {f"config_v{n}__json": f'{{"width": {n}, "classes": 5}}' for n in (1, 2)}
    factory = project(net__py=CONFIGURED, **files)
    assert sizes(factory) == (1, 5)
    assert "config_v1.json; others fit: --arg config=@config_v2.json" in factory.notes[0]


def test_script_that_reads_unknown_configuration_is_read_with_each(project: Project) -> None:
    train = """\
import json, sys
from net import Net
h = json.load(open(sys.argv[1]))
Net(h["in"] * 2, h["out"])
"""
    factory = project(net__py=NET, train__py=train, config__json='{"in": 2, "out": 5}')
    assert sizes(factory) == (4, 5)
    assert "train.py line 4 with config.json" in factory.notes[0]


@pytest.mark.parametrize(
    "content",
    [
        "model:\n  target: net.Net\n  params:\n    channels: 3\n    classes: 5\n",
        "model:\n  _target_: net.Net\n  channels: 3\n  classes: 5\n",
        "a:\n  - name: Net\n    channels: 3\n    classes: 5\n    rate: 1\n",
        "model:\n  class_path: net.Net\n  init_args: {channels: 3, classes: 5}\n",
    ],
)
def test_configuration_file_that_names_class_is_used(project: Project, content: str) -> None:
    factory = project(net__py=NET, configs___a__yaml=content)
    assert sizes(factory) == (3, 5)
    assert "configs/a.yaml" in factory.notes[0]


def test_hostile_files_are_bounded(project: Project, tmp_path: Path) -> None:
    bomb = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"{b}: &{b} [{', '.join(['*' + a] * 10)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    )
    files = {
        "bomb__yaml": bomb + "width: 1\nclasses: 2\n",
        "deep__json": "[" * 100_000,
        "broken__toml": "width = = classes",
        "tag__yaml": "width: !!python/object/apply:os.system ['touch mark']\nclasses: 1\n",
        "train__py": "from net import Net\n" + "x = [" * 500,
        "loop__py": "from net import Net\nwhile True:\n    Net(**globals())\n",
    }
    with pytest.raises(LoadError, match="cannot build"):
        project(net__py=CONFIGURED, **files).build()
    assert not (tmp_path / "mark").exists()


def test_settings_can_be_unpacked_and_copied(project: Project) -> None:
    import copy

    factory = project(net__py=CONFIGURED, config__json='{"width": 3, "classes": 5}')
    model: Any = factory.build()[0]
    for config in (model.config, copy.deepcopy(model).config, copy.copy(model.config)):
        assert dict(**config) == vars(config) == {"width": 3, "classes": 5}
        assert config.width == config["width"] == 3
        assert getattr(config, "missing", None) is None
    assert torch.equal(copy.deepcopy(model).layer.weight, model.layer.weight)


def test_configuration_without_a_key_that_is_read_is_not_used(project: Project) -> None:
    scripts = {
        "train__py": "from net import Net\nfrom types import SimpleNamespace\nimport data\n"
        "Net(SimpleNamespace(width=data.WIDTH, classes=2))",
        "zzz__py": "from net import Net\nfrom types import SimpleNamespace\n"
        "Net(SimpleNamespace(width=3, classes=5))",
    }
    assert sizes(project(net__py=CONFIGURED, **scripts)) == (3, 5)


def test_scripts_near_the_model_are_read_first(project: Project) -> None:
    many = {f"other{n}___train__py": "class Net: pass\nNet()\n" for n in range(30)}
    factory = project(
        "zoo/net.py:Net", zoo___net__py=NET, zoo___use__py="from net import Net\nNet(3, 5)", **many
    )
    assert sizes(factory) == (3, 5)
