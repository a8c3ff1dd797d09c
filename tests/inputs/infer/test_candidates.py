"""Tests of candidates in dictionaries and of candidates that cannot be built."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypedDict

import pytest
from torch import Tensor, nn

import netinspect
from netinspect.errors import UsageError
from netinspect.inputs.infer.candidate import Candidate, tensor
from netinspect.inputs.infer.refinements import table
from tests.support import Outcome


class Layers(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 3)
        self.conv = nn.Conv2d(3, 4, 3, padding=1)


class Sum(Layers):
    def forward(self, batch: Any) -> Any:
        return self.fc(batch["x"]) + batch["y"]


class Pair(Layers):
    def forward(self, batch: Any) -> Any:
        return self.fc(batch["x"]) @ batch["other"]


class Gate(Layers):
    def forward(self, batch: Any) -> Any:
        return self.conv(batch["image"]) * batch["mask"]


class Nested(Layers):
    def forward(self, batch: Any) -> Any:
        return self.fc(batch["x"]) + batch["meta"]["offset"].mean()


class Named(Layers):
    def forward(self, batch: Any) -> Any:
        inner = batch["inner"]
        deep = inner["deep"]
        return self.fc(inner["b"]) + self.fc(deep["c"])


class Fields(TypedDict):
    image: Tensor
    scale: Tensor


class Typed(Layers):
    def forward(self, fields: Fields) -> Any:
        return self.conv(fields["image"]) * fields["scale"].mean()


class Two(Layers):
    def forward(self, batch: Any, target: Any = None) -> Any:
        if target is None:
            raise ValueError("target is missing from the batch")
        return self.fc(batch["x"]) - self.fc(target["y"])


class Absent(Layers):
    """Needs a value in its batch that cannot be inferred."""

    def forward(self, batch: Any) -> Any:
        return self.fc(batch["x"]) + batch["path"].read("batch")


class Choosy(Layers):
    """Always fails with a message that names the argument."""

    def forward(self, batch: Any) -> Any:
        self.fc(batch["x"])
        raise RuntimeError("batch needs an 'x' of another type")


class Items(Layers):
    def forward(self, batch: Any) -> Any:
        return self.fc(batch["images"][0]) + batch["images"][1]


class Filled(Layers):
    def forward(self, batch: Any, extra: Any = None) -> Any:
        return self.fc(batch["x"]) + extra["x"]


FOUND = (Sum, Pair, Gate, Nested, Named, Typed)
MISSED = (Two, Absent, Choosy, Items, Filled)


@pytest.mark.parametrize("cls", FOUND)
def test_infer_inputs_in_dictionaries(cls: type[nn.Module]) -> None:
    trace = netinspect.load(cls())
    assert trace.failure is None
    assert len(trace.inputs) == 1


@pytest.mark.parametrize("cls", MISSED)
def test_infer_inputs_failed_search_is_failure_of_forward(cls: type[nn.Module]) -> None:
    trace = netinspect.load(cls())
    assert trace.failure is not None
    assert "given twice" not in trace.failure.message
    assert trace.attempts


@pytest.mark.parametrize(("name", "code"), [("Sum", 0), ("Choosy", 4)])
def test_infer_inputs_failed_search_is_not_a_usage_error(
    cli: Callable[..., Outcome], name: str, code: int
) -> None:
    outcome = cli("summary", f"{__name__}:{name}")
    assert outcome.code == code
    assert "error[usage]" not in outcome.err
    if code:
        assert "--input batch.x=SIZES" in outcome.err


@pytest.mark.parametrize("every", [False, True], ids=["some", "all"])
def test_infer_inputs_invalid_candidate_is_failed_attempt(
    every: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names that forward does not have, one name twice, or too many arguments."""

    def invalid_first(result: Any, facts: Any) -> Iterator[Candidate]:
        x = tensor(1, 4, reason="made up")
        yield {"batch.x": x, "batch": x}
        yield {"unknown": x}
        yield {"batch.x": x, "batch.x.y": x}
        yield {"batch": tensor(1, 4, dtype="int64", low=3, high=1, reason="made up")}
        yield {"0": x, "1": x}
        yield from () if every else refinements(result, facts)

    refinements = table.refinements
    monkeypatch.setattr("netinspect.inputs.infer.infer_inputs.refinements", invalid_first)
    trace = netinspect.load(Choosy())
    assert trace.failure is not None
    assert trace.failure.message == "batch needs an 'x' of another type"
    not_run = [each.outcome for each in trace.attempts if each.outcome.startswith("not run: ")]
    assert len(not_run) == 5


def test_infer_inputs_only_invalid_candidates(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    x = tensor(1, 4, reason="made up")
    monkeypatch.setattr(
        "netinspect.inputs.infer.infer_inputs.first_candidates",
        lambda *_: [({"batch.x": x, "batch": x}, "made up")],
    )
    trace = netinspect.load(Sum())
    assert trace.failure is not None
    assert "missing 1 required positional argument" in trace.failure.message
    assert [each.outcome for each in trace.attempts] == [
        "not run: the argument 'batch' of Sum.forward is given twice"
    ]


def test_given_twice_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="given twice"):
        netinspect.load(Sum(), inputs=["batch=1x4", "batch.x=1x4"])


def test_given_dictionary_entries_need_no_search() -> None:
    trace = netinspect.load(Sum(), inputs=["batch.x=2x4", "batch.y=2x3"])
    assert trace.failure is None
    assert trace.attempts == ()
