"""Tests of threads in forward: their steps are recorded, and no hooks remain in them."""

from __future__ import annotations

import asyncio
import multiprocessing.pool
import queue
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import netinspect
from netinspect.records.steps import Step
from netinspect.records.trace import Trace
from netinspect.reports.summary.compute import build_summary
from tests.nets.case import capture_trace, rows
from tests.tracing.invariants import check_steps

MACS = 4 * 8 * 3


class Towers(nn.Module):
    """Module with two layers and a function that runs them."""

    def __init__(self, run: Any) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(8, 3), nn.Linear(8, 3)
        self.run = run

    def forward(self, x: Tensor) -> Any:
        return self.run(self, x)


def in_executor(net: Any, x: Tensor) -> Any:
    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(lambda layer: layer(x), (net.a, net.b))
    return one + other


def in_threads(net: Any, x: Tensor) -> Any:
    found: dict[str, Tensor] = {}
    threads = [
        threading.Thread(target=lambda name=name: found.update({name: getattr(net, name)(x)}))
        for name in ("a", "b")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found["a"] + found["b"]


def in_pool(net: Any, x: Tensor) -> Any:
    with multiprocessing.pool.ThreadPool(2) as pool:
        one, other = pool.map(lambda layer: layer(x), [net.a, net.b])
    return one + other


def in_subclasses(net: Any, x: Tensor) -> Any:
    class Own(threading.Thread):
        def __init__(self, layer: nn.Module) -> None:
            super().__init__()
            self.layer = layer

        def run(self) -> None:
            self.output = self.layer(x)

    threads = [Own(net.a), Own(net.b)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return threads[0].output + threads[1].output


def in_event_loop(net: Any, x: Tensor) -> Any:
    async def both() -> Any:
        return await asyncio.gather(asyncio.to_thread(net.a, x), asyncio.to_thread(net.b, x))

    return sum(asyncio.run(both()))


def forked(net: Any, x: Tensor) -> Any:
    waiting = torch.jit.fork(net.a, x)
    return net.b(x) + torch.jit.wait(waiting)


WAYS = {
    each.__name__: each
    for each in (in_executor, in_threads, in_pool, in_subclasses, in_event_loop, forked)
}


def calls(trace: Trace, path: str) -> list[Step]:
    return [step for step in trace.steps if step.kind == "module" and step.module == path]


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
@pytest.mark.parametrize("way", WAYS)
def test_layers_in_threads_are_recorded(way: str) -> None:
    trace = capture_trace(Towers(WAYS[way]), rows(4, 8))
    check_steps(trace)
    assert trace.failure is None
    for path in ("a", "b"):
        (step,) = calls(trace, path)
        assert step.output is not None
        assert step.output == trace.output
    assert trace.counted == "yes"
    assert build_summary(trace).cost.macs == 2 * MACS
    assert build_summary(trace).never_called == ()
    assert trace.warnings == ()


def test_functions_in_threads_have_producers() -> None:
    def run(net: Any, x: Tensor) -> Any:
        def part(start: int) -> Any:
            return F.relu(x[start : start + 2] @ net.a.weight.T)

        with ThreadPoolExecutor(2) as pool:
            parts = [pool.submit(part, start) for start in (0, 2)]
        return torch.cat([part.result() for part in parts])

    trace = capture_trace(Towers(run), rows(4, 8))
    check_steps(trace)
    assert build_summary(trace).cost.macs == MACS
    last = trace.steps[-1]
    assert last.name == "cat"
    assert [trace.steps[index].name for index in last.producers] == ["relu", "relu"]
    assert "x" in {name for step in trace.steps for name in step.arguments}


def test_layer_called_by_two_threads_has_two_calls() -> None:
    def run(net: Any, x: Tensor) -> Any:
        with ThreadPoolExecutor(4) as pool:
            return sum(pool.map(net.a, [x] * 8)) + net.b(x)

    trace = capture_trace(Towers(run), rows(4, 8))
    check_steps(trace)
    assert len(calls(trace, "a")) == 8
    assert build_summary(trace).cost.macs == 9 * MACS


def test_thread_pipeline_continues() -> None:
    def run(net: Any, x: Tensor) -> Any:
        between: queue.Queue[Tensor | None] = queue.Queue()
        found: list[Tensor] = []

        def first() -> None:
            for row in x:
                between.put(net.a(row))
            between.put(None)

        def second() -> None:
            while (row := between.get()) is not None:
                found.append(row * 2)

        threads = [threading.Thread(target=each) for each in (first, second)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return torch.stack(found)

    trace = capture_trace(Towers(run), rows(4, 8))
    check_steps(trace)
    assert len(calls(trace, "a")) == 4
    assert build_summary(trace).cost.macs == MACS


def test_failure_in_thread_names_layer() -> None:
    trace = capture_trace(Towers(in_executor), rows(4, 7))
    assert trace.failure is not None
    assert trace.failure.module in ("a", "b")
    assert "mat1 and mat2" in trace.failure.message


def test_thread_without_torch_keeps_total_exact() -> None:
    def run(net: Any, x: Tensor) -> Any:
        timer = threading.Timer(60, lambda: None)
        timer.start()
        y = net.a(x) + net.b(x)
        timer.cancel()
        return y

    trace = capture_trace(Towers(run), rows(4, 8))
    assert (trace.counted, trace.warnings) == ("yes", ())
    assert "at least" not in netinspect.cost(trace).text()


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as made:
        yield made


def modes_here(_: object) -> tuple[int, int, object]:
    stacks = torch._C._len_torch_function_stack(), torch._C._len_torch_dispatch_stack()
    return *stacks, sys.getprofile()


def test_threads_outliving_trace_hold_no_recorder(pool: ThreadPoolExecutor) -> None:
    net = Towers(lambda net, x: sum(pool.map(lambda layer: layer(x), (net.a, net.b))))
    for _ in range(2):  # the second one finds the threads waiting
        trace = capture_trace(net, rows(4, 8))
        check_steps(trace)
        assert (build_summary(trace).cost.macs, trace.counted) == (2 * MACS, "yes")
    assert set(pool.map(modes_here, range(4))) == {(0, 0, None)}


def test_layers_in_older_threads_are_recorded_and_noted(pool: ThreadPoolExecutor) -> None:
    list(pool.map(modes_here, range(4)))
    net = Towers(lambda net, x: sum(pool.map(lambda layer: layer(x), (net.a, net.b))))
    trace = capture_trace(net, rows(4, 8))
    check_steps(trace)
    assert [len(calls(trace, path)) for path in ("a", "b")] == [1, 1]
    assert build_summary(trace).cost.macs == 2 * MACS
    assert trace.counted == "partly"
    (note,) = trace.warnings
    assert note.startswith("2 calls of modules ran in threads started before forward")
    assert set(pool.map(modes_here, range(4))) == {(0, 0, None)}


def test_memory_of_layers_in_threads_is_tracked() -> None:
    found = netinspect.memory(Towers(in_executor), rows(4, 8), allocator="cpu").record
    assert {each.path for each in found.modules} == {"", "a", "b"}


def test_threads_started_by_unrelated_code_are_not_recorded() -> None:
    begin, other = threading.Event(), nn.Linear(8, 8)
    profiles: list[object] = []

    def work() -> None:
        profiles.append(sys.getprofile())
        other(rows(100, 8))

    def unrelated() -> None:
        begin.wait()
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()

    def run(net: Any, x: Tensor) -> Any:
        begin.set()
        older.join()
        return in_threads(net, x)

    older = threading.Thread(target=unrelated)
    older.start()
    trace = capture_trace(Towers(run), rows(4, 8))
    check_steps(trace)
    assert build_summary(trace).cost.macs == 2 * MACS
    assert (trace.counted, trace.warnings) == ("yes", ())
    assert profiles == [None]


def test_threads_of_threads_are_recorded() -> None:
    def run(net: Any, x: Tensor) -> Any:
        found: list[Tensor] = []
        thread = threading.Thread(target=lambda: found.append(in_executor(net, x)))
        thread.start()
        thread.join()
        return found[0]

    trace = capture_trace(Towers(run), rows(4, 8))
    check_steps(trace)
    assert build_summary(trace).cost.macs == 2 * MACS
