"""Work on large files shared out between this process and a copy of it.

Two threads would not do: what numpy computes of a piece takes microseconds, and to hand the
interpreter from one thread to the other takes longer, so that two are slower than one (docs/values.md).
A copy is made by `fork`, which takes a millisecond and little memory, and only where nothing else goes
on in the process: in the command line's own.
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
"""Bytes below which one process is soon done."""


def in_processes(
    tasks: Sequence[T],
    work: Callable[[T, Workspace], R],
    done: Callable[[T], None],
    *,
    size: Callable[[T], int],
    together: Callable[[T], Hashable] = id,
) -> list[R]:
    """Do all tasks, and return what came of them, in their order.

    Args:
        tasks: What to do.
        work: Does one task; what it changes elsewhere is seen by tasks of the same group only.
        done: Told of each task that is done.
        size: Tells the bytes of a task.
        together: Tells the group of a task; a group is done by one process, in its order.
    """
    others = _other_half(tasks, size, together) if _may_fork() else []
    if not others:
        return in_threads(tasks, work, done, most=1)
    chosen = set(others)
    mine = [number for number in range(len(tasks)) if number not in chosen]
    counter = mmap.mmap(-1, 8)
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        # Of threads of numpy's libraries, which are idle and made for it.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if not child:
        _serve([tasks[number] for number in others], work, counter, writer)
    os.close(writer)
    told = 0

    def tell(upto: int) -> None:
        nonlocal told
        while told < upto:
            done(tasks[others[told]])
            told += 1

    def tell_both(task: T) -> None:
        done(task)
        tell(int.from_bytes(counter[:8], "little"))

    try:
        results = dict(
            zip(mine, in_threads([tasks[each] for each in mine], work, tell_both, most=1), strict=True)
        )
        with os.fdopen(reader, "rb", closefd=False) as file:
            answer = file.read()
    except BaseException:  # an interrupt too must leave no copy behind
        os.kill(child, signal.SIGKILL)
        raise
    finally:
        os.close(reader)
        os.waitpid(child, 0)
    if not answer:  # something ended it: what it should have done is done here
        rest = [tasks[number] for number in others]
        results.update(zip(others, in_threads(rest, work, most=1), strict=True))
    else:
        well, came = pickle.loads(answer)  # from our own copy
        if not well:
            raise came
        results.update(zip(others, came, strict=True))
    tell(len(others))
    return [results[number] for number in range(len(tasks))]


def _may_fork() -> bool:
    return (
        sys.platform == "linux"
        and process.is_ours
        and threading.active_count() == 1
        and processors() > 1
    )


def _other_half(
    tasks: Sequence[T], size: Callable[[T], int], together: Callable[[T], Hashable]
) -> list[int]:
    """Choose the tasks of about half of the bytes; none where it is not worth it."""
    groups: dict[Hashable, list[int]] = {}
    for number, task in enumerate(tasks):
        groups.setdefault(together(task), []).append(number)
    sizes = {key: sum(size(tasks[number]) for number in group) for key, group in groups.items()}
    if sum(sizes.values()) < LEAST or len(groups) < 2:
        return []
    mine = other = 0
    chosen: list[int] = []
    # The largest first, each to the process that has less.
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
    """Do tasks in the copy, write what came of them, and end without a word."""
    try:
        try:
            workspace = Workspace()
            results = []
            for number, task in enumerate(tasks, start=1):
                results.append(work(task, workspace))
                counter[:8] = number.to_bytes(8, "little")
            answer = pickle.dumps((True, results))
        # Whatever it is, it is raised in the process that is seen.
        except BaseException as error:
            answer = pickle.dumps((False, error))
        with os.fdopen(writer, "wb") as file:
            file.write(answer)
    finally:
        os._exit(0)
