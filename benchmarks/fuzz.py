"""Fuzzing of the checkpoint readers with damaged checkpoints.

    python benchmarks/fuzz.py --seconds N [--format X] [--seed S] [--no-views] [--save FOLDER]

`tests/checkpoints/hostile/fuzzing.py` defines the expected outcome: an error that names the file, or a
valid record that can be shown, within limits of time and memory. A case with a new outcome is damaged
further. A case that violates the expectation is saved and reported, once for each fault. The random
numbers depend only on the seed and the format, so that a run can be repeated.
"""

from __future__ import annotations

import argparse
import random
import resource
import sys
import tempfile
import time
import traceback
import warnings
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.checkpoints.hostile.fuzz_seeds import FORMATS, UNREAD, all_seeds  # noqa: E402
from tests.checkpoints.hostile.fuzzing import Hang, damage, examine, examine_file, random_steps  # noqa: E402

MOST_SECONDS = 2.0
"""Seconds after which a case counts as slow."""

_LONGEST_SEED = 100_000
_MOST_PARTS = 2000
_SELDOM = 4
"""Interval of cases that are also checked for values, differences and names, which takes longer."""

_ADDRESS_SPACE = 8 << 30
"""Limit of the address space in bytes: beyond it, allocations fail."""


@dataclass
class Tally:
    """Statistics of one format."""

    cases: int = 0
    errors: int = 0
    ways: int = 0
    """Number of different outcomes: places where reading failed, and kinds of records."""

    slowest: float = 0.0
    peak: int = 0
    faults: dict[str, Path] = field(default_factory=dict)
    """First case of each kind of fault."""


def fuzz(format: str, seconds: float, seed: int, *, views: bool, save: Path) -> Tally:
    """Damage files of one format for a number of seconds."""
    with tempfile.TemporaryDirectory() as made:
        return _fuzz(format, seconds, seed, Path(made), views=views, save=save)


def _fuzz(format: str, seconds: float, seed: int, folder: Path, *, views: bool, save: Path) -> Tally:
    tally = Tally()
    source = random.Random(f"{format} {seed}")
    valid = all_seeds(folder, format)
    broken = list(valid)
    seen: set[str] = set()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        # A case that is still a checkpoint is damaged more often: more code reads it.
        start = source.choice(valid if source.randrange(4) else broken)
        damaged = damage(start, random_steps(source))
        case = damaged.bytes()
        tally.cases += 1
        try:
            outcome = examine(case, views=views)
            if views and not source.randrange(_SELDOM):
                examine_file(case, start.bytes(), folder)
        except (Exception, Hang) as fault:  # any exception is a fault
            _note(tally, format, fault, case, save)
            continue
        tally.errors += outcome.checkpoint is None
        if outcome.sign not in seen:
            seen.add(outcome.sign)
            tally.ways += 1
            # A case with a new outcome may lead to further ones.
            if len(case) < _LONGEST_SEED and len(damaged.parts) < _MOST_PARTS:
                (broken if outcome.checkpoint is None else valid).append(damaged)
        tally.peak = max(tally.peak, outcome.peak)
        if outcome.seconds > tally.slowest:
            tally.slowest = outcome.seconds
            # Measured again, since the machine may have been busy.
            if min(outcome.seconds, examine(case, views=False).seconds) > MOST_SECONDS:
                _note(tally, format, TimeoutError(f"{outcome.seconds:.1f} s"), case, save)
    return tally


def _note(tally: Tally, format: str, fault: BaseException, case: bytes, save: Path) -> None:
    frames = traceback.extract_tb(fault.__traceback__)
    ours = [each for each in frames if "netinspect" in each.filename] or frames
    where = f"{Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else "reading"
    kind = f"{type(fault).__name__} in {where}"
    if kind in tally.faults:
        return
    save.mkdir(parents=True, exist_ok=True)
    path = save / f"{format.replace(' ', '-')}-{len(tally.faults)}.bin"
    path.write_bytes(case)
    tally.faults[kind] = path
    print(f"{format}: {kind}: {str(fault)[:300]}\n  saved as {path}", flush=True)


def main() -> int:
    """Run, and return the exit code: 1 if a fault was found."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=60.0, help="for all formats together")
    parser.add_argument("--format", choices=[*FORMATS, UNREAD], action="append")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--no-views", action="store_true", help="only read the files: several times as many cases"
    )
    parser.add_argument("--save", type=Path, default=Path("fuzz-cases"))
    given = parser.parse_args()
    formats = given.format or [*FORMATS, UNREAD]
    resource.setrlimit(resource.RLIMIT_AS, (_ADDRESS_SPACE, _ADDRESS_SPACE))
    warnings.simplefilter("ignore")
    print(
        f"{'format':16}  {'cases':>9}  {'errors':>7}  {'kinds':>6}  {'slowest':>8}  {'peak':>9}  faults"
    )
    found = 0
    for format in formats:
        share = given.seconds / len(formats)
        tally = fuzz(format, share, given.seed, views=not given.no_views, save=given.save)
        errors = f"{100 * tally.errors / max(1, tally.cases):.0f} %"
        peak = f"{tally.peak / 1e6:.1f} MB"
        found += len(tally.faults)
        measured = f"{tally.ways:6,}  {tally.slowest:6.3f} s  {peak:>9}  {len(tally.faults)}"
        print(f"{format:16}  {tally.cases:9,}  {errors:>7}  {measured}", flush=True)
    return int(found > 0)


if __name__ == "__main__":
    sys.exit(main())
