"""Tests of inputs that a condition in the model's own code requires, and of its explanation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import netinspect
from netinspect.analysis.diagnosis.diagnose import diagnose
from tests.nets.case import capture_trace
from tests.support import Outcome


class Images(nn.Module):
    """A network for images of any size; subclasses check the size."""

    def __init__(self, **settings: Any) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.head = nn.Linear(4, 2)
        self.table = torch.zeros(3, 40)
        self.limits = SimpleNamespace(side=1)
        vars(self).update(settings)

    def run(self, x: Tensor) -> Tensor:
        return self.head(self.conv(x).mean((2, 3)))


class WholeShape(Images):
    side = 40

    def forward(self, x: Tensor) -> Tensor:
        assert x.shape[1:] == (3, self.side, self.side), f"got {x.shape}"
        return self.run(x)


class ShapeOfTensor(Images):
    def forward(self, x: Tensor) -> Tensor:
        if x.shape[-1] != self.table.shape[1]:
            raise ValueError("wrong width")
        return self.run(x)


class ShapeOfOther(Images):
    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        assert x.shape == y.shape
        assert y.size(2) == self.limits.side
        return self.run(x + y)


class Windows(Images):
    window = 9

    def forward(self, x: Tensor) -> Tensor:
        _b, _c, h, w = x.shape
        if h % self.window or w % self.window != 0:
            raise ValueError("does not fit")
        return self.run(x)


class EachWindow(Images):
    windows = (9, 10)

    def forward(self, x: Tensor) -> Tensor:
        assert all(size % 9 == 0 for size in x.shape[2:])
        assert not any(size % (self.windows[1] // 2) for size in x.shape[-2:])
        return self.run(x)


class Helper(Images):
    def forward(self, x: Tensor) -> Tensor:
        self.check(x)
        return self.run(x)

    def check(self, image: Tensor) -> None:
        height, width = image.shape[-2:]
        if height * 2 != 2 * self.limits.side:
            raise RuntimeError("wrong height")
        if width // 4 == 12:
            return
        else:
            raise RuntimeError("wrong width")


class Nested(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = Helper(limits=SimpleNamespace(side=24))

    def forward(self, picture: Tensor) -> Tensor:
        return self.inner(picture * 2)


class Tokens(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(50, 4)
        self.config = {"limits": {"longest": 7}}

    def forward(self, idx: Tensor) -> Tensor:
        _b, t = idx.size()
        assert t < self.config["limits"]["longest"], f"cannot forward {t}"
        return self.embed(idx)


class AtLeast(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(50, 4)

    def forward(self, idx: Tensor) -> Tensor:
        if len(idx[0]) < 20 or idx.shape[1] < 20:
            raise ValueError("too short")
        return self.embed(idx)


class Rows(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(6, 3)


class Ranks(Rows):
    def forward(self, x: Tensor) -> Tensor:
        if x.dim() == 3:
            y = self.layer(x)
        elif x.ndim == 5:
            y = self.layer(x) * 2
        else:
            raise ValueError("unsupported")
        return y


class Unpacked(Rows):
    def forward(self, x: Tensor) -> Tensor:
        y = x * 2
        _b, *steps, _features, _last = y.shape
        _b, _s, _n, _d = x.size()
        return self.layer(x).mean((1, 2)) + len(steps)


class Dtypes(Rows):
    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        if y.dtype not in (torch.int64, torch.int32):
            raise TypeError("wrong")
        assert y.ndimension() == len(x.shape) == 2
        return self.layer(x) + y.sum()


class Floating(Rows):
    def forward(self, ids: Tensor) -> Tensor:
        assert ids.is_floating_point()
        return self.layer(ids)


class Afterwards(Rows):
    """A condition on the output of a layer, which has the input's dimensions but one."""

    def forward(self, x: Tensor) -> Tensor:
        y = self.layer(x)
        _b, n, _d = y.shape
        assert n == self.rows
        return y

    rows = 9


SIDE = SimpleNamespace(side=44)
CASES: dict[str, tuple[nn.Module, tuple[str, ...], int]] = {
    "the whole shape": (WholeShape(), ("x=1x3x40x40",), 2),
    "the shape of a tensor": (ShapeOfTensor(), ("x=1x3x224x40",), 2),
    "the shape of an argument": (
        ShapeOfOther(limits=SIDE),
        ("x=1x3x44x224", "y=1x3x44x224"),
        3,
    ),
    "multiples": (Windows(), ("x=1x3x225x225",), 2),
    "multiples of each side": (EachWindow(), ("x=1x3x225x225",), 3),
    "sizes in a helper": (Helper(limits=SIDE), ("x=1x3x44x48",), 3),
    "sizes in a submodule": (Nested(), ("picture=1x3x24x48",), 3),
    "the longest sequence": (Tokens(), ("idx=1x6:int64:0..49",), 2),
    "the shortest sequence": (AtLeast(), ("idx=1x20:int64:0..49",), 2),
    "one of two ranks": (Ranks(), ("x=1x16x6",), 2),
    "the rank of an unpacking": (Unpacked(), ("x=1x16x16x6",), 3),
    "a dtype": (Dtypes(), ("x=1x6", "y=1x6:int64:0..1"), 2),
    "floats": (Floating(), ("ids=1x6",), 2),
    "the output of a layer": (Afterwards(), ("x=1x9x6",), 3),
}


