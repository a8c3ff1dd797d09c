from __future__ import annotations

import threading

import pytest

from netinspect.checkpoints.values import threads
from netinspect.checkpoints.values.threads import Workspace, in_threads
from tests.support import PATIENCE


def test_in_threads_returns_results_in_order() -> None:
    last = threading.Event()

    def work(task: int, workspace: Workspace) -> int:
        if not task and threads.processors() > 1:
            last.wait(PATIENCE)  # the first one ends after all others
        if task == 48:
            last.set()
        return task * task

    done: list[int] = []
    assert in_threads(range(49), work, done.append) == [task * task for task in range(49)]
    assert sorted(done) == list(range(49))
    assert in_threads([], work) == []


def test_in_threads_gives_each_thread_a_workspace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "processors", lambda: 8)
    meeting = threading.Barrier(2, timeout=PATIENCE)

    def work(task: int, workspace: Workspace) -> int:
        meeting.wait()  # passes only if both threads wait at the same time
        return id(workspace)

    assert len(set(in_threads(range(2), work))) == 2


def test_in_threads_stops_on_first_error() -> None:
    started: list[int] = []

    def work(task: int, workspace: Workspace) -> None:
        started.append(task)
        if task == 3:
            raise ValueError("no")

    before = threading.active_count()
    with pytest.raises(ValueError, match="no"):
        in_threads(range(1 << 60), work)  # so many that only an error can stop the work
    assert 3 in started
    assert threading.active_count() == before


def test_workspace_reuses_and_grows_buffers() -> None:
    workspace = Workspace()
    small = workspace.take("a", "f4", 10)
    assert small.dtype == "f4"
    assert len(small) == 10
    assert workspace.take("a", "u1", 40).ctypes.data == small.ctypes.data
    assert workspace.take("b", "u1", 40).ctypes.data != small.ctypes.data
    assert len(workspace.take("a", "f8", 1000)) == 1000
