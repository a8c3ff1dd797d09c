"""Processes of `coverage.py`: one for each step of each model, with limits of time and memory."""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

Result = dict[str, Any]


@dataclass
class Job:
    """Process that measures one step of one model."""

    name: str
    step: str
    work: Callable[[], Result]
    pid: int = 0
    pipe: int = 0
    ends: float = 0.0
    began: float = 0.0
    output: bytes = b""


SLOWNESS = 10


@dataclass(frozen=True)
class Limits:
    """Limits of each process, and how many run at a time."""

    jobs: int = 2
    timeout: float = 60
    """CPU seconds; `SLOWNESS` times as many seconds end a process that waits."""

    memory: int = 16
    """GiB of address space."""


def start(job: Job, limits: Limits) -> None:
    """Fork a process for a job: importing the library again would take longer than most models."""
    reader, writer = os.pipe()
    job.began = time.monotonic()
    job.ends = job.began + limits.timeout * SLOWNESS
    job.pid, job.pipe = os.fork(), reader
    if job.pid:
        os.close(writer)
        return
    os.setpgid(0, 0)  # what it starts ends with it
    resource.setrlimit(resource.RLIMIT_AS, (limits.memory << 30, limits.memory << 30))
    seconds = int(limits.timeout)
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    try:
        result = job.work()
    except BaseException as error:  # any exception is an outcome
        result = {"ok": False, "cause": f"{type(error).__name__}: {str(error).strip()}"}
    with open(writer, "w", encoding="utf-8") as pipe:
        json.dump(result, pipe, default=str)
    os._exit(0)


def finish(job: Job, *, late: bool) -> Result:
    """Return the outcome of a process that has ended or reached its time limit."""
    if late:
        try:
            os.killpg(job.pid, signal.SIGKILL)
        except ProcessLookupError:  # it has not yet its own group
            os.kill(job.pid, signal.SIGKILL)
    os.close(job.pipe)
    _, status, usage = os.wait4(job.pid, 0)
    measured = {
        "seconds": round(time.monotonic() - job.began, 1),
        "cpu": round(usage.ru_utime + usage.ru_stime, 1),
    }
    if late or os.WTERMSIG(status) in (signal.SIGXCPU, signal.SIGKILL):
        return {"ok": False, "cause": "over the time limit", **measured}
    try:
        result: Result = json.loads(job.output)
    except ValueError:
        result = {"ok": False, "cause": f"the process ended with status {status}"}
    return {**result, "cause": str(result.get("cause", ""))[:300], **measured}


def run_jobs(
    waiting: Iterable[Job], limits: Limits, following: Callable[[Job, Result], Job | None]
) -> Iterator[tuple[Job, Result]]:
    """Run jobs in parallel and yield each with its result.

    Args:
        waiting: The first job of each model.
        limits: Limits of each process.
        following: Function that returns the next job of the model, or None.
    """
    left = list(waiting)
    running: list[Job] = []
    while left or running:
        while left and len(running) < limits.jobs:
            job = left.pop(0)
            start(job, limits)
            running.append(job)
        readable, _, _ = select.select([job.pipe for job in running], [], [], 0.2)
        for job in list(running):
            ended = False
            if job.pipe in readable:
                part = os.read(job.pipe, 1 << 20)
                job.output += part
                ended = not part
            late = time.monotonic() > job.ends
            if not ended and not late:
                continue
            running.remove(job)
            result = finish(job, late=late and not ended)
            if following_job := following(job, result):
                left.insert(0, following_job)
            yield job, result
