"""GMACs and activations compared with published tables; run by `truth.py --costs`.

Each model is built without weights and run on the meta device, in a process of its own, on one image of
the size in the table. Counts are converted to the convention of the table. torchvision counts matrix
products and convolutions (GMACs with 3 decimals). timm counts with fvcore, which adds normalization,
upsampling and adaptive pooling (GMACs and millions of activations with 2 decimals), with unfused
attention.
"""

from __future__ import annotations

import collections
import csv
import fnmatch
import json
import multiprocessing
import os
import re
import signal
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from truth_tables import arguments_of, target_of

ROOT = Path(__file__).parents[1]
TRUTH = ROOT / "tests" / "truth"
LIMIT = 240
"""Time limit for one model in seconds."""

EXPLAINED: dict[str, str] = {
    "torchvision:maskrcnn_*": "its head for masks runs on what is detected: with other weights, nothing",
    "timm:ghostnetv3_*": "published for a model whose branches are merged, as its parameters are too",
    "timm:*rope_mixed*": "published for an older timm, which had a matrix product in that embedding",
}
"""Reasons why rows of some models differ, by patterns of their names."""


@dataclass(frozen=True)
class Row:
    """One row of a table, with the counts."""

    target: str
    inputs: str
    arguments: tuple[tuple[str, Any], ...]
    """Arguments to try if the default model does not accept an image of that size."""

    published: tuple[float, ...]
    """GMACs and, for timm, millions of activations."""

    conflict: bool = False
    built_with: tuple[tuple[str, Any], ...] = ()
    """Arguments with which the model of the table was built."""

    counted: tuple[float, ...] = ()
    failure: str = ""

    @property
    def key(self) -> str:
        """Key that is unique among the rows."""
        return f"{self.target} {self.inputs} {self.published}"

    @property
    def agrees(self) -> bool:
        """True if each number equals the published one in its number of decimals."""
        decimals = 3 if self.target.startswith("torchvision") else 2
        # Half of the last decimal may be rounded up or down, and floats are rarely exact halves.
        room = 0.5 * 10**-decimals + 1e-6
        return len(self.counted) == len(self.published) and all(
            abs(one - other) <= room for one, other in zip(self.counted, self.published, strict=True)
        )


def rows(library: str) -> Iterator[Row]:
    """Read a table."""
    with (TRUTH / f"{library}.csv").open(encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))
    for each in table:
        if library == "timm":
            size = int(each["img_size"])
            yield Row(
                target=f"timm:{each['model']}",
                inputs=f"1x3x{size}x{size}",
                arguments=(("img_size", size),),
                published=(float(each["gmacs"]), float(each["macts_M"])),
                conflict=each["conflict"] == "1",
            )
        else:
            target = target_of(each)
            yield Row(
                target=target,
                inputs=_image(each),
                arguments=(),
                built_with=arguments_of(target, each),
                published=(float(each["gmacs_ops"]),),
            )


def _image(row: dict[str, str]) -> str:
    """Return the input of the model in the table, after its preprocessing."""
    if row["transforms"] == "ObjectDetection":
        return "images=3x512x512:list"
    found = re.search(r"crop_size=\(?(\d+)", row["transforms"])
    if "SemanticSegmentation" in row["transforms"]:
        found = re.search(r"resize_size=(\d+)", row["transforms"])
    assert found is not None, row
    frames = "16x" if row["file"].startswith("video/") else ""
    return f"1x3x{frames}{found[1]}x{found[1]}"


def count(row: Row) -> Row:
    """Build and run one model, and return its counts in the convention of the table."""
    import netinspect
    from netinspect.analysis.operator_counts import (
        fvcore_activations,
        fvcore_macs,
        torchvision_macs,
    )

    trace, failure = None, ""
    for on in ("meta", "auto"):
        for arguments in dict.fromkeys(((), row.arguments)):
            try:
                trace = netinspect.load(
                    row.target,
                    model_args=dict(row.built_with + arguments),
                    inputs=[row.inputs],
                    tensors=on,
                )
            except netinspect.NetinspectError as error:
                failure = failure or f"{error.message}: {error.cause or ''}".partition("\n")[0]
                continue
            if trace.failure is None:
                break
            failure = failure or trace.failure.message.partition("\n")[0]
        if trace is not None and trace.failure is None:
            break
    if trace is None or trace.failure is not None:
        return _with(row, failure=failure[:200] or "not built")
    if row.target.startswith("torchvision"):
        return _with(row, counted=(torchvision_macs(trace) / 1e9,))
    return _with(row, counted=(fvcore_macs(trace) / 1e9, fvcore_activations(trace) / 1e6))


