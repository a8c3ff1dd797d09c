"""Output of a command's report: to the terminal, a pipe or a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from netinspect._utils.units import exact_numbers
from netinspect.cli.console import print_message, style_for
from netinspect.cli.hints import remember_hint
from netinspect.cli.options import OutputOptions
from netinspect.cli.outputs import write_output, write_stdout
from netinspect.errors import ExitCode
from netinspect.records.base import replace
from netinspect.rendering.formats import PICTURES, Format

if TYPE_CHECKING:
    from netinspect.api._view import View
    from netinspect.rendering.machine import Report


def show(
    view: View[Report],
    output: OutputOptions,
    columns: str | None = None,
    *,
    fits: bool = False,
) -> None:
    """Write a report where it belongs.

    Args:
        view: The report.
        output: How to show it, and where.
        columns: Names of columns with commas between them; None for the default ones.
        fits: Whether trees end at the deepest level, and lists after the last row, that fits a terminal.

    Raises:
        Exit: With the code for findings, after a checkpoint was shown that lacks something.
        ForwardError: The report is of a forward that failed; it is shown nevertheless.
        UsageError: A column is unknown, or the file cannot be written.
    """
    from netinspect.reports.render import lay_out, render, render_file

    style = style_for(output, columns, fits=fits)
    # On the screen the error below explains a failure; a file and a picture have to do so themselves.
    explains = output.output is not None or style.format in PICTURES
    style = view.styled(replace(style, failure=explains))
    header = getattr(view.record, "header", None)
    if output.output is not None:
        paths = [file.path for file in getattr(header, "files", ())]
        write_output(output.output, render_file(view.record, style), paths)
        if not output.quiet:
            print_message(f"written to {output.output}")
    else:
        text = render(view.record, style)
        write_stdout(text, paged=not output.no_pager)
        remember_hint(view.record, text, output, style.format)
    if style.format is Format.CSV and not output.quiet:
        # The other formats contain them. A failure is explained by the error below.
        from netinspect.rendering.machine import comments

        with exact_numbers(style.exact):
            texts = comments(lay_out(view.record, failure=False))
        for text in texts:
            print_message(f"# {text}")
    if problems := _problems(view.record):
        if style.format in (Format.PLAIN, Format.CSV):
            # The program that reads the pipe may drop comments; the exit code alone explains nothing.
            for text in problems:
                print_message(f"problem: {text}")
        raise typer.Exit(ExitCode.FINDINGS)
    if failure := getattr(getattr(view.record, "header", None), "failure", None):
        from netinspect.rendering.failure import forward_error

        raise forward_error(failure)


def _problems(record: Report) -> list[str]:
    """Return the problems of the checkpoints in a report."""
    about = (record, *(getattr(record, name, None) for name in ("header", "a", "b")))
    return [text for each in about for text in getattr(each, "problems", ())]
