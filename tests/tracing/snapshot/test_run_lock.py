"""Tests of runs in several threads: they take turns, and the model is restored."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import netinspect
from netinspect import torchinfo
from netinspect.tracing.snapshot import run_lock as module
from netinspect.tracing.snapshot.run_lock import run_lock
from tests.nets.case import rows
from tests.support import PATIENCE
from tests.tracing.counting.counted import Calls

RUNNING = threading.Event()
"""Set by forward of `Slow`."""


@pytest.fixture(autouse=True)
def not_running() -> None:
    RUNNING.clear()


class Slow(nn.Module):
    """Layer whose forward waits until another thread has had time to begin."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        RUNNING.set()
        threading.Event().wait(0.2)
        return self.layer(x)


def in_two_threads(act: Callable[[], Any]) -> list[Any]:
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(act)
        assert RUNNING.wait(30)
        return [first.result(), pool.submit(act).result(), act()]


def test_mode_is_restored_after_runs_in_two_threads() -> None:
    model = Slow().eval()
    found = in_two_threads(lambda: netinspect.summary(model, rows(3, 4), train=True))
    assert {each.total_mult_adds for each in found} == {48}
    assert not model.training
    assert not model.layer.training


def test_device_is_restored_after_runs_in_two_threads() -> None:
    model = Slow()
    weight = model.layer.weight
    in_two_threads(lambda: torchinfo.summary(model, input_size=(3, 4), device="meta", verbose=0))
    assert model.layer.weight is weight
    assert weight.device.type == "cpu"


def test_memory_and_summary_in_two_threads() -> None:
    model = Slow().eval()
    acts: Iterator[Any] = iter([netinspect.summary, netinspect.memory, netinspect.summary])
    in_two_threads(lambda: next(acts)(model, rows(3, 4), train=True))
    assert not model.training


@pytest.mark.parametrize("threads", [0, 1, 3])
def test_run_inside_forward(threads: int) -> None:
    inner = nn.Linear(4, 4)

    def forward(_: nn.Module, x: Tensor) -> Tensor:
        def look(_: object = None) -> int:
            return netinspect.summary(inner, rows(3, 4)).total_mult_adds

        if not threads:
            found = [look()]
        else:
            with ThreadPoolExecutor(threads) as pool:
                found = [*pool.map(look, range(threads))]
        return x * sum(found)

    trace = netinspect.capture(Calls(forward), torch.ones(()))
    assert trace.failure is None
    assert inner.training
    with run_lock():
        pass  # free again


def test_run_that_outlives_forward_ends_before_the_model_is_restored() -> None:
    model, ended = Slow().eval(), threading.Event()

    def look() -> None:
        netinspect.summary(model, rows(3, 4), train=True)
        ended.set()

    def forward(_: nn.Module, x: Tensor) -> Tensor:
        threading.Thread(target=look).start()
        assert RUNNING.wait(30)
        return x

    assert netinspect.capture(Calls(forward), torch.ones(())).failure is None
    assert ended.wait(30)
    assert not model.training
    assert threading.getprofile() is None


def test_waiting_for_an_older_thread_is_reported(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "_PATIENCE", 0.05)

    def wait() -> None:
        # As if it had started before the first run.
        monkeypatch.setattr(module, "ancestry", lambda: (threading.current_thread(),))
        with run_lock():
            pass

    with ThreadPoolExecutor(1) as pool:
        pool.submit(int).result()
        with run_lock():
            waiting = pool.submit(wait)
            threading.Event().wait(0.5)
        waiting.result()
    assert "waits for the run in thread MainThread" in caplog.text


def test_ctrl_c_while_waiting() -> None:
    inside, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with run_lock():
            inside.set()
            leave.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    inside.wait()
    main = threading.main_thread().ident
    assert main is not None
    threading.Timer(0.2, signal.pthread_kill, (main, signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt), run_lock():
        raise AssertionError
    leave.set()
    thread.join()
    with run_lock():
        pass


FORKING = """
import os, signal, sys, warnings
from concurrent.futures import ThreadPoolExecutor
from netinspect.tracing.snapshot.run_lock import run_lock

warnings.simplefilter("ignore", DeprecationWarning)  # of forks with threads


def child():
    if process := os.fork():
        return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    signal.alarm(20)
    with run_lock(), run_lock():
        os._exit(7)


with ThreadPoolExecutor(1) as pool:
    pool.submit(int).result()
    with run_lock():
        print(child() if sys.argv[1] == "holder" else pool.submit(child).result())
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("forked_by", ["holder", "other thread"])
def test_lock_is_free_in_a_forked_process(forked_by: str) -> None:
    # A new process: threads of libraries in this one may hold locks when it forks.
    done = subprocess.run(
        [sys.executable, "-c", FORKING, forked_by],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("7\n", "")
