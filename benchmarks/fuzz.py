"""Damage valid checkpoints for as long as one likes, and see what reading makes of them.

    python benchmarks/fuzz.py --seconds N [--format X] [--seed S] [--no-views] [--save FOLDER]

What must hold is in `tests/checkpoints/hostile/fuzzing.py`: an error that names the file, or a record
that is sound and can be shown; soon, and in little memory. What leads to an outcome that was not seen
before is damaged further. A case that breaks it is saved and reported, each fault
once. The random numbers follow from the seed and the format, so that a run can be repeated.
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
"""Seconds of one case until it is called slow."""

_LONGEST_SEED = 100_000
_MOST_PARTS = 2000
_SELDOM = 4
"""One in so many is also asked for values, differences and names: that takes longer."""

_ADDRESS_SPACE = 8 << 30
"""Beyond it, asking for memory fails instead of stopping the machine."""


@dataclass
class Tally:
    """What was seen of one format."""

    cases: int = 0
    errors: int = 0
    ways: int = 0
    """Different outcomes: places where reading failed, and kinds of what was found."""

    slowest: float = 0.0
    peak: int = 0
    faults: dict[str, Path] = field(default_factory=dict)
    """For each kind of fault, the first case that has it."""


def fuzz(format: str, seconds: float, seed: int, *, views: bool, save: Path) -> Tally:
    """Damage files of one format for so long."""
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
        # What still was a checkpoint is damaged more often: more is traced in it.
        start = source.choice(valid if source.randrange(4) else broken)
        damaged = damage(start, random_steps(source))
        case = damaged.bytes()
        tally.cases += 1
        try:
            outcome = examine(case, views=views)
            if views and not source.randrange(_SELDOM):
                examine_file(case, start.bytes(), folder)
        except (Exception, Hang) as fault:  # of any kind, it is what is looked for
            _note(tally, format, fault, case, save)
            continue
        tally.errors += outcome.checkpoint is None
        if outcome.sign not in seen:
            seen.add(outcome.sign)
            tally.ways += 1
            # What led somewhere new may lead further.
            if len(case) < _LONGEST_SEED and len(damaged.parts) < _MOST_PARTS:
                (broken if outcome.checkpoint is None else valid).append(damaged)
        tally.peak = max(tally.peak, outcome.peak)
        if outcome.seconds > tally.slowest:
            tally.slowest = outcome.seconds
            # Once more, since the machine may have had something else to do.
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
    """Run; 1 where anything was found."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=60.0, help="for all formats together")
    parser.add_argument("--format", choices=[*FORMATS, UNREAD], action="append")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--no-views", action="store_true", help="read only: several times as many cases")
    parser.add_argument("--save", type=Path, default=Path("fuzz-cases"))
    given = parser.parse_args()
    formats = given.format or [*FORMATS, UNREAD]
    resource.setrlimit(resource.RLIMIT_AS, (_ADDRESS_SPACE, _ADDRESS_SPACE))
    warnings.simplefilter("ignore")
    print(
        f"{'format':16}  {'cases':>9}  {'errors':>7}  {'ways':>6}  {'slowest':>8}  {'peak':>9}  faults"
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
