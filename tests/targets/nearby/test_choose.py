"""Tests of constructor arguments that are read from the files of a project."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from netinspect.errors import LoadError
from netinspect.targets.model_factory import ModelFactory, find_factory
from netinspect.targets.target import parse_target

NET = """\
from torch import nn


class Net(nn.Module):
    def __init__(self, channels, classes, deep=False):
        super().__init__()
        self.layer = nn.Linear(channels, classes)
        self.deep = deep

    def forward(self, x):
        return self.layer(x)
"""
CONFIGURED = """\
from torch import nn


class Net(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.layer = nn.Linear(config.width, config["classes"])
        self.config = config

    def forward(self, x):
        return self.layer(x)
"""

Project = Callable[..., ModelFactory]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Return a function that writes files, and finds `Net` in net.py."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "setup.py").write_text("")

    def find(target: str = "net.py:Net", arguments: Any = None, **files: str) -> ModelFactory:
        for name, text in files.items():
            path = tmp_path / name.replace("___", "/").replace("__", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return find_factory(parse_target(target), arguments or {})

    return find


def sizes(factory: ModelFactory) -> tuple[int, int]:
    layer: Any = factory.build()[0].get_submodule("layer")
    return layer.in_features, layer.out_features


# --- calls ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "from net import Net\nmodel = Net(3, classes=5)",
        "import net\nmodel = net.Net(3, 5).cuda()",
        "from net import *\nN = 3\ndef main():\n    return Net(N, N + 2)\n"
        "if __name__ == '__main__':\n    main()",
        "import torch\nfrom net import Net as Model\nmodel = torch.nn.DataParallel(Model(*[3, 5]))",
        "from net import Net\nnets = {'net': Net}\nmodel = nets['net'](**{'channels': 3, 'classes': 5})",
        "import net\nmodel = getattr(net, 'Net')(3, len(['cat'] * 5))",
        "import net\nmodel = net.__dict__['Net'](channels=3, classes=5)",
        "from importlib import import_module\nmodel = import_module('net').Net(3, 5)",
        "from net import Net\nclass Trainer:\n    def __init__(self, n):\n"
        "        self.model = self.make(n)\n"
        "    def make(self, n):\n        return Net(n, 5)\nTrainer(3)",
        "from net import Net\ndef unused(loader, n=3):\n    return Net(n, classes=5)",
    ],
)
def test_call_in_script_gives_arguments(project: Project, text: str) -> None:
    factory = project(net__py=NET, train__py=text)
    assert sizes(factory) == (3, 5)
    (note,) = factory.notes
    assert note.startswith("constructor arguments were read from train.py line ")
    assert "channels=3, classes=5" in note


def test_own_main_block_precedes_training_script(project: Project) -> None:
    own = NET + "\nif __name__ == '__main__':\n    net = Net(7, 2)\n"
    factory = project(net__py=own, train__py="from net import Net\nNet(3, 5)")
    assert sizes(factory) == (7, 2)
    assert "net.py line 14" in factory.notes[0]


def test_training_script_precedes_tests(project: Project) -> None:
    tests = "from net import Net\ndef test_net():\n    Net(1, 1)\n"
    factory = project(
        net__py=NET, train__py="from net import Net\nNet(3, 5)", tests___test_net__py=tests
    )
    assert sizes(factory) == (3, 5)


@pytest.mark.parametrize(
    "docstring",
    [
        '"""A net.\n\n    >>> net = Net(3, classes=5)\n    >>> net(torch.randn(1, 3))\n    """',
        '"""A net.\n\n    Example::\n\n        net = Net(3, classes=5)\n'
        '        net(torch.randn(1, 3))\n\n    """',
        '"""A net.\n\n    ```python\n    from net import Net\n    net = Net(3, classes=5)\n'
        '    ```\n    """',
    ],
)
def test_docstring_example_gives_arguments(project: Project, docstring: str) -> None:
    text = NET.replace("    def __init__", f"    {docstring}\n    def __init__", 1)
    factory = project(net__py=text)
    assert sizes(factory) == (3, 5)
    assert "an example in net.py" in factory.notes[0]