def _with(row: Row, *, counted: tuple[float, ...] = (), failure: str = "") -> Row:
    return Row(**{**vars_of(row), "counted": counted, "failure": failure})


def vars_of(row: Row) -> dict[str, Any]:
    """Return the fields of a row."""
    return {name: getattr(row, name) for name in Row.__dataclass_fields__}


def _count_in_time(row: Row) -> Row:
    signal.signal(signal.SIGALRM, _too_long)
    signal.alarm(LIMIT)
    try:
        return count(row)
    except Exception as error:  # one failing model must not end the run
        return _with(row, failure=f"{type(error).__name__}: {error}"[:200])


def _too_long(*_: Any) -> None:
    raise TimeoutError(f"more than {LIMIT} s")


def prepare() -> None:
    """Import the libraries of all models once: each process is a fork of this one."""
    os.environ["TIMM_FUSED_ATTN"] = "0"
    sys.path.insert(0, str(ROOT))
    from tests import operators

    operators.declare()
    import timm  # noqa: F401
    import torch
    import torchvision  # type: ignore[import-untyped]  # noqa: F401

    import netinspect

    torch.set_num_threads(1)
    netinspect.load("torchvision:alexnet", inputs=["1x3x64x64"], tensors="meta")


def check(
    libraries: Sequence[str], *, only: str, sample: int | None, jobs: int, output: Path | None
) -> int:
    """Check the tables and print the differences.

    Args:
        libraries: Names of the tables.
        only: Shell pattern of model names.
        sample: Number of rows of each table, evenly spread; None for all.
        jobs: Number of parallel processes.
        output: File to which results are appended; rows in it are not run again.

    Returns:
        Number of rows that differ without an explanation.
    """
    known = _read(output)
    unexplained = 0
    prepare()
    for library in libraries:
        wanted = [
            each
            for each in dict.fromkeys(rows(library))
            if fnmatch.fnmatch(each.target.partition(":")[2], only)
        ]
        if sample is not None and sample < len(wanted):
            wanted = [wanted[index * len(wanted) // sample] for index in range(sample)]
        missing = [each for each in wanted if each.key not in known]
        with multiprocessing.get_context("fork").Pool(jobs, maxtasksperchild=1) as pool:
            for done in pool.imap_unordered(_count_in_time, missing):
                known[done.key] = done
                if output is not None:
                    with output.open("a", encoding="utf-8") as file:
                        file.write(json.dumps(asdict(done)) + "\n")
        unexplained += print_results(library, [known[each.key] for each in wanted])
    return unexplained


def _read(output: Path | None) -> dict[str, Row]:
    if output is None or not output.exists():
        return {}
    found = {}
    for line in output.read_text(encoding="utf-8").splitlines():
        data = json.loads(line)
        for name in ("arguments", "built_with"):
            data[name] = tuple(map(tuple, data[name]))
        for name in ("published", "counted"):
            data[name] = tuple(data[name])
        row = Row(**data)
        found[row.key] = row
    return found


def print_results(library: str, done: Sequence[Row]) -> int:
    """Print the number of equal rows and each different row; return the number without a reason."""
    plain = [each for each in done if not each.conflict]
    built = [each for each in plain if each.counted]
    differing = [each for each in built if not each.agrees]
    matched = len(built) - len(differing)
    print(f"{library}: {matched} of {len(built)} as published; {len(plain) - len(built)} not built")
    reasons: dict[str, list[Row]] = collections.defaultdict(list)
    for row in differing:
        reasons[explanation(row)].append(row)
    for reason, members in reasons.items():
        print(f"  {reason or 'UNEXPLAINED'}:")
        for row in members:
            counted = ", ".join(f"{each:.3f}" for each in row.counted)
            print(f"    {row.target} {row.inputs}: published {row.published}, counted {counted}")
    for row in plain:
        if not row.counted:
            print(f"  not built: {row.target} {row.inputs}: {row.failure}")
    apart = [each for each in done if each.conflict]
    if apart:
        print(f"  apart, in conflict: {sum(each.agrees for each in apart)} of {len(apart)} as published")
    return len(reasons.get("", ()))


def explanation(row: Row) -> str:
    """Return the reason why a row differs; empty if unknown."""
    name = row.target
    return next((why for glob, why in EXPLAINED.items() if fnmatch.fnmatch(name, glob)), "")
