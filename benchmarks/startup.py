"""Start-up cost of commands, as ratios to the minimum of any such program.

    python benchmarks/startup.py [ROUNDS]

Every row compares whole processes, measured in turn, so that a busy machine slows both of them equally.
CPU seconds (user and system) and peak memory are medians over the rounds; the first, cold round is
discarded. A first command includes the time to write its trace to the cache; a second one uses the
cached trace.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

FRAMEWORKS = ("-c", "import typer, rich")
BARE_LENET = (
    "-c",
    """
import torch
import torch.nn.functional as F
from torch import nn


class LeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(256, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), (2, 2))
        x = F.max_pool2d(F.relu(self.conv2(x)), (2, 2))
        x = x.view(x.size()[0], -1)
        return F.relu(self.fc3(F.relu(self.fc2(F.relu(self.fc1(x))))))


print(LeNet()(torch.randn(10, 1, 28, 28)).shape)
""",
)


OWN_FILE = """
from torch import nn

EXAMPLE_INPUTS = ("x=2x3x64x64",)


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.norm = nn.BatchNorm2d(width)
        self.conv = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x):
        return x + self.conv(self.norm(x).relu())


class Own(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 64, 4, stride=4)
        self.blocks = nn.Sequential(*(Block(64) for _ in range(40)))
        self.head = nn.Linear(64, 10)

    def forward(self, x):
        return self.head(self.blocks(self.stem(x)).mean((2, 3)))
"""


@dataclass(frozen=True)
class Row:
    """One comparison of a command with its floor."""

    name: str
    command: Sequence[str]
    floor_name: str
    floor: Sequence[str]
    goal: float
    is_second: bool = False
    """True if a summary of the same model has run before."""


@dataclass(frozen=True)
class Cost:
    """Cost of one process."""

    seconds: float
    mebibytes: float


class Caches:
    """Cache folders: one for the whole run, and one that is emptied before each measurement."""

    def __init__(self, folder: str) -> None:
        self.filled, self.fresh = Path(folder, "filled"), Path(folder, "fresh")

    def empty(self) -> Path:
        """Return an empty cache folder."""
        shutil.rmtree(self.fresh, ignore_errors=True)
        return self.fresh


def measure(arguments: Sequence[str], cache: Path) -> Cost:
    """Run one Python process, and return its CPU seconds and peak memory."""
    environment = {
        name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"
    }
    environment["XDG_CACHE_HOME"] = str(cache)
    with subprocess.Popen(
        [sys.executable, *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=environment,
    ) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        message = process.stderr.read().decode() if process.stderr else ""
    if process.returncode:
        raise SystemExit(f"{' '.join(arguments[:3])} failed:\n{message}")
    scale = 1024 if sys.platform != "darwin" else 1024 * 1024
    return Cost(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / scale)


def compare(row: Row, rounds: int, caches: Caches) -> str:
    """Measure and format one row."""
    if row.is_second:
        measure(arguments("summary", row.command[3]), caches.filled)
    pairs = [
        (
            measure(row.command, caches.filled if row.is_second else caches.empty()),
            measure(row.floor, caches.empty()),
        )
        for _ in range(rounds + 1)
    ][1:]
    ours, floors = zip(*pairs, strict=True)
    ratio = statistics.median(one.seconds for one in ours) / statistics.median(
        one.seconds for one in floors
    )
    least, most = (
        function(one.seconds / other.seconds for one, other in pairs) for function in (min, max)
    )
    return (
        f"{row.name:<24}{row.floor_name:<28}"
        f"{statistics.median(one.seconds for one in ours):>8.3f}"
        f"{statistics.median(one.seconds for one in floors):>8.3f}"
        f"{ratio:>8.2f}  {least:.2f}-{most:.2f}{row.goal:>8.2f}"
        f"{statistics.median(one.mebibytes for one in ours):>9.0f}"
        f"{statistics.median(one.mebibytes for one in floors):>7.0f}"
    )


def arguments(command: str, target: str) -> tuple[str, ...]:
    """Return the arguments of Python that run a command."""
    return ("-m", "netinspect", command, target, "--format", "rich")


def second(command: str, target: str, name: str) -> Row:
    """Return the row for a command that uses the cached trace of an earlier summary."""
    floor = arguments("summary", target)
    return Row(
        f"{command} {name}, again",
        arguments(command, target),
        f"first summary {name}",
        floor,
        0.25,
        True,
    )


def main() -> None:
    """Measure and print the table."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    with tempfile.TemporaryDirectory() as folder:
        saved = str(Path(folder, "lenet.json"))
        own = Path(folder, "own.py")
        own.write_text(OWN_FILE, encoding="utf-8")
        caches = Caches(folder)
        measure(("-m", "netinspect", "summary", "lenet", "--save", saved), caches.empty())
        rows = (
            Row("--help", ("-m", "netinspect", "--help"), "import typer, rich", FRAMEWORKS, 2.0),
            Row("--version", ("-m", "netinspect", "--version"), "import typer, rich", FRAMEWORKS, 2.0),
            Row(
                "summary lenet",
                arguments("summary", "lenet"),
                "import torch, build, forward",
                BARE_LENET,
                1.15,
            ),
            Row(
                "summary saved.json",
                arguments("summary", saved),
                "import torch, build, forward",
                BARE_LENET,
                0.25,
            ),
            second("summary", "lenet", "lenet"),
            second("tree", "lenet", "lenet"),
            second("params", "resnet18", "resnet18"),
            second("source", str(own), "own.py"),
        )
        print(f"{'command':<24}{'floor':<28}{'CPU s':>8}{'floor':>8}{'ratio':>8}  min-max", end="")
        print(f"{'goal':>10}{'MiB':>9}{'floor':>7}")
        for row in rows:
            print(compare(row, rounds, caches), flush=True)


if __name__ == "__main__":
    main()
