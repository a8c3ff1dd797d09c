"""Work on large files divided between this process and a fork of it.

Two threads are slower than one (docs/reference/values.md): numpy takes microseconds for a piece, and
passing the interpreter lock between threads takes longer. A fork takes a millisecond and little memory.
It is used only in the command line's own process, which has no other threads.
"""

from __future__ import annotations

import mmap
import os
import pickle
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Hashable, Sequence
from typing import NoReturn, TypeVar

from netinspect._utils import process
from netinspect.checkpoints.values.threads import Workspace, in_threads, processors

T = TypeVar("T")
R = TypeVar("R")

LEAST = 32 << 20
"""Minimum bytes for which a second process pays off."""


def in_processes(
    tasks: Sequence[T],
    work: Callable[[T, Workspace], R],
    done: Callable[[T], None],
    *,
    size: Callable[[T], int],
    together: Callable[[T], Hashable] = id,
) -> list[R]:
    """Run all tasks and return their results in order.

    Args:
        tasks: The tasks.
        work: Runs one task; its side effects are visible only to tasks of the same group.
        done: Called with each finished task.
        size: Returns the bytes of a task.
        together: Returns the group of a task; one process runs a group, in order.
    """
    others = _other_half(tasks, size, together) if _may_fork() else []
    if not others:
        return in_threads(tasks, work, done, most=1)
    chosen = set(others)
    mine = [number for number in range(len(tasks)) if number not in chosen]
    counter = mmap.mmap(-1, 8)
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        # Python warns of the threads of numpy's libraries, which are idle and support forks.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if not child:
        _serve([tasks[number] for number in others], work, counter, writer)
    os.close(writer)
    reported = 0

    def report(upto: int) -> None:
        nonlocal reported
        while reported < upto:
            done(tasks[others[reported]])
            reported += 1

    def report_both(task: T) -> None:
        done(task)
        report(int.from_bytes(counter[:8], "little"))

    try:
        results = dict(
            zip(mine, in_threads([tasks[each] for each in mine], work, report_both, most=1), strict=True)
        )
        with os.fdopen(reader, "rb", closefd=False) as file:
            answer = file.read()
    except BaseException:  # stop the fork on an interrupt too
        os.kill(child, signal.SIGKILL)
        raise
    finally:
        os.close(reader)
        os.waitpid(child, 0)
    if not answer:  # the fork was killed: run its tasks here
        rest = [tasks[number] for number in others]
        results.update(zip(others, in_threads(rest, work, most=1), strict=True))
    else:
        succeeded, outcome = pickle.loads(answer)  # trusted: written by our own fork
        if not succeeded:
            raise outcome
        results.update(zip(others, outcome, strict=True))
    report(len(others))
    return [results[number] for number in range(len(tasks))]


def _may_fork() -> bool:
    return (
        sys.platform == "linux"
        and hasattr(os, "fork")
        and process.is_ours
        and threading.active_count() == 1
        and processors() > 1
    )


def _other_half(
    tasks: Sequence[T], size: Callable[[T], int], together: Callable[[T], Hashable]
) -> list[int]:
    """Choose tasks with about half of the bytes, or none if a second process does not pay off."""
    groups: dict[Hashable, list[int]] = {}
    for number, task in enumerate(tasks):
        groups.setdefault(together(task), []).append(number)
    sizes = {key: sum(size(tasks[number]) for number in group) for key, group in groups.items()}
    if sum(sizes.values()) < LEAST or len(groups) < 2:
        return []
    mine = other = 0
    chosen: list[int] = []
    # The largest group first, each to the process with fewer bytes.
    for key in sorted(groups, key=lambda key: -sizes[key]):
        if other < mine:
            other += sizes[key]
            chosen += groups[key]
        else:
            mine += sizes[key]
    return sorted(chosen)


def _serve(
    tasks: Sequence[T], work: Callable[[T, Workspace], R], counter: mmap.mmap, writer: int
) -> NoReturn:
    """Run tasks in the fork, write their results and exit without output."""
    try:
        try:
            workspace = Workspace()
            results = []
            for number, task in enumerate(tasks, start=1):
                results.append(work(task, workspace))
                counter[:8] = number.to_bytes(8, "little")
            answer = pickle.dumps((True, results))
        # Any exception is raised again in the parent process.
        except BaseException as error:
            answer = pickle.dumps((False, error))
        with os.fdopen(writer, "wb") as file:
            file.write(answer)
    finally:
        os._exit(0)
