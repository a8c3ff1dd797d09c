"""`netinspect diff`."""

from __future__ import annotations

from typing import Annotated

import typer

from netinspect.api import _diff
from netinspect.cli.completion import complete_target
from netinspect.cli.options import ColumnsOption, ModelOptions, OutputOptions, SortOption, TopOption
from netinspect.cli.progress import bytes_read
from netinspect.cli.requests import load_target, read_target
from netinspect.cli.results import show
from netinspect.errors import ExitCode, UsageError

EXAMPLES = (
    ("netinspect diff resnet18 weights.pt", "would it load"),
    ("netinspect diff before.pt after.pt --counts", "what changed, and where"),
    ("netinspect diff net.py:A net.py:B --exit-code", "1 if anything differs"),
)

_HELP = "a target of any command."


def command(
    model: ModelOptions,
    output: OutputOptions,
    a: Annotated[
        str,
        typer.Argument(
            metavar="A",
            help=f"The old model or checkpoint: {_HELP}",
            autocompletion=complete_target,
            show_default=False,
        ),
    ],
    b: Annotated[
        str,
        typer.Argument(
            metavar="B", help=f"The new one: {_HELP}", autocompletion=complete_target, show_default=False
        ),
    ],
    section: Annotated[
        str | None,
        typer.Option(
            "--section",
            metavar="KEYS",
            help="Part of a checkpoint to compare, such as state_dict. Default: what fits best.",
        ),
    ] = None,
    compare_values: Annotated[
        bool, typer.Option("--compare-values", help="Compare the values of two checkpoints too.")
    ] = False,
    sort: SortOption = None,
    top: TopOption = None,
    counts: Annotated[
        bool, typer.Option("--counts", help="Show only counts, by top-level module.")
    ] = False,
    no_fold: Annotated[
        bool, typer.Option("--no-fold", help="Show each tensor in a row of its own.")
    ] = False,
    exit_code: Annotated[
        bool,
        typer.Option(
            "--exit-code",
            help="Exit with 1 if anything differs; with --compare-values, also if values differ or "
            "cannot be read.",
        ),
    ] = False,
    columns: ColumnsOption = None,
) -> None:
    """Compare two models or checkpoints; forward is not run."""
    if model.save is not None:
        raise UsageError(
            "--save writes one trace, but diff has two targets",
            hint="save each with netinspect summary TARGET --save FILE",
        )
    targets = [read_target(each, output) for each in (a, b)]
    is_mixed = not all(each.is_checkpoint for each in targets)
    one, other = (load_target(each, model, output, run=False, is_mixed=is_mixed) for each in targets)
    if counts and top:
        raise UsageError("--top does not go with --counts, which shows modules", hint="leave one out")
    with bytes_read("values", quiet=output.quiet) as progress:
        view = _diff.diff(
            one,
            other,
            section=section,
            compare_values=compare_values,
            sort=sort,
            top=top or None,
            counts=counts,
            fold=not no_fold,
            progress=progress,
        )
    show(view, output, columns)
    found = view.record
    # Values that could not be read are not known to be the same.
    unlike = found.differs or (found.values is not None and found.values.unknown > 0)
    if exit_code and unlike:
        raise typer.Exit(ExitCode.FINDINGS)
