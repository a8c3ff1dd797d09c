"""Tests of inputs that are read from the code of forward: consumers, containers and plain values."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import netinspect
from netinspect.inputs.infer.forward_code.read import read_forward
from tests.support import Outcome


class Parts(nn.Module):
    """Layers of different sizes; the first one takes no argument of most of the networks."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(7, 6)
        self.near = nn.Linear(5, 6)
        self.far = nn.Linear(9, 6)
        self.image = nn.Conv2d(3, 4, 3)
        self.heads = nn.ModuleDict({"mean": nn.Linear(5, 2), "peak": nn.Linear(5, 3)})
        self.steps = nn.ModuleList(nn.Linear(size, 6) for size in (2, 3, 4))
        self.wide = nn.Linear(12, 2)
        self.pair = nn.Conv2d(6, 4, 3)
        self.key = "measured"
        self.weight = nn.Parameter(torch.zeros(11, 6))

    def project(self, batch: Any) -> Tensor:
        return self.far(batch[self.key])


class Swapped(Parts):
    def forward(self, one: Tensor, other: Tensor, ids: Tensor) -> Tensor:
        return self.far(one) + self.near(other) + self.table(ids)


class Reordered(Parts):
    def forward(self, x: Tensor) -> Tensor:
        hidden = x.permute(0, 3, 1, 2).float() / 255
        return self.image(hidden)


class Unsqueezed(Parts):
    def forward(self, x: Tensor) -> Tensor:
        x = x[None].transpose(1, 2)
        return self.near(x)


class Columns(Parts):
    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.table(x[:, index]) for index in range(4)], dim=1)


class Rank(Parts):
    def forward(self, x: Tensor) -> Tensor:
        batch, length, _ = x.shape
        return self.near(x).reshape(batch * length, -1)


class Joined(Parts):
    def forward(self, before: Tensor, after: Tensor) -> Tensor:
        return self.pair(torch.cat((before, after), dim=1))


class Beside(Parts):
    def forward(self, noise: Tensor, kind: Tensor) -> Tensor:
        return self.wide(torch.cat([noise, self.table(kind)], dim=-1))


class Products(Parts):
    def forward(self, x: Tensor, other: Tensor) -> Tensor:
        return x @ self.weight + F.linear(other, self.far.weight)


class Inner(Parts):
    def __init__(self) -> None:
        super().__init__()
        self.inner = Swapped()

    def forward(self, first: Tensor, second: Tensor, third: Tensor) -> Tensor:
        return self.inner(third, ids=second, other=first)


class Recurrent(Parts):
    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.LSTMCell(5, 6)
        self.gru = nn.GRU(5, 6, num_layers=2, batch_first=True)


class Remembering(Recurrent):
    def forward(self, x: Tensor, state: tuple[Tensor, Tensor]) -> Any:
        hidden, memory = state
        return self.cell(x, (hidden, memory))


class Passing(Recurrent):
    def forward(self, x: Tensor, state: Any) -> Any:
        return self.cell(x, state)


class Layered(Recurrent):
    def forward(self, x: Tensor, hidden: Tensor) -> Any:
        return self.gru(x, hidden)


class Helper(Parts):
    def forward(self, batch: Any) -> Tensor:
        return self.project(batch) + self.near(batch.get("input"))


class Optional(Parts):
    def forward(self, batch: Any) -> Tensor:
        x = self.near(batch["x"])
        bias = batch.get("bias")
        if bias is not None:
            x = x + self.far(bias)
        return x * batch["scale"] if "scale" in batch else x


class Thing(Parts):
    def forward(self, data: Any) -> Tensor:
        return self.near(data.values_of_sensors) + self.table(data.kind)


class Graph(Parts):
    def forward(self, data: Any) -> Tensor:
        x = self.near(data.x)
        source, target = data.edge_index
        x = x.index_add(0, target, x[source])
        return torch.zeros(int(data.batch.max()) + 1, 6).index_add(0, data.batch, x)


class Items(Parts):
    def forward(self, batch: Any) -> Tensor:
        return torch.stack([self.image(item["image"]).mean() * item["scale"].mean() for item in batch])


class Scales(Parts):
    def forward(self, features: Any) -> Tensor:
        return sum(step(each) for step, each in zip(self.steps, features, strict=True))


