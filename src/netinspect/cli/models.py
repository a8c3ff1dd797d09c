"""`netinspect models`."""

from __future__ import annotations

from netinspect import api
from netinspect.cli.common import show
from netinspect.cli.options import ColumnsOption, OutputOptions

EXAMPLES = (("netinspect models", "the sample models, each with its input"),)


def command(output: OutputOptions, columns: ColumnsOption = None) -> None:
    """List the sample models."""
    show(api.models(), output, columns)
