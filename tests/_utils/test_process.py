"""Tests of changes of the current process: streams, memory, garbage collection."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

_SCRIPT = """
import ctypes, gc
from netinspect._utils import process

process.is_ours = {is_ours}
process.settle()
malloc, free = ctypes.CDLL(None).malloc, ctypes.CDLL(None).free
malloc.restype, malloc.argtypes, free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096

free(malloc(24 << 20))  # from here on glibc would not return blocks of this size
before = resident()
blocks = []
for _ in range(32):
    blocks.append(malloc(1 << 20))
    ctypes.memset(blocks[-1], 1, 1 << 20)
small = [malloc(100_000) for _ in range(64)]  # some of them are above the blocks
for block in blocks:
    free(block)
print(resident() - before, gc.get_freeze_count())
"""


_REPLACED = """
import gc, sys, weakref
from netinspect.trace_cache.audit_recorder import audit_recording

with audit_recording():
    streams = [weakref.ref(sys.stdout), weakref.ref(sys.stderr)]
gc.collect()
print(all(each() is not None for each in streams))
"""


def test_keep_alive_keeps_streams_for_other_threads() -> None:
    """`print` in a thread of the model uses `sys.stdout` without a reference to it."""
    command = [sys.executable, "-c", _REPLACED]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    assert done.stdout == "True\n"


def resident_and_frozen(is_ours: bool, **variables: str) -> tuple[int, int]:
    """Return how many of 32 MiB freed bytes are still resident, and the number of frozen objects."""
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT.format(is_ours=is_ours)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **variables},
    )
    left, frozen = map(int, done.stdout.split())
    return left, frozen


@pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc" or not os.path.exists("/proc/self/statm"),
    reason="needs glibc and /proc",
)
def test_settle_returns_freed_memory_in_own_process() -> None:
    left, frozen = resident_and_frozen(True)
    assert left < 2 << 20
    assert frozen > 1000
    # A process that is not ours is unchanged, and the user's environment variable has precedence.
    left, frozen = resident_and_frozen(False)
    assert left > 24 << 20
    assert frozen == 0
    assert resident_and_frozen(True, MALLOC_MMAP_THRESHOLD_=str(32 << 20))[0] > 24 << 20