class Numbered(Parts):
    def forward(self, features: list[Tensor]) -> Tensor:
        return self.near(features[0]) + self.far(features[1])


class Positions(Parts):
    def forward(self, *values: Tensor) -> Tensor:
        first, second = values
        return self.far(first) + self.near(second)


class Wrapped(Parts):
    def __init__(self) -> None:
        super().__init__()
        self.inner = Swapped()

    def forward(self, *args: Any, **kwargs: Any) -> Tensor:
        return self.inner(*args, **kwargs)


class Words(Parts):
    def forward(self, **values: Tensor) -> Tensor:
        x = self.near(values["x"])
        return x + values["bias"] if "bias" in values else x


class Sample(NamedTuple):
    ids: Tensor
    scale: Tensor
    name: str = "sample"


@dataclass(frozen=True)
class Record:
    x: Tensor
    note: str = "none"

    def __post_init__(self) -> None:
        raise AssertionError("code of the user's class ran")

    @property
    def rows(self) -> int:
        return self.x.shape[0]


class Tuples(Parts):
    def forward(self, sample: Sample) -> Tensor:
        assert isinstance(sample, Sample)
        assert sample.name == "sample"
        return self.table(sample.ids)


class Records(Parts):
    def forward(self, record: Record) -> Tensor:
        assert type(record) is Record
        assert record.note == "none"
        return self.near(record.x) * record.rows


class Kind(enum.Enum):
    FIRST = 1
    SECOND = 2


class Modes(Parts):
    def forward(self, x: Tensor, mode: str) -> Tensor:
        if mode == "plain":
            raise ValueError(mode)
        if mode in ("near", "double"):
            return self.near(x)
        raise ValueError(mode)


class Literals(Parts):
    def forward(self, x: Tensor, mode: Literal["near", "far"]) -> Tensor:
        if not isinstance(mode, str):
            raise TypeError(mode)
        return self.near(x)


class Members(Parts):
    def forward(self, x: Tensor, kind: Kind) -> Tensor:
        return {Kind.FIRST: self.near, Kind.SECOND: self.near}[kind](x)


class Compared(Parts):
    def forward(self, x: Tensor, kind: Any) -> Tensor:
        if kind is Kind.SECOND:
            return self.near(x)
        raise ValueError(kind)


class Heads(Parts):
    def forward(self, x: Tensor, head: Any) -> Tensor:
        return self.heads[head](x)


class Numbers(Parts):
    def forward(self, x: Tensor, count: Any, index: Any) -> Tensor:
        for _ in range(count):
            x = x + 1
        return self.steps[index](x)


FOUND: dict[type[nn.Module], tuple[str, ...]] = {
    Swapped: ("one=1x9", "other=1x5", "ids=1x16:int64:0..6"),
    Reordered: ("x=1x224x224x3",),
    Unsqueezed: ("x=5x16",),
    Columns: ("x=1x4:int64:0..6",),
    Rank: ("x=1x16x5",),
    Joined: ("before=1x3x224x224", "after=1x3x224x224"),
    Products: ("x=1x11", "other=1x9"),
    Inner: ("first=1x5", "second=1x16:int64:0..6", "third=1x9"),
    Remembering: ("x=1x5", "state.0=1x6", "state.1=1x6"),
    Passing: ("x=1x5", "state.0=1x6", "state.1=1x6"),
    Layered: ("x=1x16x5", "hidden=2x1x6"),
    Helper: ("batch.measured=1x9", "batch.input=1x5"),
    Optional: ("batch.x=1x5",),
    Thing: ("data.values_of_sensors=1x5", "data.kind=1x16:int64:0..6"),
    Graph: ("data.x=16x5", "data.edge_index=2x32:int64:0..15", "data.batch=16:int64:0..0"),
    Scales: ("features.0=1x2", "features.1=1x3", "features.2=1x4"),
    Numbered: ("features.0=1x5", "features.1=1x9"),
    Positions: ("1x9", "1x5"),
    Wrapped: ("1x9", "1x5", "1x16:int64:0..6"),
    Words: ("x=1x5",),
    Tuples: ("sample.ids=1x16:int64:0..6",),
    Records: ("record.x=1x5",),
    Modes: ("x=1x5", "mode:='near'"),
    Literals: ("x=1x5", "mode:='near'"),
    Members: ("x=1x5", "kind:='FIRST'"),
    Compared: ("x=1x5", "kind:='SECOND'"),
    Heads: ("x=1x5", "head:='mean'"),
}