def test_command_line_defaults_give_arguments(project: Project) -> None:
    options = """\
import argparse
def get_args():
    parser = argparse.ArgumentParser()
    parser.add_argument("--channels", default=3, type=int)
    parser.add_argument("--classes", default="5", type=int)
    return parser.parse_args()
"""
    main = (
        "from options import get_args\nfrom net import Net\nargs = get_args()\n"
        "Net(args.channels, args.classes)"
    )
    factory = project(net__py=NET, main__py=main, options__py=options)
    assert sizes(factory) == (3, 5)
    assert "main.py line 4" in factory.notes[0]


def test_modules_of_project_are_passed(project: Project) -> None:
    text = """\
from torch import nn
class Encoder(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.layer = nn.Linear(4, width)
class Net(nn.Module):
    def __init__(self, encoder, head, activation):
        super().__init__()
        self.encoder, self.head, self.activation = encoder, head, activation()
"""
    train = (
        "from torch import nn\nfrom net import Encoder, Net\n"
        "Net(Encoder(6), head=nn.Sequential(nn.Linear(6, 2), nn.ReLU()), activation=nn.GELU)"
    )
    factory = project(net__py=text, train__py=train)
    model = factory.build("meta")[0]
    assert {each.device.type for each in model.parameters()} == {"meta"}
    model = factory.build()[0]
    assert [type(each).__name__ for each in model.children()] == ["Encoder", "Sequential", "GELU"]
    assert model.get_parameter("encoder.layer.weight").shape == (6, 4)


def test_given_arguments_take_precedence(project: Project) -> None:
    factory = project(
        arguments={"classes": 9}, net__py=NET, train__py="from net import Net\nNet(3, 5, deep=True)"
    )
    assert sizes(factory) == (3, 9)
    assert "channels=3, deep=True" in factory.notes[0]
    assert "classes" not in factory.notes[0]


def test_project_is_not_read_without_missing_arguments(project: Project) -> None:
    train = "from net import Net\nNet(3, 5)"
    assert not project(arguments={"channels": 2, "classes": 2}, net__py=NET, train__py=train).notes


def test_calls_that_disagree_are_offered(project: Project) -> None:
    factory = project(net__py=NET, train__py="from net import Net\nNet(3, 5)\nNet(3, 'a b')")
    with pytest.raises(LoadError) as caught:
        factory.build()
    assert caught.value.cause == "missing arguments: channels, classes"
    hint = str(caught.value.hint)
    assert "train.py line 2: --arg channels=3 --arg classes=5" in hint
    assert "train.py line 3: --arg channels=3 --arg classes=''\"'\"'a b'\"'\"''" in hint


def test_incomplete_call_is_offered(project: Project) -> None:
    train = "from net import Net\nimport data\nNet(data.load().n, 5)"
    with pytest.raises(LoadError) as caught:
        project(net__py=NET, train__py=train).build()
    assert "train.py line 3: --arg classes=5 (channels could not be read)" in str(caught.value.hint)


def test_call_of_another_class_of_that_name_is_ignored(project: Project) -> None:
    train = (
        "class Net:\n    def __init__(self, a, b):\n        pass\nNet(3, 5)\n"
        "from other.net import Net\nNet(1, 1)"
    )
    with pytest.raises(LoadError) as caught:
        project(net__py=NET, train__py=train).build()
    assert "train.py" not in str(caught.value.hint)


def test_call_for_another_signature_is_ignored(project: Project) -> None:
    train = "from net import Net\nNet(3, 5, depth=7)\nNet(1, 2, 3, 4)"
    with pytest.raises(LoadError, match="cannot build"):
        project(net__py=NET, train__py=train).build()


def test_project_is_read_but_not_run(project: Project, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    train = (
        f"from net import Net\nopen({str(mark)!r}, 'w')\n\nclass C:\n"
        f"    x = open({str(mark)!r}, 'w')\nNet(3, 5)\n"
    )
    assert sizes(project(net__py=NET, train__py=train)) == (3, 5)
    assert not mark.exists()


def test_factory_function_gets_arguments(project: Project) -> None:
    text = NET + "\n\ndef build(width):\n    return Net(width, width)\n"
    factory = project("net.py:build", net__py=text, train__py="from net import build\nbuild(width=4)")
    assert sizes(factory) == (4, 4)


def test_failed_construction_names_source_of_arguments(project: Project) -> None:
    with pytest.raises(LoadError) as caught:
        project(net__py=NET, train__py="from net import Net\nNet(3, 'x')").build()
    assert "constructor arguments were read from train.py line 2" in str(caught.value.hint)


# --- configurations -------------------------------------------------------------------------------


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
