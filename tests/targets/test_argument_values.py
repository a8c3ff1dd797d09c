"""Tests of constructor arguments that name classes, functions and other objects."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from netinspect.errors import LoadError
from netinspect.targets.target import parse_target
from tests.support import Outcome, build_module

HEAD = """\
import enum
from typing import Any, Callable, Literal, Optional, Union

import torch
import torch.nn.functional as F
from torch import nn


class Mode(enum.Enum):
    FAST = 1
    SLOW = 2


class Block(nn.Module):
    pass


SIZES = (3, 5)


def gate(x):
    return x


class Net(nn.Module):
    def __init__(self, {parameter}, **others):
        super().__init__()
        self.got = [{name}, others]

"""


def given(folder: Path, parameter: str, word: str) -> Any:
    """Return the value that a constructor with one parameter gets for a word."""
    name = parameter.partition(":")[0].partition("=")[0].strip()
    file = folder / "words.py"
    file.write_text(HEAD.format(parameter=parameter, name=name))
    model: Any = build_module(parse_target(f"{file}:Net"), {name: word}, seed=0)
    got = model.got[0]
    # Each import of the file creates new classes.
    is_own = getattr(got, "__module__", "") == "words"
    return f"the file's {getattr(got, '__qualname__', got)}" if is_own else got


@pytest.mark.parametrize(
    ("parameter", "word", "expected"),
    [
        # No annotation or default: classes and functions of the file, or by full name.
        ("cls", "Block", "the file's Block"),
        ("cls", "gate", "the file's gate"),
        ("cls", "nn.ReLU", nn.ReLU),
        ("cls", "torch.nn.ReLU", nn.ReLU),
        ("cls", "resnet", "resnet"),
        ("cls", "no.such.Name", "no.such.Name"),
        ("cls", "a word", "a word"),
        ("cls", "SIZES", "SIZES"),
        ("cls=None", "nn.GELU", nn.GELU),
        ("cls: Any", "nn.GELU", nn.GELU),
        ("mode", "Mode.FAST", "the file's Mode.FAST"),
        ("mode: Mode", "Mode.FAST", "the file's Mode.FAST"),
        ("mode: 'Mode'", "Mode.FAST", "the file's Mode.FAST"),
        ("dtype", "torch.float16", torch.float16),
        # By its annotation.
        ("cls: type[nn.Module]", "Block", "the file's Block"),
        ("cls: 'type[nn.Module]'", "nn.GELU", nn.GELU),
        ("act: Callable[..., Any]", "gate", "the file's gate"),
        ("act: Optional[Callable[[torch.Tensor], str]] = None", "torch.relu", torch.relu),
        ("act: Callable", "math.sqrt", math.sqrt),
        ("kind: str", "Block", "Block"),
        ("kind: str", "nn.ReLU", "nn.ReLU"),
        ("kind: Literal['Block', 'gate']", "Block", "Block"),
        ("kind: str | None = None", "Block", "Block"),
        ("act: Union[str, Callable[..., Any]] = 'relu'", "gelu", "gelu"),
        ("act: Union[str, Callable[..., Any]] = 'relu'", "gate", "gate"),
        ("act: Union[str, Callable[..., Any]] = 'relu'", "F.gelu", F.gelu),
        ("dtype: torch.dtype", "torch.float64", torch.float64),
        ("dtype: Optional[torch.dtype] = None", "torch.float64", torch.float64),
        ("width: int", "Block", "Block"),
        # By its default.
        ("act=nn.ReLU", "Block", "the file's Block"),
        ("act=nn.ReLU", "nn.GELU", nn.GELU),
        ("act=nn.ReLU", "gelu", "gelu"),
        ("act=F.relu", "F.gelu", F.gelu),
        ("kind='small'", "Block", "Block"),
        ("kind='small'", "nn.ReLU", "nn.ReLU"),
        ("dtype=torch.float32", "torch.float16", torch.float16),
        ("sizes=(1, 2)", "SIZES", (3, 5)),
        ("width=3", "Block", "Block"),
    ],
)
def test_with_named_values_by_annotation_and_default(
    tmp_path: Path, parameter: str, word: str, expected: Any
) -> None:
    assert given(tmp_path, parameter, word) == expected


def test_with_named_values_misspelled_name(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match=r"argument cls takes .*'nn\.Gelu' was not found") as error:
        given(tmp_path, "cls: type[nn.Module]", "nn.Gelu")
    assert "'GELU'" in (error.value.hint or "")


def test_with_named_values_misspelled_name_for_a_default(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match=r"takes a class or function, but 'nn\.Gelu' was not") as error:
        given(tmp_path, "act=nn.ReLU", "nn.Gelu")
    assert "'GELU'" in (error.value.hint or "")


def test_failed_construction_names_arguments_passed_as_text(tmp_path: Path) -> None:
    file = tmp_path / "text.py"
    file.write_text(
        "from torch import nn\n\n"
        "class Net(nn.Module):\n"
        "    def __init__(self, classes, kind='a', act=nn.ReLU):\n"
        "        super().__init__()\n"
        "        self.act, self.fc = act(), nn.Linear(4, classes)\n"
    )
    for arguments, hint in (
        ({"classes": "ten", "kind": "b"}, "classes was passed as text: 'ten'"),
        ({"classes": 2, "act": "gelu"}, "act was passed as text: 'gelu'"),
    ):
        with pytest.raises(LoadError) as error:
            build_module(parse_target(f"{file}:Net"), arguments, seed=0)
        assert error.value.hint == hint


def test_with_named_values_keeps_other_values(tmp_path: Path) -> None:
    file = tmp_path / "words.py"
    file.write_text(HEAD.format(parameter="cls: type", name="cls"))
    model: Any = build_module(parse_target(f"{file}:Net"), {"cls": 5, "a": "nn.ReLU", "b": 2}, seed=0)
    assert model.got == [5, {"a": nn.ReLU, "b": 2}]


def test_arg_option_names_a_class(cli: Callable[..., Outcome], tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(
        "from torch import nn\n\n\nclass Net(nn.Sequential):\n"
        "    def __init__(self, act=nn.ReLU):\n"
        "        super().__init__(nn.Linear(2, 2), act())\n"
    )
    outcome = cli("tree", str(tmp_path / "net.py"), "--arg", "act=nn.GELU")
    assert outcome.code == 0, outcome.err
    assert "GELU" in outcome.out


WITH_PROPERTIES = """\
from torch import nn

