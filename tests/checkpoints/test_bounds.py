"""Tests that hostile files take few calls and little memory, each measured in a new process."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.checkpoints.safetensors_files import assemble
from tests.support import PATIENCE

_MOST_MEMORY = 200
"""Maximum memory of the whole process, in MB."""

_MOST_CALLS = 12_000_000
"""Maximum number of function calls until the result."""

_MEASURE = r"""
import re, sys
from netinspect.checkpoints.read import read_checkpoint
from netinspect.errors import CheckpointError
from tests.support import calls_of
report = ""
def read():
    global report
    try:
        read_checkpoint(sys.argv[1])
    except CheckpointError as error:
        report = f"{error.message}: {error.cause}"
calls = calls_of(read)
# The peak of `getrusage` includes that of the process before exec.
peak = int(re.search(r"VmHWM:\s+(\d+) kB", open("/proc/self/status").read())[1])
print(calls, peak / 1000, report)
"""

_LARGEST = 100_000_000
_ENTRY = b'"%d":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}'
_NAME = b"n" * 4000
_SHAPE = b"1," * 63


def filled(start: bytes, piece: bytes, end: bytes = b"") -> bytes:
    """Return a header of the largest size that is read."""
    return start + piece * ((_LARGEST - len(start) - len(end)) // len(piece)) + end


def many(entry: bytes, count: int) -> bytes:
    return b"{" + b",".join(entry % number for number in range(count)) + b"}"


HEADERS: dict[str, tuple[Callable[[], bytes], str]] = {
    "garbage": (lambda: filled(b"{", b"A"), "is not a JSON object"),
    "blanks": (lambda: filled(b"{}", b" ", b"x"), "has text after its end"),
    "a name without an end": (lambda: filled(b'{"', b"a"), "more than 8 MiB"),
    "a name of escapes": (lambda: filled(b'{"', b"\\n"), "more than 8 MiB"),
    "objects in each other": (lambda: filled(b"", b'{"a":'), "more than 8 MiB"),
    "lists in each other": (
        lambda: b'{"a":{"shape":' + b"[" * 200_000 + b"}}",
        "too many to describe a tensor",
    ),
    "a list without an end": (lambda: filled(b'{"a":{"shape":[1', b",1"), "more than 8 MiB"),
    "many lists": (lambda: filled(b'{"a":[', b"[],"), "more than 8 MiB"),
    "one long number": (
        lambda: b'{"a":{"dtype":"U8","shape":[' + b"9" * 4000 + b'],"data_offsets":[0,0]}}',
        "have an entry 999",
    ),
    "more tensors than any": (lambda: many(_ENTRY, 1_600_000), "more than 250,000 tensors"),
    "as many tensors as allowed": (lambda: many(_ENTRY, 250_000), ""),
    "as many, of many dimensions": (
        lambda: many(b'"%d":{"dtype":"U8","shape":[' + _SHAPE + b'0],"data_offsets":[0,0]}', 250_000),
        "more than 2,000,000 sizes",
    ),
    "long names": (
        lambda: many(b'"' + _NAME + b'%d":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}', 24_000),
        "",
    ),
    "much metadata": (lambda: filled(b'{"__metadata__":{"":""', b',"":""'), "more than 8 MiB"),
    "metadata in many words": (
        lambda: (
            b'{"__metadata__":{' + b",".join(b'"%d":""' % number for number in range(500_000)) + b"}}"
        ),
        "more than 100,000 entries",
    ),
    "metadata in few words": (
        lambda: b'{"__metadata__":{"a":"' + "x\U0001f600".encode() * 1_600_000 + b'"}}',
        "",
    ),
}

INDEXES: dict[str, tuple[Callable[[], bytes], str]] = {
    "names": (
        lambda: (
            b'{"weight_map":{' + b",".join(b'"%d":"m%d"' % (n, n % 99) for n in range(299_000)) + b"}}"
        ),
        "no shard of",
    ),
    "too many": (lambda: b"[" + b"[],[]," * 2_000_000 + b"0]", "more than 300,000 values"),
    "long": (
        lambda: b'{"weight_map":{"a":"' + b"x" * (23 << 20) + b'"}}',
        "is not the name of a file in the same folder",
    ),
    "wide": (lambda: b'["' + "\U0001f600".encode() * (6 << 20) + b'"]', "is the most"),
    "deep": (lambda: b"[" * 200_000, "nested too deeply"),
    "a number": (lambda: b"9" * (23 << 20), "is not valid JSON"),
}


def measure(path: Path) -> str:
    """Read a file in another process, check the limits, and return the report."""
    done = subprocess.run(
        [sys.executable, "-c", _MEASURE, str(path)],
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE,
        cwd=Path(__file__).parents[2],
    )
    calls, memory, report = done.stdout.split(" ", 2)
    assert int(calls) < _MOST_CALLS
    assert float(memory) < _MOST_MEMORY
    assert len(report) < 1000
    return report


pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no proc file system")


@pytest.mark.parametrize("kind", HEADERS)
def test_read_safetensors_bounds_time_and_memory(tmp_path: Path, kind: str) -> None:
    make, expected = HEADERS[kind]
    path = tmp_path / "m.safetensors"
    path.write_bytes(assemble(make()))
    report = measure(path)
    path.unlink()  # pytest retains temporary files, and these are large
    assert (expected in report) if expected else report == "\n"


@pytest.mark.parametrize("kind", INDEXES)
def test_read_index_bounds_time_and_memory(tmp_path: Path, kind: str) -> None:
    make, expected = INDEXES[kind]
    (tmp_path / "model.safetensors.index.json").write_bytes(make())
    assert expected in measure(tmp_path)
