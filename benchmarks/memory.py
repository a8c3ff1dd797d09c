"""Estimates of `netinspect memory` compared with the allocations of torch for the same run.

    python benchmarks/memory.py [--only NAME] [--device cpu|cuda]

Every model is run for real, in inference and in training, in a process of its own. On the CPU, torch's
profiler records each allocation, and the largest running sum is the peak; on a GPU it is
`torch.cuda.max_memory_allocated`. The code that runs is the code that is tracked, with the same loss and
optimizer. If the two differ by more than 5 %, the table has the operator of the measured peak and, on
the CPU, the ratio to a run without oneDNN, whose convolutions allocate copies of their own.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
LIBRARY = f"{ROOT}/benchmarks/memory_models.py"
IMAGES = ("x=1x3x224x224",)
TOKENS = ("input_ids=1x64:int64:0..999",)


@dataclass(frozen=True)
class Case:
    """One model with its batch and inputs."""

    name: str
    target: str
    batch: int
    inputs: tuple[str, ...] = ()


CASES = (
    Case("lenet", "lenet", 1024),
    Case("alexnet", "alexnet", 8),
    Case("resnet18", "resnet18", 8),
    Case("unet", "unet", 8),
    Case("autoencoder", "autoencoder", 512),
    Case("lstm_tagger", "lstm_tagger", 256),
    Case("tiny_gpt", "tiny_gpt", 32),
    Case("encoder", "encoder", 128),
    Case("mlp", "mlp", 4096),
    Case("torchvision resnet50", f"{LIBRARY}:resnet50", 4, IMAGES),
    Case("torchvision mobilenet_v3_small", f"{LIBRARY}:mobilenet", 8, IMAGES),
    Case("timm vit_tiny_patch16_224", f"{LIBRARY}:vit", 8, IMAGES),
    Case("timm convnext_atto", f"{LIBRARY}:convnext", 8, IMAGES),
    Case("transformers BERT, 4 layers", f"{LIBRARY}:bert", 16, TOKENS),
    Case("transformers GPT-2, 4 layers", f"{LIBRARY}:gpt2", 16, TOKENS),
    Case("transformers Llama, 4 layers", f"{LIBRARY}:llama", 16, TOKENS),
)


def run(target: str, specs: list[str], training: bool, device: str) -> None:
    """Build a model, create its inputs, and run it; this is measured."""
    from netinspect.inputs.arguments import make_arguments
    from netinspect.inputs.request import InputRequest
    from netinspect.inputs.spec import parse_spec
    from netinspect.memory_tracker.workload import Observer, infer, train
    from netinspect.targets.model_factory import find_factory
    from netinspect.targets.target import parse_target
    from netinspect.tracing.arguments import split

    model = find_factory(parse_target(target), {}).build()[0].to(device).train(training)
    arguments = make_arguments(model, [(parse_spec(spec), "") for spec in specs], InputRequest())
    args, kwargs = split(arguments)
    arguments.clear()

    def call() -> Any:
        return model(*args, **kwargs)

    if training:
        train(model, call, "adamw", foreach=device == "cuda", observer=Observer())
    else:
        infer(call, Observer())


def measure(target: str, specs: list[str], training: bool, device: str, onednn: bool) -> dict[str, Any]:
    """Return the peak in bytes, and the operators that ran at that moment."""
    import torch

    if device == "cuda":
        run(target, specs, training, device)  # libraries allocate their workspaces in the first run
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        run(target, specs, training, device)
        return {"bytes": torch.cuda.max_memory_allocated() - before, "where": ""}
    from torch.profiler import ProfilerActivity, profile

    torch._C._set_mkldnn_enabled(onednn)
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        run(target, specs, training, device)
    events = sorted(profiler.profiler.kineto_results.events(), key=lambda event: event.start_ns())
    total = peak = moment = 0
    for event in events:
        if event.name() == "[memory]":
            total += event.nbytes()
            if total > peak:
                peak, moment = total, event.start_ns()
    inside = [
        event.name()
        for event in events
        if event.name().startswith("aten::")
        and event.start_ns() <= moment <= event.start_ns() + event.duration_ns()
    ]
    return {"bytes": peak, "where": " > ".join(inside[-3:])}


def measured(case: Case, specs: list[str], training: bool, device: str, *, onednn: bool = True) -> Any:
    """Measure in a child process."""
    question = json.dumps([case.target, specs, training, device, onednn])
    done = subprocess.run(
        [sys.executable, __file__, "--measure", question],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def row(case: Case, training: bool, device: str) -> list[str]:
    import netinspect

    report = netinspect.memory(
        case.target, batch=case.batch, train=training, allocator=device, inputs=case.inputs
    ).record
    specs = [text for entry in report.header.inputs for text in entry.spec.split()]
    true = measured(case, specs, training, device)
    ratio = report.peak.total / true["bytes"]
    cells = [
        case.name,
        str(case.batch),
        "training" if training else "inference",
        f"{report.peak.total / 2**20:.2f}",
        f"{true['bytes'] / 2**20:.2f}",
        f"{ratio:.3f}",
        "",
        "",
    ]
    if abs(ratio - 1) > 0.05:
        cells[6] = true["where"]
        if device == "cpu":
            plain = measured(case, specs, training, device, onednn=False)
            cells[7] = f"{report.peak.total / plain['bytes']:.3f}"
    return cells


TITLES = (
    "model", "batch", "run", "estimate, MiB", "measured, MiB", "ratio", "measured peak in",
    "ratio without oneDNN",
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--only", default="*")
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(*json.loads(options.measure))))
        return
    import torch

    if options.device == "cuda" and not torch.cuda.is_available():
        sys.exit("no CUDA device is available")
    name = torch.cuda.get_device_name() if options.device == "cuda" else "CPU"
    print(f"torch {torch.__version__}, {name}\n\n| {' | '.join(TITLES)} |\n|{'---|' * len(TITLES)}")
    for case in CASES:
        if fnmatch.fnmatch(case.name, options.only):
            for training in (False, True):
                print(f"| {' | '.join(row(case, training, options.device))} |", flush=True)


if __name__ == "__main__":
    main()
