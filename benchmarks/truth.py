"""Parameter counts, GMACs and activations compared with the published tables of libraries.

    python benchmarks/truth.py [--library torchvision|timm] [--only GLOB] [--jobs N]
    python benchmarks/truth.py --costs [--sample N] [--output FILE.jsonl] [...]

Every model of `tests/truth/torchvision.csv` must have exactly the number of parameters in the table, and
every model of `tests/truth/timm.csv` the number of millions, to two decimals. Rows marked as in conflict
are published for a fused or reparametrised model, and are listed separately. netinspect builds the
models without weights, which takes no memory. For `--costs`, see `truth_costs.py`.
"""

from __future__ import annotations

import argparse
import csv
import fnmatch
import multiprocessing
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from truth_tables import arguments_of, target_of

ROOT = Path(__file__).parents[1]
TRUTH = ROOT / "tests" / "truth"
TABLES = ("torchvision", "timm")

# With trained weights, their backbone has frozen batch norm, whose values are buffers. Without weights
# the values are parameters, and no argument changes that.
FROZEN = {"torchvision:maskrcnn_resnet50_fpn": 53_120}


@dataclass(frozen=True)
class Row:
    """One model of a table, with its count."""

    target: str
    published: str
    counted: str = ""
    failure: str = ""
    conflict: bool = False
    arguments: tuple[tuple[str, Any], ...] = ()

    @property
    def agrees(self) -> bool:
        """True if the count is the published one."""
        return self.counted == self.published


def rows(library: str) -> list[Row]:
    with (TRUTH / f"{library}.csv").open(encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))
    if library == "timm":
        return [
            Row(
                target=f"timm:{row['model']}",
                published=f"{float(row['param_count_M']):.2f}",
                conflict=row["conflict"] == "1",
            )
            for row in table
        ]
    return [
        Row(
            target=target_of(row),
            published=row["num_params"],
            arguments=arguments_of(target_of(row), row),
        )
        for row in table
    ]


def count(row: Row) -> Row:
    """Build one model and count its parameters."""
    sys.path.insert(0, str(ROOT))
    from tests import operators

    operators.declare()
    import netinspect

    try:
        trace = netinspect.load(row.target, model_args=dict(row.arguments), run=False)
    except netinspect.NetinspectError as error:
        return replace(row, failure=f"{error.message}: {error.cause or ''}".splitlines()[0])
    counted = netinspect.summary(trace).record.totals.parameters - FROZEN.get(row.target, 0)
    return replace(row, counted=f"{counted / 1e6:.2f}" if "timm:" in row.target else str(counted))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--library", choices=TABLES, help="one table only")
    parser.add_argument("--only", default="*", metavar="GLOB", help="names of models")
    parser.add_argument("--jobs", type=int, default=2, help="processes at a time")
    parser.add_argument("--costs", action="store_true", help="compare GMACs and activations instead")
    parser.add_argument("--sample", type=int, help="number of rows of each table, evenly spread")
    parser.add_argument(
        "--output", type=Path, metavar="FILE", help="write results to FILE, and resume from it"
    )
    options = parser.parse_args()
    if options.costs:
        from truth_costs import check

        return int(
            check(
                [options.library] if options.library else TABLES,
                only=options.only,
                sample=options.sample,
                jobs=options.jobs,
                output=options.output,
            )
            > 0
        )
    wrong = 0
    for library in [options.library] if options.library else TABLES:
        wanted = [
            each
            for each in dict.fromkeys(rows(library))
            if fnmatch.fnmatch(each.target.partition(":")[2], options.only)
        ]
        # Processes are replaced regularly, since libraries cache data of each model.
        with multiprocessing.get_context("spawn").Pool(options.jobs, maxtasksperchild=150) as pool:
            done = pool.map(count, wanted, chunksize=10)
        plain = [each for each in done if not each.conflict]
        bad = [each for each in plain if not each.agrees]
        print(f"{library}: {len(plain) - len(bad)} of {len(plain)} as published")
        for row in bad:
            print(
                f"  {row.target}: published {row.published}, {row.failure or f'counted {row.counted}'}"
            )
        apart = [each for each in done if each.conflict]
        if apart:
            same = sum(each.agrees for each in apart)
            print(f"  in conflict: {same} of {len(apart)} as published")
        wrong += len(bad)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
