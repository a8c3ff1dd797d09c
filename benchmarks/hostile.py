"""Time for hostile files and for many names, relative to a fixed loop in Python.

    python benchmarks/hostile.py [--rounds N] [--slowest N]

The tests limit calls and memory of the same cases. Seconds differ between machines, so they are divided
by the CPU seconds of a loop of ten million additions, run in turn with each case. The first table has
the slowest hostile files, read as a checkpoint and scanned for names. The second has the pairing of the
names of two checkpoints, and its growth for ten times the names: 10 is linear.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.checkpoints.hostile import formats  # noqa: E402
from tests.checkpoints.hostile.files import ALL  # noqa: E402
from tests.reports.diff.state_dicts import entries  # noqa: E402
from tests.reports.diff.test_pairing import blocks  # noqa: E402

from netinspect.checkpoints.pickle_globals import scan_pickles  # noqa: E402
from netinspect.checkpoints.read import read_checkpoint  # noqa: E402
from netinspect.errors import NetinspectError  # noqa: E402
from netinspect.reports.diff.pairing import pair_names  # noqa: E402


def seconds(function: Callable[[], object]) -> float:
    """Return the CPU seconds of one call."""
    begin = time.process_time()
    with suppress(NetinspectError):
        function()
    return time.process_time() - begin


def ratio(function: Callable[[], object], rounds: int) -> float:
    """Return the CPU seconds of a call divided by those of the loop; the median of the rounds."""
    loop = partial(sum, range(10_000_000))
    return statistics.median(seconds(function) / seconds(loop) for _ in range(rounds))


def main() -> None:
    """Measure and print both tables."""
    parser = argparse.ArgumentParser(description="CPU time of hostile files and many names.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--slowest", type=int, default=12)
    options = parser.parse_args()
    cases = {name: case.data for name, case in ALL.items()}
    for kind in (formats.GGUF, formats.ONNX, formats.NUMPY):
        cases |= {name: partial(bytes, data) for name, (data, *_) in kind.items()}
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "file")
        for name, make in cases.items():
            file.write_bytes(make())
            read = partial(read_checkpoint, str(file))
            scan = partial(scan_pickles, str(file), "file")
            rows.append((ratio(read, options.rounds), ratio(scan, options.rounds), name))
    print("| hostile file | read / loop | scan / loop |\n|---|---|---|")
    for read_ratio, scan_ratio, name in sorted(rows, key=lambda row: -max(row[:2]))[: options.slowest]:
        print(f"| {name} | {read_ratio:.2f} | {scan_ratio:.2f} |")
    print("\n| names | pairing / loop | ten times the names |\n|---|---|---|")
    few, many = blocks(250), blocks(2500)
    for what, prefix in (("the same", ""), ("another prefix", "module.")):
        small, large = (
            ratio(
                partial(
                    pair_names,
                    entries(shapes),
                    entries({prefix + name: shape for name, shape in shapes.items()}),
                ),
                options.rounds,
            )
            for shapes in (few, many)
        )
        print(f"| {what} | {small:.2f} | {large / small:.1f} |")


if __name__ == "__main__":
    main()
