"""`netinspect diff`."""

from __future__ import annotations

from typing import Annotated

import typer

from netinspect.api import _diff
from netinspect.cli.common import look_or_read, show
from netinspect.cli.completion import complete_target
from netinspect.cli.options import ColumnsOption, ModelOptions, OutputOptions
from netinspect.cli.progress import progress_of
from netinspect.errors import ExitCode, UsageError

EXAMPLES = (
    ("netinspect diff resnet18 weights.pt", "would it load"),
    ("netinspect diff before.pt after.pt --stat", "what changed, and where"),
    ("netinspect diff net.py:A net.py:B --exit-code", "1 if anything differs"),
)

_HELP = "A model, a saved trace or a checkpoint; see the other commands."


def command(
    model: ModelOptions,
    output: OutputOptions,
    a: Annotated[
        str,
        typer.Argument(
            metavar="A", help=f"As it was. {_HELP}", autocompletion=complete_target, show_default=False
        ),
    ],
    b: Annotated[
        str,
        typer.Argument(
            metavar="B", help=f"As it is. {_HELP}", autocompletion=complete_target, show_default=False
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
    values: Annotated[
        bool, typer.Option("--values", help="Compare the values of two checkpoints too.")
    ] = False,
    sort: Annotated[
        str | None,
        typer.Option(metavar="KEY", help="change: the largest change of values first."),
    ] = None,
    stat: Annotated[
        bool, typer.Option("--stat", help="Only counts, by module of the top level.")
    ] = False,
    full: Annotated[
        bool, typer.Option("--full", help="Show each tensor by itself, and nothing folded.")
    ] = False,
    exit_code: Annotated[
        bool,
        typer.Option(
            "--exit-code",
            help="Exit with 1 if anything differs; with --values also if values do, or cannot be read.",
        ),
    ] = False,
    columns: ColumnsOption = None,
) -> None:
    """Compare two models or checkpoints; forward is not run."""
    from netinspect.runner.stored_files import names_checkpoint

    if model.save is not None:
        raise UsageError("--save keeps one look, and diff has two", hint="save each with summary")
    stored = [names_checkpoint(each) for each in (a, b)]
    one, other = (
        look_or_read(each, model, output, run=False, beside_model=not all(stored)) for each in (a, b)
    )
    with progress_of("values", output) as progress:
        view = _diff.diff(
            one,
            other,
            section=section,
            values=values,
            sort=sort,
            stat=stat,
            full=full,
            progress=progress,
        )
    show(view, output, columns)
    found = view.record
    # Values that could not be read are not known to be the same.
    unlike = found.differs or (found.values is not None and found.values.unknown > 0)
    if exit_code and unlike:
        raise typer.Exit(ExitCode.FINDINGS)
