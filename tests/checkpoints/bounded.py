"""Reads files one by one, each in a process with little memory, and reports what came of it.

As a script: `python -m tests.checkpoints.bounded FILE...` writes one line of JSON for each.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.support import calls_of, peak_memory

LARGEST_COUNTED = 1_000_000
"""Bytes of a file up to which calls are counted: in one of millions of opcodes, that takes long."""

MEMORY = 200 << 20
"""Bytes that a reader may take beyond what Python and the package have."""


def outcomes(files: Sequence[Path]) -> dict[Path, dict[str, Any]]:
    """Read files in processes of their own; both as checkpoints and for the names in their pickles."""
    completed = subprocess.run(
        [sys.executable, "-m", "tests.checkpoints.bounded", *map(str, files)],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert completed.stderr == ""
    lines = [json.loads(line) for line in completed.stdout.splitlines()]
    return dict(zip(files, lines, strict=True))


def _attempt(act: Any, *, is_counted: bool) -> dict[str, Any]:
    from netinspect.errors import NetinspectError

    told: dict[str, Any] = {}

    def attempt() -> None:
        try:
            told["names"] = act()
        except NetinspectError as error:
            told["error"], told["cause"], told["code"] = error.message, error.cause, int(error.exit_code)
        except BaseException as error:  # whatever else it is, it is the finding
            told["escaped"] = f"{type(error).__name__}: {error}"[:500]

    if is_counted:
        told["calls"] = calls_of(attempt)
    else:
        attempt()
    return told


def _read(file: str) -> dict[str, Any]:
    from netinspect.checkpoints.pickle_globals import scan_pickles
    from netinspect.checkpoints.read import read_checkpoint

    def read() -> list[str]:
        found = read_checkpoint(file, "file")
        return [tensor.name[:100] for tensor in found.tensors[:5]]

    def scan() -> list[str]:
        found = scan_pickles(file, "file")
        return [f"{each.name[:100]}({each.arguments})" for each in found.globals[:5]]

    # The address space is what can be limited; it is larger than what is taken.
    with open("/proc/self/statm") as statm:
        size = int(statm.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY, size + MEMORY))
    before = peak_memory()
    is_counted = os.path.getsize(file) < LARGEST_COUNTED
    told: dict[str, Any] = {
        "read": _attempt(read, is_counted=is_counted),
        "scan": _attempt(scan, is_counted=is_counted),
    }
    told["memory"] = peak_memory() - before
    return told


def main() -> None:
    """Read each file in a child of this process, which has all that is needed imported."""
    import _compat_pickle  # noqa: F401

    for file in sys.argv[1:]:
        reader, writer = os.pipe()
        child = os.fork()
        if not child:
            os.close(reader)
            os.write(writer, json.dumps(_read(file)).encode())
            os._exit(0)
        os.close(writer)
        with os.fdopen(reader, "rb") as pipe:
            data = pipe.read()
        _, status = os.waitpid(child, 0)
        told = (
            json.loads(data)
            if data
            else {"read": {"escaped": f"status {status}"}, "scan": {}, "memory": 0}
        )
        print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
