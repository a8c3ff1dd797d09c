"""Coverage: models of a library that are summarised from their name alone.

    python benchmarks/coverage.py [--library timm] [--only GLOB] [--sample N] [--steps N]
        [--output FILE.json]

Three outcomes for each model, each in a process of its own with limits of time and memory:

- `summary`: `netinspect summary LIBRARY:NAME` ends with exit code 0;
- `forward`: the model, built by the library itself, runs on a suitable input;
- `torchinfo`: `torchinfo.summary` of that model with that input.

The suitable input is the one that netinspect inferred or, if that failed, one written by hand for the
library. Models of transformers are reduced first: the default configuration of each type, with two
layers, is written to a folder, and the folder is the target; if that fails, the whole configuration is
used. Values that a default configuration lacks are added. Results are appended to the output as JSON
lines; models that are in it are not run again.

    python benchmarks/coverage.py --library libraries|more_libraries|repositories|sample [--step summary]

measures the targets of `targets/*.toml`, whose right inputs were written by hand: a plain forward on the
right input tells which can pass, and the input that netinspect chose is compared with it. `--library
peers` summarises the models of the tests of other tools.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import datetime
import fnmatch
import io
import json
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from coverage_lists import list_report, run_list
from coverage_models import (
    LIBRARIES,
    build,
    configurations,
    made_again,
    made_by_hand,
    targets,
    write_config,
)
from coverage_processes import Job, Limits, Result, run_jobs
from coverage_targets import LISTS

sys.path.insert(0, str(Path(__file__).parents[1]))

STEPS = ("summary", "forward", "torchinfo")
LARGEST_REAL = 300_000_000
"""Largest number of parameters for which a forward that fails on meta is tried with real weights."""


# --- one step, in its own process ----------------------------------------------------------------


def run_summary(library: str, name: str, target: str, given: dict[str, Any]) -> dict[str, Any]:
    """Run the command; its report has the inferred input."""
    if library != "transformers":
        return summarized(target)
    outcome: dict[str, Any] = {"ok": False, "cause": "no default configuration"}
    for settings in configurations(name):
        write_config(settings, Path(target.partition(":")[2]))
        outcome = summarized(target)
        if outcome["ok"]:
            break
    return outcome


def summarized(target: str) -> dict[str, Any]:
    """Run the command on a target."""
    from netinspect.cli.run import run

    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = int(run(["summary", target, "--format", "json", "--quiet"]))
    errors = [line for line in err.getvalue().splitlines() if line.startswith('{"error"')]
    if code:
        error = json.loads(errors[-1]) if errors else {"message": err.getvalue()[-300:]}
        return {
            "ok": False,
            "cause": f"{error.get('message')}: {error.get('cause') or ''}",
            "code": code,
        }
    report = json.loads(out.getvalue())
    return {
        "ok": True,
        "parameters": report["totals"]["parameters"],
        "class_name": report["header"]["class_name"],
        "inputs": report["header"].get("inputs", []),
    }


def run_forward(library: str, name: str, target: str, given: dict[str, Any]) -> dict[str, Any]:
    """Run the model itself, on the meta device if that works."""
    import torch

    with torch.no_grad():
        device, (model, positional, named) = _working(library, name, target, given)
    del model, positional, named
    return {"ok": True, "device": device}


def _working(library: str, name: str, target: str, given: dict[str, Any]) -> tuple[str, Any]:
    """Return the device on which a model runs, and the model with its arguments."""
    ready = None
    for device in ("meta", "cpu"):
        try:
            ready = _ready(library, name, target, given, device)
            ready[0](*ready[1], **ready[2])
        except Exception:  # it may run with values
            if device == "cpu" or (ready is not None and _size(ready[0]) > LARGEST_REAL):
                raise
        else:
            return device, ready
    raise AssertionError("one of the devices returns or raises")


def _ready(library: str, name: str, target: str, given: dict[str, Any], device: str) -> Any:
    model = build(library, name, target, device, given.get("class_name", ""))
    inputs = given.get("inputs")
    if inputs:
        arguments = [(each["name"], made_again(each, device)) for each in inputs]
        return model, [], dict(arguments)
    pairs = made_by_hand(library, name, model, device)
    return model, [v for key, v in pairs if key is None], {key: v for key, v in pairs if key}


def _size(model: Any) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def run_torchinfo(library: str, name: str, target: str, given: dict[str, Any]) -> dict[str, Any]:
    """Run torchinfo on the model and its input."""
    import torchinfo

    device = given.get("device", "cpu")
    model, positional, named = _ready(library, name, target, given, device)
    data: Any = named or positional
    found = torchinfo.summary(model, input_data=data, device=device, mode="eval", verbose=0)
    str(found)
    return {"ok": True, "parameters": found.total_params}


RUN: dict[str, Callable[[str, str, str, dict[str, Any]], dict[str, Any]]] = {
    "summary": run_summary,
    "forward": run_forward,
    "torchinfo": run_torchinfo,
}


def measure(
    library: str, wanted: dict[str, str], limits: Limits, steps: int
) -> Iterator[dict[str, Any]]:
    """Measure models in parallel; the steps of one model run one after the other."""
    outcomes: dict[str, dict[str, Any]] = {name: {} for name in wanted}
    given: dict[str, dict[str, Any]] = {name: {} for name in wanted}

    def job(name: str, step: str) -> Job:
        passed = given[name]
        return Job(name, step, lambda: RUN[step](library, name, wanted[name], passed))

    def following(done: Job, result: Result) -> Job | None:
        outcomes[done.name][done.step] = result
        keys = ("inputs", "device", "class_name")
        given[done.name] |= {key: result[key] for key in keys if key in result}
        step = STEPS.index(done.step) + 1
        failed = done.step == "forward" and not result["ok"]
        return None if failed or step == steps else job(done.name, STEPS[step])

    for done, result in run_jobs([job(name, STEPS[0]) for name in wanted], limits, following):
        outcome = outcomes[done.name]
        if done.step == STEPS[steps - 1] or (done.step == "forward" and not result["ok"]):
            outcome["summary"].pop("inputs", None)
            yield {"library": library, "name": done.name, **outcome}


# --- the report ----------------------------------------------------------------------------------


def is_ok(result: dict[str, Any], step: str) -> bool:
    """Return whether a step succeeded; torchinfo is not run if the model itself does not run."""
    return bool(result.get(step, {}).get("ok"))


def causes(results: Sequence[dict[str, Any]], step: str) -> list[tuple[str, list[str]]]:
    """Group failures by their message, ignoring numbers."""
    groups: dict[str, list[str]] = collections.defaultdict(list)
    for result in results:
        if step in result and not is_ok(result, step):
            groups[re.sub(r"\d+", "N", result[step].get("cause", "")).partition("\n")[0][:160]].append(
                result["name"]
            )
    return sorted(groups.items(), key=lambda each: -len(each[1]))


def report(results: Sequence[dict[str, Any]], *, markdown: bool) -> Iterator[str]:
    """Yield the lines of the report: numbers and failures of each library."""
    if markdown:
        import importlib.metadata as metadata

        import torch

        names = [*LIBRARIES, "torchinfo", "netinspect"]
        versions = [
            f"torch {torch.__version__}",
            *(f"{each} {metadata.version(each)}" for each in names),
        ]
        yield f"Measured on {datetime.date.today():%Y-%m-%d}: {', '.join(versions)}.\n"
        yield "| library | models | netinspect, name only | plain forward | torchinfo, given the input |"
        yield "|---|---|---|---|---|"
    for library in LIBRARIES:
        own = [each for each in results if each["library"] == library]
        if not own:
            continue
        counts = [sum(is_ok(each, step) for each in own) for step in STEPS]
        if markdown:
            yield f"| {library} | {len(own)} | {' | '.join(map(str, counts))} |"
            continue
        shares = ", ".join(f"{step} {count}" for step, count in zip(STEPS, counts, strict=True))
        yield f"{library}: {len(own)} models; {shares}"
        for step in STEPS:
            for cause, names in causes(own, step):
                yield f"  {step} {len(names)} x {cause} ({', '.join(names[:4])})"


def main() -> int:
    # Libraries that import the package `coverage` would find this file.
    sys.path[:] = [each for each in sys.path if each != str(Path(__file__).parent)]
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--library", choices=[*LIBRARIES, *LISTS, "peers"], action="append")
    parser.add_argument(
        "--only", action="append", metavar="GLOB", help="names of models; may be repeated"
    )
    parser.add_argument(
        "--sample", type=int, metavar="N", help="number of models of each library, evenly spread"
    )
    parser.add_argument(
        "--steps", type=int, choices=(1, 2, 3), default=3, help="how many of the outcomes to measure"
    )
    parser.add_argument("--jobs", type=int, default=2, help="processes at a time")
    parser.add_argument("--timeout", type=float, default=60, help="CPU seconds for each step")
    parser.add_argument("--memory", type=int, default=16, help="GiB of address space for each step")
    parser.add_argument(
        "--output", type=Path, metavar="FILE.json", help="JSON lines; resumed if the file exists"
    )
    parser.add_argument(
        "--step", choices=("forward", "summary"), help="of a list of targets: run this step again"
    )
    parser.add_argument(
        "--anew", action="store_true", help="import the library anew for each target of a list"
    )
    parser.add_argument(
        "--checkouts",
        type=Path,
        default=Path.home() / ".cache" / "netinspect-benchmarks",
        help="folder for clones of repositories",
    )
    parser.add_argument(
        "--mirror", type=Path, metavar="DIR", help="clone from DIR/owner+name/repo where it exists"
    )
    parser.add_argument("--markdown", action="store_true", help="print the table for the documentation")
    options = parser.parse_args()
    results: list[dict[str, Any]] = []
    if options.output and options.output.exists():
        results = [json.loads(line) for line in options.output.read_text("utf-8").splitlines()]
    from tests import operators

    operators.declare()
    os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1")
    limits = Limits(options.jobs, options.timeout, options.memory)
    libraries = options.library or LIBRARIES
    with tempfile.TemporaryDirectory() as folder:
        for library in [each for each in libraries if each in LIBRARIES]:
            wanted = targets(library, Path(folder))
            globs = options.only or ["*"]
            names = [name for name in wanted if any(fnmatch.fnmatch(name, each) for each in globs)]
            if options.sample:
                names = [names[place * len(names) // options.sample] for place in range(options.sample)]
            done = {each["name"] for each in results if each["library"] == library}
            names = [name for name in dict.fromkeys(names) if name not in done]
            for result in measure(
                library, {name: wanted[name] for name in names}, limits, options.steps
            ):
                results.append(result)
                marks = " ".join(f"{step}={'ok' if is_ok(result, step) else 'NO'}" for step in STEPS)
                print(f"{library}:{result['name']} {marks}", file=sys.stderr, flush=True)
                if options.output:
                    with options.output.open("a", encoding="utf-8") as file:
                        file.write(json.dumps(result) + "\n")
    print("\n".join(report(results, markdown=options.markdown)))
    for library in [each for each in libraries if each not in LIBRARIES]:
        print(f"{library}: " + "\n".join(list_report(run_list(library, options, limits))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
