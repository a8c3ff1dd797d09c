"""`netinspect globals`."""

from __future__ import annotations

from typing import Annotated

import typer

from netinspect.api._checkpoints import pickle_globals
from netinspect.cli import stdin
from netinspect.cli.console import print_message, style_for
from netinspect.cli.options import ColumnsOption, OnlineOption, OutputOptions
from netinspect.cli.results import show
from netinspect.errors import ExitCode
from netinspect.rendering.formats import Format

EXAMPLES = (
    ("netinspect globals model.pt", "what loading imports and calls"),
    ("netinspect globals downloads/model", "all files of a folder"),
    ("netinspect globals model.pt --exit-code", "exit 1 on findings, for CI"),
)


def command(
    output: OutputOptions,
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE",
            help="A file with pickles: torch's own, TorchScript, NumPy's, a plain one; a folder; "
            "hf:org/name; or - for stdin.",
            show_default=False,
        ),
    ],
    exit_code: Annotated[
        bool,
        typer.Option(
            "--exit-code",
            help="Exit with 1 if there are any that tensors do not need, or anything was not examined.",
        ),
    ] = False,
    online: OnlineOption = False,
    columns: ColumnsOption = None,
) -> None:
    """List what loading a pickle would import and call."""
    if file == stdin.TARGET:
        view = pickle_globals(stdin.spool_stdin(quiet=output.quiet), name=stdin.NAME)
    else:
        view = pickle_globals(file, online=online)
    if style_for(output, columns).format in (Format.PLAIN, Format.CSV) and not output.quiet:
        for part in view.record.unexamined:  # rows alone do not show it
            print_message(
                f"not examined: {part.file}{': ' * bool(part.member)}{part.member}: {part.reason}"
            )
    show(view, output, columns)
    if exit_code and (view.record.others or not view.record.complete):
        raise typer.Exit(ExitCode.FINDINGS)
