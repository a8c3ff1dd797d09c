"""`netinspect cache`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from netinspect import api
from netinspect.cli.common import show
from netinspect.cli.options import ColumnsOption, OutputOptions

EXAMPLES = (
    ("netinspect cache info", "how many looks are kept, and where"),
    ("netinspect cache clear", "remove them all"),
)


class Action(StrEnum):
    """What to do with the kept looks."""

    INFO = "info"
    CLEAR = "clear"


def command(
    output: OutputOptions,
    action: Annotated[
        Action, typer.Argument(metavar="[ACTION]", help="info or clear.", show_default=False)
    ] = Action.INFO,
    columns: ColumnsOption = None,
) -> None:
    """Tell of the looks that are kept on disk, or remove them."""
    show(api.cache(clear=action is Action.CLEAR), output, columns)
