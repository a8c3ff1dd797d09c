"""`netinspect cache`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from netinspect import api
from netinspect.cli.options import ColumnsOption, OutputOptions
from netinspect.cli.results import show

EXAMPLES = (
    ("netinspect cache info", "size and location"),
    ("netinspect cache clear", "remove all cached traces"),
)


class Action(StrEnum):
    """Action on the trace cache."""

    INFO = "info"
    CLEAR = "clear"


def command(
    output: OutputOptions,
    action: Annotated[
        Action, typer.Argument(metavar="[ACTION]", help="info or clear.", show_default=False)
    ] = Action.INFO,
    columns: ColumnsOption = None,
) -> None:
    """Show or clear the trace cache."""
    show(api.cache(clear=action is Action.CLEAR), output, columns)
