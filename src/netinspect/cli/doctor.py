"""`netinspect doctor`."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer

from netinspect._utils.stdout_text import is_ascii
from netinspect.api._view import View
from netinspect.cli.console import is_terminal, link_host, wants_color
from netinspect.cli.options import SETTINGS, Color, ColumnsOption, OutputOptions
from netinspect.cli.pager import is_found, pager_command
from netinspect.cli.results import show
from netinspect.cli.streams import result_stream

if TYPE_CHECKING:
    from netinspect.reports.doctor.record import Terminal

EXAMPLES = (
    ("netinspect doctor", "versions, terminal, cache and settings"),
    ("netinspect doctor --torch", "the devices of torch too"),
    ("netinspect doctor -f markdown", "for a bug report"),
)


def command(
    output: OutputOptions,
    torch: Annotated[
        bool, typer.Option("--torch", help="Import torch, and list the devices that it can use.")
    ] = False,
    columns: ColumnsOption = None,
) -> None:
    """Show facts about the installation, for a bug report."""
    from netinspect.api._installation import collect

    terminal = _describe_terminal(output.color)
    show(View(collect(SETTINGS.get(), torch=torch, terminal=terminal)), output, columns)


def _describe_terminal(color: Color) -> Terminal:
    from netinspect.reports.doctor.record import Terminal

    stream = result_stream()
    pager = pager_command(os.environ)
    size = None
    if shown := is_terminal(stream):
        with suppress(AttributeError, OSError, ValueError):
            size = os.get_terminal_size(stream.fileno())  # type: ignore[union-attr]
    return Terminal(
        is_terminal=shown,
        columns=None if size is None else size.columns,
        rows=None if size is None else size.lines,
        color=wants_color(stream, color),
        encoding=getattr(stream, "encoding", None) or "unknown",
        ascii_only=is_ascii(stream),
        hyperlinks=link_host(stream, color) is not None,
        pager=pager,
        pager_found=pager is None or is_found(pager),
    )
