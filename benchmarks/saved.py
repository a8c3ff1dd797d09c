"""Size and loading time of saved traces, compared with `json.loads` of the same document.

    python benchmarks/saved.py [--rounds N] [--stages N]

All times are CPU seconds of this process, medians over the rounds, measured in turn and without the
garbage collector. The deep network has 171 steps for each stage; its trace takes about a minute.
"""

from __future__ import annotations

import argparse
import gc
import gzip
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

import netinspect
from netinspect.records.saved import dump_trace, read_trace
from netinspect.records.trace import Trace

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "benchmarks" / "nets"))

SIZE_GOAL = 5_000_000
"""Maximum bytes of a file."""

GOAL = 3.0
"""Maximum time to load a file, divided by the time of `json.loads`."""


def traces(stages: int) -> dict[str, Callable[[], Trace]]:
    import deep
    import resnet

    image = torch.zeros(1, 3, 224, 224)
    return {
        "LeNet": lambda: netinspect.load("lenet"),
        "ResNet-50": lambda: netinspect.load(resnet.resnet50(), args=[image]),
        "Deep": lambda: netinspect.load(deep.Deep(stages).eval(), args=[torch.zeros(1, 8)]),
    }


def seconds(call: Callable[[], Any]) -> float:
    gc.collect()
    gc.disable()
    begin = time.process_time()
    result = call()
    elapsed = time.process_time() - begin
    gc.enable()
    del result
    return elapsed


def row(name: str, trace: Trace, rounds: int) -> str:
    """Measure one trace, and format its row."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "trace.json")
        saving = seconds(lambda: netinspect.save(trace, file))
        content = file.read_bytes()
        document = gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content
        assert document == dump_trace(trace).encode()
        pairs = [
            (seconds(lambda: read_trace(file, name=name)), seconds(lambda: json.loads(document)))
            for _ in range(rounds + 1)
        ][1:]
    load, floor = (statistics.median(times) for times in zip(*pairs, strict=True))
    return (
        f"| {name} | {len(trace.modules):,} | {len(trace.steps):,} | {len(document):,} | "
        f"{len(content):,} | {saving:.3f} | {load:.3f} | {floor:.3f} | {load / floor:.2f} |"
    )


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description="Size and loading time of saved traces.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--stages", type=int, default=512, help="stages of the deep network")
    options = parser.parse_args()
    print(f"Goals: at most {SIZE_GOAL:,} bytes in a file, and a ratio of at most {GOAL}.")
    print("| model | modules | steps | document | file | save s | load s | json.loads s | ratio |")
    print("|---|---|---|---|---|---|---|---|---|", flush=True)
    for name, build in traces(options.stages).items():
        print(row(name, build(), options.rounds), flush=True)


if __name__ == "__main__":
    main()
