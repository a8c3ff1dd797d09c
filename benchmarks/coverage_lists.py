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
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from coverage_peers import PEERS, peer_targets
from coverage_processes import Job, Limits, Result, run_jobs
from coverage_steps import judged, run_forward, run_summary
from coverage_targets import FOLDER, CoverageTarget, read_targets

SLOW = 20.0
"""CPU seconds above which a summary is listed as slow."""


def root_of(target: CoverageTarget, empty: Path, options: argparse.Namespace) -> Path:
    """Return the folder in which a user of the target works."""
    if target.commit:
        return checkout(target.group, target.commit, options) / target.folder
    return FOLDER / target.folder if target.folder else empty


def checkout(repository: str, commit: str, options: argparse.Namespace) -> Path:
    """Return a clone of a repository at a commit; make it if there is none."""
    name = repository.replace("/", "+")
    folder: Path = options.checkouts / name
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        mirror = options.mirror and options.mirror / name / "repo"
        source = str(mirror) if mirror and mirror.exists() else f"https://github.com/{repository}"
        # Some mirrors lack large files, such as pictures: the rest is checked out, and git returns 1.
        subprocess.run(["git", "clone", "-q", "--no-checkout", source, str(folder)], check=True)
        subprocess.run(["git", "-C", str(folder), "checkout", "-q", "-f", commit], check=False)
    return folder


def run_list(name: str, options: argparse.Namespace, limits: Limits) -> list[dict[str, Any]]:
    """Measure the targets of a list that are wanted, and return the outcomes of all of them.

    A plain forward is not run again if the entry is as it was.
    """
    targets = {each.name: each for each in _targets(name, options)}
    steps = ("summary",) if name == "peers" else ("forward", "summary")
    kept = _kept(options.output, name, targets)
    globs = options.only or ["*"]
    wanted = [each for each in targets if any(fnmatch.fnmatch(each, glob) for glob in globs)]
    outcomes = {each: kept.get(each, {}) for each in wanted}
    with tempfile.TemporaryDirectory() as folder:
        roots: dict[str, Path] = {}

        def job(each: str, step: str) -> Job:
            target, root = targets[each], roots[each]
            run = run_forward if step == "forward" else run_summary
            return Job(each, step, lambda: run(target, root))

        def next_step(each: str) -> str | None:
            outcome = outcomes[each]
            lacking = [step for step in steps if step not in outcome]
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
            odd = oddity_of(target, outcome)
            row = {"library": name, "name": done.name, "entry": _entry(target), **outcome, "odd": odd}
            print(f"{verdict(target, outcome)}  {done.name}", file=sys.stderr, flush=True)
            if options.output:
                with options.output.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(row) + "\n")
    return [{"target": targets[each], "name": each, **outcomes[each]} for each in wanted]


def _targets(name: str, options: argparse.Namespace) -> Iterable[CoverageTarget]:
    if name != "peers":
        return read_targets(FOLDER / f"{name}.toml")
    return peer_targets({each: checkout(each, commit, options) for each, (commit, _) in PEERS.items()})


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
    return able(outcome) and bool(outcome["summary"]["ok"])


def able(outcome: Mapping[str, Any]) -> bool:
    """Return whether the model can run; that is not known of the models of peers."""
    return bool(outcome.get("forward", {"ok": True})["ok"])


def verdict(target: CoverageTarget, outcome: Mapping[str, Any]) -> str:
    """Return `pass`, `odd`, `fail` or, if the plain forward fails too, `none`."""
    if not is_run(outcome):
        return "fail" if able(outcome) else "none"
    return "odd " if oddity_of(target, outcome) else "pass"


def oddity_of(target: CoverageTarget, outcome: Mapping[str, Any]) -> str:
    """Return what is odd about the model or the input; nothing for peers, whose inputs are not known."""
    if not target.inputs or not is_run(outcome):
        return ""
    return judged(target, outcome["forward"], outcome["summary"])


def list_report(rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Yield the totals of a list of targets, and what failed, is odd or slow."""
    verdicts = {row["name"]: verdict(row["target"], row).strip() for row in rows}
    can = [row for row in rows if verdicts[row["name"]] != "none"]
    passed = [row for row in can if verdicts[row["name"]] != "fail"]
    odd = [row for row in can if verdicts[row["name"]] == "odd"]
    slow = [row for row in rows if row["summary"].get("cpu", 0) > SLOW]
    yield (
        f"{len(rows)} targets, {len(can)} that can pass: {len(passed)} passed "
        f"({len(passed) / max(1, len(can)):.1%}), {len(odd)} of them on an odd input; "
        f"{len(slow)} above {SLOW:g} CPU s"
    )
    for row in rows:
        name, summary = row["name"], row["summary"]
        used = f"{summary.get('cpu', 0):g} CPU s, {summary.get('tries', 0)} tries"
        if verdicts[name] == "none":
            yield f"  none  {name}\n        plain forward: {_line(row['forward']['cause'])}"
        elif verdicts[name] == "fail":
            yield f"  fail  {name}  ({used})\n        {_line(summary['cause'])}"
        elif verdicts[name] == "odd":
            why = oddity_of(row["target"], row)
            reasons = "; ".join(summary["reasons"])
            chosen = " ".join(summary["chosen"])
            yield f"  odd   {name}  ({used})\n        {why}; chosen: {chosen} ({reasons})"
    for row in slow:
        yield f"  slow  {row['name']}  ({row['summary']['cpu']:g} CPU s)"


def _line(cause: str) -> str:
    return cause.replace("\n", " / ")[:300]
