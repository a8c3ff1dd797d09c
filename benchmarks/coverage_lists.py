"""Coverage of the targets in `targets/*.toml`; `coverage.py` runs it."""

from __future__ import annotations

import argparse
import contextlib
import fnmatch
import importlib
import io
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from coverage_processes import Job, Limits, Result, run_jobs
from coverage_steps import judged, run_forward, run_summary
from coverage_targets import FOLDER, CoverageTarget, read_targets

SLOW = 20.0
"""CPU seconds above which a summary is listed as slow."""


def root_of(target: CoverageTarget, empty: Path, options: argparse.Namespace) -> Path:
    """Return the folder in which a user of the target works."""
    if target.commit:
        return checkout(target, options) / target.folder
    return FOLDER / target.folder if target.folder else empty


def checkout(target: CoverageTarget, options: argparse.Namespace) -> Path:
    """Return a clone of the target's repository at its commit; make it if there is none."""
    name = target.group.replace("/", "+")
    folder: Path = options.checkouts / name
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        mirror = options.mirror and options.mirror / name / "repo"
        source = str(mirror) if mirror and mirror.exists() else f"https://github.com/{target.group}"
        # Some mirrors lack large files, such as pictures: the rest is checked out, and git returns 1.
        subprocess.run(["git", "clone", "-q", "--no-checkout", source, str(folder)], check=True)
        subprocess.run(["git", "-C", str(folder), "checkout", "-q", "-f", target.commit], check=False)
    return folder


def run_list(name: str, options: argparse.Namespace, limits: Limits) -> list[dict[str, Any]]:
    """Measure the targets of a list that are wanted, and return the outcomes of all of them.

    A plain forward is not run again if the entry is as it was.
    """
    targets = {each.name: each for each in read_targets(FOLDER / f"{name}.toml")}
    kept = _kept(options.output, name, targets)
    wanted = [each for each in targets if fnmatch.fnmatch(each, options.only)]
    outcomes = {each: kept.get(each, {}) for each in wanted}
    with tempfile.TemporaryDirectory() as folder:
        roots: dict[str, Path] = {}

        def job(each: str, step: str) -> Job:
            target, root = targets[each], roots[each]
            run = run_forward if step == "forward" else run_summary
            return Job(each, step, lambda: run(target, root))

        def next_step(each: str) -> str | None:
            outcome = outcomes[each]
            lacking = [step for step in ("forward", "summary") if step not in outcome]
            return lacking[0] if lacking else None

        def following(done: Job, result: Result) -> Job | None:
            outcomes[done.name][done.step] = result
            step = next_step(done.name)
            return job(done.name, step) if step else None

        first = []
        for place, each in enumerate(wanted):
            if options.step:
                outcomes[each] = {
                    key: value for key, value in outcomes[each].items() if key != options.step
                }
            step = next_step(each)
            if step is None:
                continue
            empty = Path(folder) / str(place)  # models may write files
            empty.mkdir()
            roots[each] = root_of(targets[each], empty, options)
            first.append(job(each, step))
            if not options.anew:
                _import(targets[each])
        for done, _ in run_jobs(first, limits, following):
            outcome = outcomes[done.name]
            if next_step(done.name) is not None:
                continue
            target = targets[done.name]
            odd = judged(target, outcome["forward"], outcome["summary"]) if is_run(outcome) else ""
            row = {"library": name, "name": done.name, "entry": _entry(target), **outcome, "odd": odd}
            print(f"{verdict(target, outcome)}  {done.name}", file=sys.stderr, flush=True)
            if options.output:
                with options.output.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(row) + "\n")
    return [{"target": targets[each], "name": each, **outcomes[each]} for each in wanted]


def _import(target: CoverageTarget) -> None:
    """Import the library of a target once for all its models."""
    place = target.target.partition(":")[0]
    if not (target.commit or place.endswith(".py")):
        with contextlib.suppress(Exception), contextlib.redirect_stdout(io.StringIO()):
            importlib.import_module(place)


def _entry(target: CoverageTarget) -> str:
    return repr((target.inputs, target.build, target.args, target.meta, target.commit))


def _kept(
    output: Path | None, name: str, targets: Mapping[str, CoverageTarget]
) -> dict[str, dict[str, Any]]:
    kept: dict[str, dict[str, Any]] = {}
    if output is None or not output.exists():
        return kept
    for line in output.read_text("utf-8").splitlines():
        row = json.loads(line)
        target = targets.get(row["name"])
        if row["library"] == name and target is not None and row.get("entry") == _entry(target):
            kept[row["name"]] = {key: row[key] for key in ("forward", "summary") if key in row}
    return kept


def is_run(outcome: Mapping[str, Any]) -> bool:
    """Return whether both the plain forward and the command passed."""
    return bool(outcome["forward"]["ok"] and outcome["summary"]["ok"])


def verdict(target: CoverageTarget, outcome: Mapping[str, Any]) -> str:
    """Return `pass`, `odd`, `fail` or, if the plain forward fails too, `none`."""
    if not is_run(outcome):
        return "fail" if outcome["forward"]["ok"] else "none"
    return "odd " if judged(target, outcome["forward"], outcome["summary"]) else "pass"


def list_report(rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Yield the totals of a list of targets, and what failed, is odd or slow."""
    verdicts = {row["name"]: verdict(row["target"], row).strip() for row in rows}
    able = [row for row in rows if verdicts[row["name"]] != "none"]
    passed = [row for row in able if verdicts[row["name"]] != "fail"]
    odd = [row for row in able if verdicts[row["name"]] == "odd"]
    slow = [row for row in rows if row["summary"].get("cpu", 0) > SLOW]
    yield (
        f"{len(rows)} targets, {len(able)} that can pass: {len(passed)} passed "
        f"({len(passed) / max(1, len(able)):.1%}), {len(odd)} of them on an odd input; "
        f"{len(slow)} above {SLOW:g} CPU s"
    )
    for row in rows:
        name, summary, forward = row["name"], row["summary"], row["forward"]
        used = f"{summary.get('cpu', 0):g} CPU s, {summary.get('tries', 0)} tries"
        if verdicts[name] == "none":
            yield f"  none  {name}\n        plain forward: {_line(forward['cause'])}"
        elif verdicts[name] == "fail":
            yield f"  fail  {name}  ({used})\n        {_line(summary['cause'])}"
        elif verdicts[name] == "odd":
            why = judged(row["target"], forward, summary)
            reasons = "; ".join(summary["reasons"])
            chosen = " ".join(summary["chosen"])
            yield f"  odd   {name}  ({used})\n        {why}; chosen: {chosen} ({reasons})"
    for row in slow:
        yield f"  slow  {row['name']}  ({row['summary']['cpu']:g} CPU s)"


def _line(cause: str) -> str:
    return cause.replace("\n", " / ")[:300]
