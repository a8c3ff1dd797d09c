"""Cost of reading checkpoints, compared with the minimum that any program needs, and with torch.

    python benchmarks/checkpoints.py [--rounds N] [--megabytes N] [--tensors N] [--many N] [--only GLOB]

The files are created in a temporary folder: `--megabytes` of weights in `--tensors` tensors, and a file
with `--many` small tensors. Each row compares two processes, measured in turn, so that a busy machine
slows both of them equally; the result is the ratio of their medians. Listing is measured as a whole,
including the start of Python and the output. Reading of values is measured inside its process, after
its modules are imported and the header is read, so that the ratio is one of speeds; its peak memory is
that of the whole process. All files are read once before, so that they are in the page cache.

Two processes read values. On a busy machine they get less than two processors, and the ratio is worse
than on an idle one: with two free processors, it would be half of the ratio of CPU seconds.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MAKE = """
import sys, torch
from safetensors.torch import save_file
folder, megabytes, tensors, many = sys.argv[1], *map(int, sys.argv[2:])
for name in ("float32", "bfloat16", "float16"):
    dtype = getattr(torch, name)
    rows = max(1, megabytes * 1_000_000 // tensors // dtype.itemsize // 1024)
    generator = torch.Generator().manual_seed(0)
    a = {
        f"layers.{number}.weight": torch.randn(rows, 1024, generator=generator).to(dtype)
        for number in range(tensors)
    }
    save_file(a, f"{folder}/{name}.safetensors")
    if name == "float32":
        torch.save(a, f"{folder}/{name}.pt")
    for tensor in a.values():
        tensor += 1e-3 * torch.randn(tensor.shape, generator=generator).to(dtype)
    save_file(a, f"{folder}/{name}-tuned.safetensors")
names = [f"model.layers.{number // 10}.part.{number % 10}.weight" for number in range(many)]
small = {name: torch.ones(2) for name in names}
save_file(small, f"{folder}/many.safetensors")
"""

TORCH_META = """
import sys, torch
found = torch.load(sys.argv[1], mmap=True, map_location="meta")
for name, tensor in found.items():
    print(name, tuple(tensor.shape), tensor.dtype)
"""
JSON_HEADER = """
import json, sys, time
start = time.perf_counter(), time.process_time()
with open(sys.argv[1], "rb") as file:
    header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
print("seconds", time.perf_counter() - start[0], time.process_time() - start[1])
"""
LIST_MANY = """
import sys, time
from netinspect.checkpoints.read import read_checkpoint
from netinspect.checkpoints.formats import safetensors
start = time.perf_counter(), time.process_time()
read_checkpoint(sys.argv[1])
print("seconds", time.perf_counter() - start[0], time.process_time() - start[1])
"""
READ = """
import sys, time
buffer = bytearray(1 << 18)
start = time.perf_counter(), time.process_time()
for path in sys.argv[1:]:
    with open(path, "rb", buffering=0) as file:
        while file.readinto(buffer):
            pass
print("seconds", time.perf_counter() - start[0], time.process_time() - start[1])
"""
STATS = """
import sys, time
from netinspect._utils import process
process.is_ours = True  # as in the command line
from netinspect.checkpoints.values.data import CheckpointData
from netinspect.checkpoints.values.statistics import summarize_values
from netinspect.checkpoints.read import read_checkpoint
checkpoint = read_checkpoint(sys.argv[1])
start = time.perf_counter(), time.process_time()
with CheckpointData(checkpoint) as data:
    summarize_values(data, checkpoint.tensors)
print("seconds", time.perf_counter() - start[0], time.process_time() - start[1])
"""
TORCH_STATS = """
import sys, time, torch
from safetensors import safe_open
start = time.perf_counter(), time.process_time()
with safe_open(sys.argv[1], "pt") as file:
    for name in file.keys():
        x = file.get_tensor(name)
        (x.mean(), x.std(), x.min(), x.max(), (x == 0).sum(), x.isnan().sum(), x.isinf().sum())
print("seconds", time.perf_counter() - start[0], time.process_time() - start[1])
"""
COMPARE = """
import sys, time
from netinspect._utils import process
process.is_ours = True  # as in the command line
from netinspect.checkpoints.values.compare import compare_pairs
from netinspect.checkpoints.values.data import CheckpointData
from netinspect.checkpoints.read import read_checkpoint
one, other = (read_checkpoint(path) for path in sys.argv[1:])
start = time.perf_counter(), time.process_time()
with CheckpointData(one) as left, CheckpointData(other) as right:
    compare_pairs(left, right, list(zip(one.tensors, other.tensors)))
print("seconds", time.perf_counter() - start[0], time.process_time() - start[1])
"""


@dataclass(frozen=True)
class Row:
    """One comparison of two processes."""

    name: str
    command: tuple[str, ...]
    floor_name: str
    floor: tuple[str, ...]
    goal: float
    """Upper limit for the time divided by that of the floor."""

    memory_goal: float | None = None
    """Upper limit for the peak memory in MiB."""

    whole: bool = False
    """True to measure the whole process instead of the part that it measures itself."""


@dataclass(frozen=True)
class Cost:
    """Cost of one process."""

    seconds: float
    cpu_seconds: float
    mebibytes: float


def measure(arguments: tuple[str, ...], whole: bool) -> Cost:
    """Run one Python process; return its CPU seconds, or those that it prints, and its peak memory."""
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    with subprocess.Popen(
        [sys.executable, *arguments],
        stdout=subprocess.PIPE if not whole else subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=environment,
    ) as process:
        output = process.stdout.read().decode() if process.stdout else ""
        message = process.stderr.read().decode() if process.stderr else ""
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(arguments)[:200]} failed:\n{message}")
    seconds = cpu_seconds = usage.ru_utime + usage.ru_stime
    if not whole:
        seconds, cpu_seconds = map(float, output.rpartition("seconds ")[2].split())
    scale = 1024 if sys.platform != "darwin" else 1 << 20
    return Cost(seconds, cpu_seconds, usage.ru_maxrss / scale)


def rows(folder: Path) -> Iterator[Row]:
    """Return all comparisons, on files in a folder."""

    def file(name: str) -> str:
        return str(folder / name)

    meta = ("-c", TORCH_META, file("float32.pt"))
    for command in ("params", "summary"):
        for suffix in ("pt", "safetensors"):
            words = ("-m", "netinspect", command, file(f"float32.{suffix}"))
            yield Row(f"{command} .{suffix}", words, "torch.load, meta", meta, 0.15, 60, whole=True)
    many = file("many.safetensors")
    yield Row("list many tensors", ("-c", LIST_MANY, many), "json.loads", ("-c", JSON_HEADER, many), 3.0)
    for dtype, speed in (("float32", 0.45), ("bfloat16", 0.25), ("float16", 0.25)):
        path, tuned = file(f"{dtype}.safetensors"), file(f"{dtype}-tuned.safetensors")
        read, both, twice = ((READ, *paths) for paths in ((path,), (path, tuned), (path, path)))
        cells: list[tuple[str, tuple[str, ...], str, tuple[str, ...], float]] = [
            ("statistics", (STATS, path), "readinto", read, 1 / speed),
            ("statistics", (STATS, path), "torch, per tensor", (TORCH_STATS, path), 0.2),
            ("compare", (COMPARE, path, tuned), "readinto, both", both, 1 / 0.35),
            ("compare itself", (COMPARE, path, path), "readinto, twice", twice, 2.0),
        ]
        for name, ours, floor_name, floor, goal in cells:
            yield Row(f"{name} {dtype}", ("-c", *ours), floor_name, ("-c", *floor), goal, 100)


def compare(row: Row, rounds: int) -> str:
    """Measure and format one row."""
    pairs = [
        (measure(row.command, row.whole), measure(row.floor, row.whole)) for _ in range(rounds + 1)
    ][1:]
    ours, floors = zip(*pairs, strict=True)
    mine, least = (statistics.median(each.seconds for each in side) for side in (ours, floors))
    mine_cpu, least_cpu = (
        statistics.median(each.cpu_seconds for each in side) for side in (ours, floors)
    )
    ratios = [one.seconds / other.seconds for one, other in pairs]
    of_cpu = mine_cpu / least_cpu
    memory = statistics.median(each.mebibytes for each in ours)
    missed = mine / least > row.goal or (row.memory_goal is not None and memory > row.memory_goal)
    return (
        f"{row.name:<24}{row.floor_name:<20}{mine:>8.3f}{least:>8.3f}{mine / least:>8.2f}"
        f"  {min(ratios):>5.2f}-{max(ratios):<6.2f}{row.goal:>6.2f}{of_cpu:>7.2f}{memory:>7.0f}"
        f"{'' if row.memory_goal is None else f'{row.memory_goal:.0f}':>6}"
        f"{'  MISSED' if missed else ''}"
    )


def main() -> None:
    """Create the files, measure, and print the table."""
    parser = argparse.ArgumentParser(description="What reading checkpoints costs, as ratios.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--megabytes", type=int, default=1000, help="size of each large file")
    parser.add_argument("--tensors", type=int, default=1000, help="tensors in each large file")
    parser.add_argument(
        "--many", type=int, default=100_000, help="number of small tensors in another file"
    )
    parser.add_argument("--only", default="*", help="shell pattern of rows")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        sizes = [str(each) for each in (options.megabytes, options.tensors, options.many)]
        subprocess.run([sys.executable, "-c", MAKE, place, *sizes], check=True)
        chosen = [row for row in rows(Path(place)) if fnmatch.fnmatch(row.name, options.only)]
        print(
            f"{'':<24}{'floor':<20}{'s':>8}{'floor':>8}{'ratio':>8}  min-max{'goal':>9}{'of CPU':>8}"
            f"{'MiB':>6}{'goal':>6}"
        )
        for row in chosen:
            print(compare(row, options.rounds), flush=True)
        print(json.dumps({"processors": os.cpu_count(), "load": os.getloadavg()}))


if __name__ == "__main__":
    main()