def specs(trace: netinspect.Trace) -> tuple[str, ...]:
    return tuple(spec for each in trace.inputs for spec in each.specs)


@pytest.mark.parametrize("cls", FOUND, ids=lambda cls: cls.__name__)
def test_infer_inputs_from_code(cls: type[nn.Module]) -> None:
    trace = netinspect.load(cls())
    assert trace.failure is None
    assert specs(trace) == FOUND[cls]
    failed = sum(each.outcome != "passed" for each in trace.attempts)
    assert failed <= 2


def test_infer_inputs_of_lists_of_dictionaries() -> None:
    trace = netinspect.load(Items())
    assert trace.failure is None
    assert [spec.partition("=")[0] for spec in specs(trace)] == ["batch.0.image", "batch.0.scale"]


@pytest.mark.parametrize("cls", [Remembering, Helper, Thing, Scales, Tuples, Records, Members, Words])
def test_inferred_specs_of_containers_can_be_given(cls: type[nn.Module]) -> None:
    trace = netinspect.load(cls(), inputs=list(FOUND[cls]))
    assert trace.failure is None
    assert trace.attempts == ()


def test_read_forward_records_changes_of_layout() -> None:
    layer = read_forward(Unsqueezed()).uses("x").layers[0]
    assert layer.layer.path == "near"
    assert [(each.kind, each.numbers) for each in layer.changes] == [
        ("unsqueeze", (0,)),
        ("transpose", (1, 2)),
    ]


def test_read_forward_without_source() -> None:
    names: dict[str, Any] = {"nn": nn}
    exec("class Net(nn.Module):\n    def forward(self, x):\n        return x['a']\n", names)
    assert read_forward(names["Net"]()).entries("x") == []


class Recursive(Parts):
    def forward(self, x: Any, depth: int = 0) -> Any:
        return self.forward(x["inner"], depth + 1) if depth < 3 else self.forward(x, 4)


class Loops(Parts):
    def forward(self, x: Tensor) -> Tensor:
        for _ in range(10**9):
            for _ in range(10**9):
                for _ in range(10**9):
                    for _ in range(10**9):
                        x = x + 1
        return x


@pytest.mark.parametrize("cls", [Recursive, Loops])
def test_read_forward_is_bounded(cls: type[nn.Module]) -> None:
    assert read_forward(cls()).table.entries


class Watched(nn.Module):
    """Every attribute that is not stored leaves a mark."""

    marks: ClassVar[list[str]] = []

    def __init__(self) -> None:
        super().__init__()
        self.near = nn.Linear(5, 6)

    @property
    def hidden(self) -> nn.Module:
        self.marks.append("property")
        return self.near

    def __getattr__(self, name: str) -> Any:
        if name == "missing":
            self.marks.append("getattr")
        return super().__getattr__(name)

    def helper(self, x: Tensor) -> Tensor:
        self.marks.append("helper")
        return self.near(x)

    def forward(self, x: Tensor) -> Tensor:
        return self.helper(x) + self.hidden(x) + self.missing(x)


def test_read_forward_runs_no_code_of_the_model() -> None:
    model = Watched()
    assert [each.layer.path for each in read_forward(model).uses("x").layers] == ["near"]
    assert model.marks == []


def test_give_entries_of_a_list(cli: Callable[..., Outcome]) -> None:
    target = f"{__name__}:Items"
    given = ("--input", "batch.0.image=3x9x9", "--input", "batch.0.scale=1")
    second = ("--input", "batch.1.image=3x7x7", "--input", "batch.1.scale=1")
    assert cli("summary", target, *given, *second).code == 0
    outcome = cli("summary", target, *second)
    assert outcome.code == 2
    assert "batch.0 is missing" in outcome.err


def test_give_unknown_field(cli: Callable[..., Outcome]) -> None:
    outcome = cli("summary", f"{__name__}:Tuples", "--input", "sample.words=1x4")
    assert outcome.code == 2
    assert "sample has no field 'words'" in outcome.err
    assert "ids, scale, name" in outcome.err


def test_give_member_of_an_enum(cli: Callable[..., Outcome]) -> None:
    outcome = cli("summary", f"{__name__}:Compared", "--input", "x=2x5", "--input", "kind:=SECOND")
    assert outcome.code == 0
