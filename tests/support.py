"""What several test files need: the outcome of a command, a golden comparison."""

from __future__ import annotations

import cProfile
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

GOLDEN = Path(__file__).parent / "golden"

PATIENCE = 600.0
"""Seconds until a process that does not end is called a hang; no bound on how long anything takes."""


@dataclass(frozen=True)
class Outcome:
    """What a command left after."""

    code: int
    out: str
    err: str


def peak_memory() -> int:
    """Bytes that this process has had in memory at the most.

    `ru_maxrss` would not do: a process begins with that of the one that started it.
    """
    status = Path("/proc/self/status")
    if status.exists():
        (found,) = re.findall(r"VmHWM:\s+(\d+) kB", status.read_text(encoding="ascii"))
        return int(found) << 10
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def calls_of(function: Callable[[], object]) -> int:
    """Count the calls of Python and C functions that one call makes, in this thread.

    That is the same on every machine. What a single C function does with a long text or a large dict
    is not counted.
    """
    # Written in C: a function of Python's for each event would take ten times as long.
    profiler = cProfile.Profile(subcalls=False)
    profiler.enable()
    try:
        function()
    finally:
        profiler.disable()
    return sum(each.callcount for each in profiler.getstats())


def assert_golden(name: str, text: str) -> None:
    """Compare text with a golden file; `UPDATE_GOLDEN=1 pytest` writes it again."""
    file = GOLDEN / name
    if os.environ.get("UPDATE_GOLDEN"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    assert file.exists(), f"there is no golden file {name}; make it with UPDATE_GOLDEN=1"
    assert text == file.read_text(encoding="utf-8")
