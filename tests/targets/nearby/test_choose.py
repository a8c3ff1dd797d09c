"""Tests of constructor arguments that are read from calls in the files of a project."""

from __future__ import annotations

from pathlib import Path

import pytest

from netinspect.errors import LoadError
from tests.targets.nearby.projects import NET, Project, sizes


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
