"""Tests of work that is divided between two processes, including failures of one of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from netinspect._utils import process
from netinspect.checkpoints.values import processes
from netinspect.checkpoints.values.processes import in_processes
from netinspect.checkpoints.values.threads import Workspace
from netinspect.errors import CheckpointError

HERE = os.getpid()
SIZES = [3, 1, 4, 1, 5, 9, 2, 6]


@pytest.fixture(autouse=True)
def two_processors(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Enable the second process as in the command line on two processors, for tasks of any size."""
    monkeypatch.setattr(process, "is_ours", True)
    monkeypatch.setattr(processes, "processors", lambda: 2)
    monkeypatch.setattr(processes, "LEAST", 1)
    # A browser of other tests in this process has threads, which are idle here.
    monkeypatch.setattr("threading.active_count", lambda: 1)
    before = children()
    yield
    assert children() <= before  # none is left, not even as a zombie


def children() -> set[str]:
    """Return the processes that this one has started and not waited for."""
    files = Path("/proc/self/task").glob("*/children")
    return {process for file in files for process in file.read_text().split()}


def run_tasks(
    work: Callable[[int, Workspace], Any], tasks: list[int] = SIZES
) -> tuple[list[Any], list[int]]:
    finished: list[int] = []
    found = in_processes(
        tasks, work, finished.append, size=lambda task: task, together=lambda task: task
    )
    return found, finished


def test_in_processes_returns_results_in_order() -> None:
    found, finished = run_tasks(lambda task, _: (task, os.getpid()))
    assert [task for task, _ in found] == SIZES
    assert len({where for _, where in found}) == 2
    assert sorted(finished) == sorted(SIZES)
    by_task = dict(found)
    # One process runs all tasks of a group.
    assert len({where for task, where in found if task == 1}) == 1
    shares = [sum(task for task in SIZES if by_task[task] == where) for where in by_task.values()]
    assert max(shares) - min(shares) <= 5


def test_in_processes_raises_error_of_fork() -> None:
    def work(task: int, _: Workspace) -> int:
        if os.getpid() != HERE:
            raise CheckpointError("x ends too early", cause="why", hint="what to do")
        return task

    with pytest.raises(CheckpointError, match="ends too early") as caught:
        run_tasks(work)
    assert (caught.value.cause, caught.value.hint) == ("why", "what to do")


def test_in_processes_stops_fork_on_error() -> None:
    def work(task: int, _: Workspace) -> int:
        if os.getpid() == HERE:
            raise KeyboardInterrupt
        signal.pause()
        return task

    with pytest.raises(KeyboardInterrupt):
        run_tasks(work)


def test_in_processes_runs_unfinished_tasks_of_fork() -> None:
    def work(task: int, _: Workspace) -> int:
        if os.getpid() != HERE:
            os.kill(os.getpid(), signal.SIGKILL)
        return task * 2

    found, finished = run_tasks(work)
    assert found == [2 * task for task in SIZES]
    assert sorted(finished) == sorted(SIZES)


@pytest.mark.parametrize("why", ["not ours", "small", "one task", "one processor"])
def test_in_processes_uses_one_process_for_little_work(
    why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if why == "not ours":
        monkeypatch.setattr(process, "is_ours", False)
    if why == "small":
        monkeypatch.setattr(processes, "LEAST", 1000)
    if why == "one processor":
        monkeypatch.setattr(processes, "processors", lambda: 1)
    found, _ = run_tasks(lambda task, _: os.getpid(), [7] if why == "one task" else SIZES)
    assert set(found) == {HERE}


def test_params_stats_does_not_depend_on_processors(tmp_path: Path) -> None:
    import numpy as np
    from safetensors.numpy import save_file

    random = np.random.default_rng(0)
    tensors = {
        f"layer.{number}": random.standard_normal((1 << 20) + number, dtype="f4") for number in range(10)
    }
    save_file(tensors, tmp_path / "x.safetensors")
    code = (
        "import os, sys\nprocessors = sorted(os.sched_getaffinity(0))\n"
        "os.sched_setaffinity(0, processors[: int(sys.argv.pop(1))])\n"
        "from netinspect.cli.run import main\nmain()"
    )
    outputs = [
        subprocess.run(
            [sys.executable, "-c", code, str(count), "params", "x.safetensors", "--stats", "-f", "json"],
            cwd=tmp_path,
            capture_output=True,
            check=True,
        ).stdout
        for count in (1, 2)
    ]
    assert outputs[0] == outputs[1]
    assert outputs[0].count(b'"mean"') == 10