@pytest.mark.parametrize("name", CASES)
def test_infer_meets_a_condition_of_the_code(name: str) -> None:
    model, expected, attempts = CASES[name]
    trace = netinspect.load(model)
    assert trace.failure is None
    assert tuple(each.spec for each in trace.inputs) == expected
    assert len(trace.attempts) <= attempts


NO_SIZES: dict[str, Callable[[Any, Tensor], Any]] = {}


def unmet(function: Callable[[Any, Tensor], Any]) -> Callable[[Any, Tensor], Any]:
    NO_SIZES[function.__name__] = function
    return function


@unmet
def calls_of_other_functions(s: Any, x: Tensor) -> None:
    assert s.count(x) == 3


@unmet
def properties(s: Any, x: Tensor) -> None:
    assert x.shape[1] == s.computed


@unmet
def values_of_tensors(s: Any, x: Tensor) -> None:
    if x.sum() > -1:
        raise ValueError("no")


@unmet
def names_without_a_value(s: Any, x: Tensor) -> None:
    if s.missing is None if hasattr(s, "missing") else x.shape[0] * x.shape[1] != 7:
        raise ValueError("no")


@unmet
def sizes_that_no_input_has(s: Any, x: Tensor) -> None:
    assert x.shape[1] * 4 == 3


@unmet
def raises_without_a_condition(s: Any, x: Tensor) -> None:
    raise ValueError("no")


@unmet
def loops_around_a_raise(s: Any, x: Tensor) -> None:
    if x.shape[0] == 1:
        for _ in range(2):
            raise ValueError("no")


class Unmet(nn.Module):
    def __init__(self, act: Callable[[Any, Tensor], Any]) -> None:
        super().__init__()
        self.act = act

    @property
    def computed(self) -> int:
        return 3

    def count(self, x: Tensor) -> int:
        return 4

    def forward(self, x: Tensor) -> Any:
        return self.act(self, x)


@pytest.mark.parametrize("name", NO_SIZES)
def test_diagnose_gives_no_sizes_for_other_conditions(name: str) -> None:
    model = Unmet(NO_SIZES[name])
    found = diagnose(capture_trace(model, torch.ones(1, 2)))
    assert found is not None
    assert found.explanation is None


def test_diagnose_explains_a_condition() -> None:
    found = diagnose(capture_trace(Tokens(), torch.zeros(1, 16, dtype=torch.int64)))
    assert found is not None
    assert found.explanation == (
        "the code needs t at most 6, by self.config['limits']['longest'] = 7 "
        "(self.config = {'limits': {'longest': 7}}, t = 16, idx is (1, 16) int64)"
    )


CHECKED = """
from torch import nn


class Checked(nn.Module):
    def __init__(self, block=8):
        super().__init__()
        self.block = block
        self.embed = nn.Embedding(20, 4)

    def forward(self, idx):
        b, t = idx.shape
        assert t <= self.block, "too long"
        return self.embed(idx)
"""


def test_summary_meets_and_explains_a_condition(
    tmp_path: Path, installed: Callable[..., Outcome]
) -> None:
    file = tmp_path / "net.py"
    file.write_text(CHECKED)
    outcome = installed("summary", str(file), "--format", "rich")
    assert outcome.code == 0
    assert "idx = 1x8 int64" in outcome.out
    outcome = installed("summary", str(file), "--input", "idx=1x9:int64:0..19", "--format", "rich")
    assert outcome.code == 4
    assert "the code needs t at most 8, by self.block = 8" in outcome.out + outcome.err


class Offset(nn.Module):
    """One table for all columns, each of which has an offset in it."""

    def __init__(self) -> None:
        super().__init__()
        self.offsets: Tensor
        self.table = nn.Embedding(12, 4)
        self.register_buffer("offsets", torch.tensor([0, 3, 9]))

    def forward(self, categories: Tensor) -> Any:
        assert categories.shape[-1] == self.offsets.shape[0]
        return self.table(categories + self.offsets + 1)


def test_infer_chooses_small_values_if_the_code_adds_an_offset() -> None:
    trace = netinspect.load(Offset())
    assert trace.failure is None
    assert [each.spec for each in trace.inputs] == ["categories=1x3:int64:0..1"]
