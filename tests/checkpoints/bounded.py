"""Reader of files in child processes with little memory; reports the outcome for each file.

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
"""Maximum size of a file in bytes for which calls are counted; larger files take too long."""

MEMORY = 200 << 20
"""Bytes that a reader may use in addition to Python and the package."""


def outcomes(files: Sequence[Path]) -> dict[Path, dict[str, Any]]:
    """Read each file in a new process, as a checkpoint and for the names in its pickles."""
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

    result: dict[str, Any] = {}

    def attempt() -> None:
        try:
            result["names"] = act()
        except NetinspectError as error:
            result["error"], result["cause"], result["code"] = (
                error.message,
                error.cause,
                int(error.exit_code),
            )
        except BaseException as error:  # any other exception is the finding
            result["escaped"] = f"{type(error).__name__}: {error}"[:500]

    if is_counted:
        result["calls"] = calls_of(attempt)
    else:
        attempt()
    return result


def _read(file: str) -> dict[str, Any]:
    from netinspect.checkpoints.pickle_globals import scan_pickles
    from netinspect.checkpoints.read import read_checkpoint

    def read() -> list[str]:
        found = read_checkpoint(file, "file")
        return [tensor.name[:100] for tensor in found.tensors[:5]]

    def scan() -> list[str]:
        found = scan_pickles(file, "file")
        return [f"{each.name[:100]}({each.arguments})" for each in found.globals[:5]]

    # Only the address space can be limited; it is larger than the used memory.
    with open("/proc/self/statm") as statm:
        size = int(statm.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY, size + MEMORY))
    before = peak_memory()
    is_counted = os.path.getsize(file) < LARGEST_COUNTED
    result: dict[str, Any] = {
        "read": _attempt(read, is_counted=is_counted),
        "scan": _attempt(scan, is_counted=is_counted),
    }
    result["memory"] = peak_memory() - before
    return result


def main() -> None:
    """Read each file in a fork of this process, which has imported all modules."""
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
        result = (
            json.loads(data)
            if data
            else {"read": {"escaped": f"status {status}"}, "scan": {}, "memory": 0}
        )
        print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