ran = []


class Descriptor:
    def __get__(self, instance, owner):
        ran.append(1)
        return nn.ReLU


class Meta(type):
    def __getattr__(cls, name):
        ran.append(1)
        return nn.ReLU


class Lazy(metaclass=Meta):
    Inner = nn.GELU


class Computed:
    name = Descriptor()
    Inner = nn.GELU


OBJECT = Computed()


class Net(nn.Module):
    def __init__(self, act):
        super().__init__()
        self.got, self.ran = act, ran
"""


@pytest.mark.parametrize("holder", ["Lazy", "Computed", "OBJECT"])
def test_with_named_values_runs_no_user_code(tmp_path: Path, holder: str) -> None:
    file = tmp_path / "properties.py"
    file.write_text(WITH_PROPERTIES)
    computed, stored = f"{holder}.name", f"{holder}.Inner"
    for text, expected in ((computed, computed), (stored, nn.GELU)):
        model: Any = build_module(parse_target(f"{file}:Net"), {"act": text}, seed=0)
        assert model.got == expected
        assert model.ran == []


FROM_FILE = """
from torch import nn
class Net(nn.Module):
    def __init__(self, h):
        super().__init__()
        self.layer = nn.Linear(h.sizes[0], h["out"])
        self.h = h
    def forward(self, x):
        return self.layer(x)
"""


@pytest.mark.parametrize(
    ("file", "text", "argument"),
    [
        ("c.json", '{"sizes": [3], "out": 5}', "@c.json"),
        ("c.yaml", "model:\n  net: {sizes: [3], out: 5}", "@c.yaml:model.net"),
        ("c.toml", "[[nets]]\nsizes = [3]\nout = 5", "@c.toml:nets.0"),
    ],
)
def test_arg_option_reads_file(
    cli: Callable[..., Outcome], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, text: str,
    argument: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    (tmp_path / file).write_text(text)
    (tmp_path / "net.py").write_text(FROM_FILE)
    outcome = cli("summary", "net.py:Net", "--arg", f"h={argument}", "--columns", "class,params")
    assert outcome.code == 0, outcome.err
    assert "Linear\t20" in outcome.out
    assert "constructor arguments" not in outcome.out


@pytest.mark.parametrize(
    ("argument", "cause", "hint"),
    [
        ("@confg.json", "the file confg.json does not exist", "config.json"),
        ("@no/config.json", "the file no/config.json does not exist", "h=@config.json"),
        ("@", "it names no file", "h=@@"),
        ("@config.json:sizez", "config.json has no 'sizez' there", "sizes"),
        ("@config.json:a.b", "config.json has no 'a' there", "its keys are: sizes, out"),
        ("@broken.json", "it is not valid JSON", None),
        ("@net.py", "expected a file with a name in .json", None),
    ],
)
def test_arg_option_names_wrong_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, argument: str, cause: str, hint: str | None
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.json").write_text('{"sizes": [3], "out": 5}')
    (tmp_path / "broken.json").write_text('{"sizes": ')
    (tmp_path / "net.py").write_text(FROM_FILE)
    with pytest.raises(LoadError, match="cannot read ") as caught:
        build_module(parse_target("net.py:Net"), {"h": argument}, seed=0)
    assert cause in str(caught.value.cause)
    assert (hint or "") in str(caught.value.hint)


def test_with_named_values_doubled_sign(tmp_path: Path) -> None:
    assert given(tmp_path, "word", "@@text") == "@text"
