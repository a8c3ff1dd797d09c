"""Cost of a trace inside a process: compared with a plain forward, and as models grow.

    python benchmarks/growth.py [--rounds N] [--most MODULES]

The first table compares `capture` with the model's own forward on the same inputs, in turn, with one
thread: medians of CPU seconds, and the smallest and largest ratio of a round. The second table has the
microseconds per module of each part of a trace, for models of a thousand modules and more: they are
constant if work grows linearly with the number of modules.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "benchmarks" / "nets"), str(ROOT / "models")]

import gpt2  # noqa: E402
import resnet  # noqa: E402
import resnet18  # noqa: E402

from netinspect import api  # noqa: E402
from netinspect.api import _views  # noqa: E402


class Chain(nn.Module):
    """Layers in a list, one after the other, with a function between them."""

    def __init__(self, layers: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(2, 2) for _ in range(layers))

    def forward(self, x: Tensor) -> Tensor:
        """Run all layers."""
        for layer in self.layers:
            x = torch.relu(layer(x))
        return x


class Reused(nn.Module):
    """One layer that is called many times."""

    def __init__(self, calls: int) -> None:
        super().__init__()
        self.calls = calls
        self.layer = nn.Linear(2, 2)

    def forward(self, x: Tensor) -> Tensor:
        """Run the layer repeatedly."""
        for _ in range(self.calls):
            x = self.layer(x)
        return x


def tree(leaves: int) -> nn.Module:
    """Return a tree with ten branches at each node."""
    if leaves <= 10:
        return nn.Sequential(*(nn.ReLU() for _ in range(leaves)))
    return nn.Sequential(*(tree(leaves // 10) for _ in range(10)))


def seconds(function: Callable[[], object]) -> float:
    """Return the CPU seconds of one call."""
    begin = time.process_time()
    function()
    return time.process_time() - begin


def overhead(name: str, model: nn.Module, x: Tensor, rounds: int) -> str:
    """Return one row: capture compared with forward."""
    model.eval()
    pairs = []
    for _ in range(rounds + 2):
        with torch.no_grad():
            plain = seconds(partial(model, x))
        pairs.append((plain, seconds(partial(api.capture, model, x))))
    pairs = pairs[2:]
    plains, ours = (statistics.median(each) for each in zip(*pairs, strict=True))
    ratios = [one / plain for plain, one in pairs]
    return (
        f"| {name} | {plains * 1e3:.1f} | {ours * 1e3:.1f} | {statistics.median(ratios):.2f} | "
        f"{min(ratios):.2f}-{max(ratios):.2f} |"
    )


def parts(model: nn.Module) -> tuple[int, list[float]]:
    """Return the number of steps, and the CPU seconds of each part of a trace."""
    x = torch.ones(1, 2)
    with torch.no_grad():
        costs = [seconds(partial(model, x))]
    begin = time.process_time()
    trace = api.capture(model, x)
    costs.append(time.process_time() - begin)
    begin = time.process_time()
    view = _views.summary(trace)
    costs.append(time.process_time() - begin)
    costs += (seconds(partial(view.text, style)) for style in ("rich", "plain", "json"))
    return len(trace.steps), costs


def main() -> None:
    """Measure and print both tables."""
    parser = argparse.ArgumentParser(description="CPU seconds of a trace inside a process.")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--most", type=int, default=50_000)
    options = parser.parse_args()
    torch.set_num_threads(1)
    gc.set_threshold(100_000, 50, 100)  # as in the command line
    image, small = torch.randn(1, 3, 224, 224), torch.randn(1, 3, 64, 64)
    print("| model | forward ms | capture ms | ratio | min-max |\n|---|---|---|---|---|")
    for name, model, x in (
        ("ResNet-18, 64x64", resnet18.ResNet18(), small),
        ("ResNet-50, 224x224", resnet.resnet50(), image),
        ("ResNet-50, meta", resnet.resnet50().to("meta"), image.to("meta")),
        ("GPT-2, 1x128", gpt2.GPT2(), torch.zeros(1, 128, dtype=torch.int64)),
        ("100 linear layers of 2x2", Chain(100), torch.ones(1, 2)),
    ):
        print(overhead(name, model, x, options.rounds), flush=True)
    print("\nMicroseconds per module:\n")
    print("| model | modules | steps | forward | capture | summary | rich | plain | json |")
    print("|---|---|---|---|---|---|---|---|---|")
    for make in (Chain, Reused, tree):
        count = 1000
        while count <= options.most:
            model = make(count)
            steps, found = parts(model)
            costs = " | ".join(f"{cost / count * 1e6:.1f}" for cost in found)
            print(f"| {make.__name__} | {count} | {steps} | {costs} |", flush=True)
            count *= 10 if count * 10 <= options.most or count == options.most else 5


if __name__ == "__main__":
    main()
