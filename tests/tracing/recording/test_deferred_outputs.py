"""Tests of outputs that are computed later: generators, coroutines, iterators, functions."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, cast

import pytest
import torch
from torch import Tensor, nn

from netinspect.records.trace import Trace
from netinspect.records.values import Structure, tensors_in
from netinspect.reports.summary.compute import build_summary
from netinspect.tracing.recording import deferred_outputs
from netinspect.tracing.recording.deferred_outputs import MOST_ITEMS
from tests.nets.case import capture_trace, rows
from tests.tracing.invariants import check_steps

MACS = 2 * 4 * 6 + 2 * 6 * 5
"""MACs of one pass of two rows through the two layers."""


class Stages(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(4, 6), nn.Linear(6, 5)


class Generator(Stages):
    def forward(self, x: Tensor) -> Iterator[Tensor]:
        x = self.a(x)
        yield x
        yield self.b(x)


class UnderNoGrad(Stages):
    @torch.no_grad()
    def forward(self, x: Tensor) -> Iterator[Tensor]:
        x = self.a(x)
        yield x
        yield self.b(x)


class Expression(Stages):
    def forward(self, x: Tensor) -> Any:
        return (layer(x) for layer, x in ((self.a, x), (self.b, torch.ones(2, 6))))


class Map(Stages):
    def forward(self, x: Tensor) -> Any:
        return map(lambda layer, x: layer(x), (self.a, self.b), (x, torch.ones(2, 6)))


class Coroutine(Stages):
    async def forward(self, x: Tensor) -> Any:
        await asyncio.sleep(0)
        return [self.a(x), self.b(torch.ones(2, 6))]


class AsyncGenerator(Stages):
    async def forward(self, x: Tensor) -> AsyncIterator[Tensor]:
        x = self.a(x)
        yield x
        yield self.b(x)


class Holder(nn.Module):
    """Module that iterates over the output of its child."""

    def __init__(self, child: nn.Module, ask: Any) -> None:
        super().__init__()
        self.child, self.ask = child, ask

    def forward(self, x: Tensor) -> Any:
        return self.ask(self.child, x)


async def _all(items: AsyncIterator[Tensor]) -> list[Tensor]:
    return [item async for item in items]


ASKS: dict[str, tuple[type[nn.Module], Any]] = {
    "loop": (Generator, lambda child, x: [y * 1 for y in child(x)]),
    "no_grad": (UnderNoGrad, lambda child, x: [*child(x)]),
    "expression": (Expression, lambda child, x: [*child(x)]),
    "map": (Map, lambda child, x: [*child(x)]),
    "coroutine": (Coroutine, lambda child, x: asyncio.run(child(x))),
    "asynchronous": (AsyncGenerator, lambda child, x: asyncio.run(_all(child(x)))),
    "yield from": (Generator, lambda child, x: [*_from(child, x)]),
}


def _from(child: nn.Module, x: Tensor) -> Iterator[Tensor]:
    yield from child(x)


def shapes(trace: Trace) -> list[tuple[int | str, ...]]:
    return [spec.shape for spec in tensors_in(trace.output)]


@pytest.mark.parametrize("way", ASKS)
def test_deferred_child_is_called_once(way: str) -> None:
    child, ask = ASKS[way]
    trace = capture_trace(Holder(child(), ask), rows(2, 4))
    check_steps(trace)
    assert (trace.failure, trace.warnings) == (None, ())
    assert [row.calls for row in build_summary(trace).rows] == [1, 1, 1, 1]
    assert build_summary(trace).cost.macs == MACS
    assert shapes(trace) == [(2, 6), (2, 5)]


@pytest.mark.parametrize("child", dict.fromkeys(child for child, _ in ASKS.values()))
def test_deferred_output_is_consumed(child: type[nn.Module]) -> None:
    trace = capture_trace(child(), rows(2, 4))
    check_steps(trace)
    assert trace.failure is None
    assert [row.calls for row in build_summary(trace).rows] == [1, 1, 1]
    assert build_summary(trace).cost.macs == MACS
    assert shapes(trace) == [(2, 6), (2, 5)]
    (note,) = trace.warnings
    assert "2 items" in note or "its awaited result is used" in note


def test_generator_in_container_is_consumed() -> None:
    trace = capture_trace(Holder(Generator(), lambda child, x: {"x": x, "stages": child(x)}), rows(2, 4))
    assert shapes(trace) == [(2, 4), (2, 6), (2, 5)]
    assert isinstance(trace.output, Structure)
    assert [item.key for item in trace.output.items] == ["x", "stages"]


def test_infinite_generator_is_limited_and_closed() -> None:
    ended: list[str] = []

    def run(child: Any, x: Tensor) -> Iterator[Tensor]:
        try:
            while True:
                yield child.a(x)
        finally:
            ended.append("closed")

    trace = capture_trace(Holder(Generator(), run), rows(2, 4))
    assert build_summary(trace).cost.macs == MOST_ITEMS * 2 * 4 * 6
    (note,) = trace.warnings
    assert note.endswith(f"the first {MOST_ITEMS} items were taken, and there may be more")
    assert ended == ["closed"]


def test_generator_using_sent_values_yields_first_item() -> None:
    def run(child: Any, x: Tensor) -> Iterator[Any]:
        y = yield child.a(x)
        yield child.b(y)

    trace = capture_trace(Holder(Generator(), run), rows(2, 4))
    assert trace.failure is None
    assert shapes(trace) == [(2, 6)]
    (note,) = trace.warnings
    assert "generator that uses sent values: only its first item" in note


def test_generator_called_directly_has_one_call() -> None:
    trace = capture_trace(Holder(Generator(), lambda child, x: [*child.forward(x)]), rows(2, 4))
    check_steps(trace)
    assert [row.calls for row in build_summary(trace).rows] == [1, 1, 1, 1]
    (note,) = trace.warnings
    assert note.startswith("called through .forward(), which bypasses hooks: child;")


def test_interleaved_generators() -> None:
    def run(child: Any, x: Tensor) -> Any:
        return [one + other for one, other in zip(child[0](x), child[1](x), strict=True)]

    trace = capture_trace(Holder(nn.ModuleList([Generator(), Generator()]), run), rows(2, 4))
    check_steps(trace)
    assert trace.warnings == ()
    assert build_summary(trace).cost.macs == 2 * MACS


def test_failure_in_generator_names_module() -> None:
    def run(child: Any, x: Tensor) -> Iterator[Any]:
        yield child.a(x)
        yield child.a(child.b(x))

    trace = capture_trace(Holder(Generator(), run), rows(2, 4))
    assert trace.failure is not None
    assert trace.failure.module == "child.b"


@pytest.mark.parametrize("make", [lambda layer, x: lambda: layer(x), functools.partial])
def test_returned_function_is_noted_as_not_run(make: Any) -> None:
    trace = capture_trace(Holder(Generator(), lambda child, x: make(child.a, x)), rows(2, 4))
    (note,) = trace.warnings
    assert note.startswith("forward ran nothing and returned <")
    trace = capture_trace(Holder(Generator(), lambda child, x: make(child.a, x)()), rows(2, 4))
    assert (trace.warnings, build_summary(trace).cost.macs) == ((), 2 * 4 * 6)


def test_consumer_receives_original_generator() -> None:
    seen: list[object] = []

    def ask(child: Any, x: Tensor) -> Any:
        items = child(x)
        seen.append(type(items).__name__)
        first = next(items)
        return [first, *items]

    trace = capture_trace(Holder(Generator(), ask), rows(2, 4))
    assert seen == ["generator"]
    assert shapes(trace) == [(2, 6), (2, 5)]


def test_nested_generators_share_limit() -> None:
    def inner(child: Any, x: Tensor) -> Iterator[Tensor]:
        while True:
            yield child.a(x)

    def run(child: Any, x: Tensor) -> Iterator[Any]:
        while True:
            yield inner(child, x)

    trace = capture_trace(Holder(Generator(), run), rows(2, 4))
    assert build_summary(trace).cost.macs == MOST_ITEMS * 2 * 4 * 6
    (note,) = trace.warnings
    assert "257 x generator" in note


def test_recursive_generators_end() -> None:
    def run(child: Any, x: Tensor) -> Iterator[Any]:
        child.a(x)
        yield run(child, x)

    trace = capture_trace(Holder(Generator(), run), rows(2, 4))
    assert trace.failure is None
    assert 0 < build_summary(trace).cost.macs < MOST_ITEMS * 2 * 4 * 6


def test_infinite_async_generator_is_limited() -> None:
    async def run(child: Any, x: Tensor) -> AsyncIterator[Tensor]:
        while True:
            yield child.a(x)

    trace = capture_trace(Holder(Generator(), run), rows(2, 4))
    assert build_summary(trace).cost.macs == MOST_ITEMS * 2 * 4 * 6


def test_pending_coroutine_tasks_are_cancelled() -> None:
    ended: list[str] = []

    async def forever() -> None:
        try:
            while True:
                await asyncio.sleep(1)
        finally:
            ended.append("cancelled")

    async def run(child: Any, x: Tensor) -> Tensor:
        child.task = asyncio.create_task(forever())
        await asyncio.sleep(0)
        return cast(Tensor, child.a(x))

    capture_trace(Holder(Generator(), run), rows(2, 4))
    assert ended == ["cancelled"]


def test_future_result_is_output() -> None:
    def run(child: Any, x: Tensor) -> Any:
        done: Any = torch.futures.Future()
        done.set_result(child.a(x))
        return {"pool": ThreadPoolExecutor(1).submit(child.a, x), "torch": done}

    trace = capture_trace(Holder(Generator(), run), rows(2, 4))
    assert trace.failure is None, trace.failure
    assert shapes(trace) == [(2, 6), (2, 6)]
    assert build_summary(trace).cost.macs == 2 * 2 * 4 * 6
    assert [note.partition(";")[0] for note in trace.warnings] == ["the output is a Future"]


def test_future_timeout_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deferred_outputs, "MOST_SECONDS", 0.0)
    trace = capture_trace(Holder(Generator(), lambda child, x: Future()), rows(2, 4))
    (note,) = trace.warnings
    assert note == "the output is a Future that was not done within 0 seconds"


class Items:
    """User-defined iterator."""

    def __init__(self, layer: Any, x: Tensor) -> None:
        self.layer, self.x = layer, x

    def __iter__(self) -> Items:
        return self

    def __next__(self) -> Tensor:
        raise AssertionError("this is the user's code")


def test_user_iterator_is_noted_as_not_run() -> None:
    trace = capture_trace(Holder(Generator(), lambda child, x: Items(child.a, x)), rows(2, 4))
    (note,) = trace.warnings
    assert note == "the output is computed on demand (Items) and was not run"


def test_callable_iterator_is_consumed() -> None:
    def run(child: Any, x: Tensor) -> Any:
        waiting = [child.a, child.a]
        return iter(lambda: waiting.pop()(x) if waiting else None, None)

    trace = capture_trace(Holder(Generator(), run), rows(2, 4))
    assert shapes(trace) == [(2, 6), (2, 6)]
