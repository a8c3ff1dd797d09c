"""Record of `page`: the picture of a model together with the reports that its page shows."""

from __future__ import annotations

from typing import ClassVar
from typing import Literal as OneOf

from netinspect.records.base import record
from netinspect.records.checkpoint_header import CheckpointHeader
from netinspect.records.picture import Picture
from netinspect.records.report_header import ReportHeader
from netinspect.reports.cost.record import CostReport
from netinspect.reports.memory.record import Memory
from netinspect.reports.params.record import Parameters
from netinspect.reports.summary.checkpoint_record import CheckpointSummary
from netinspect.reports.summary.record import Summary

Part = OneOf["graph", "table", "source", "parameters", "memory", "cost"]
"""The parts of a page, in the order of its tabs."""


@record
class PageLine:
    """A line of source code."""

    number: int
    text: str
    macs: int = 0
    """MACs of the calls that this line makes and of all calls in them, over all modules that run it."""

    shapes: str = ""
    """The shapes that passed through the line, as in `source`; empty if none did."""


@record
class PageListing:
    """The source of one class, reduced to the lines that make calls and those around them."""

    name: str
    """Name of the class, or of the file for lines outside of classes."""

    file: str
    installed: bool
    """Whether the code belongs to an installed package, and not to the user."""

    lines: tuple[PageLine, ...]
    total_lines: int


@record
class PageNote:
    """The reason for which a part is missing or incomplete."""

    part: Part
    text: str


@record
class Page:
    """A model as a picture, with its table, source, parameters, memory and costs.

    Source places in the picture have short paths, without the folders above the project.
    """

    name: ClassVar[str] = "page"

    header: ReportHeader | CheckpointHeader
    picture: Picture | None
    summary: Summary | None
    contents: CheckpointSummary | None
    """The groups of tensors of a checkpoint, which has no `summary`."""

    sources: tuple[PageListing, ...]
    """The user's own classes first; each group in the order of their first call."""

    parameters: Parameters | None
    """With statistics, if the values were read."""

    memory: Memory | None
    operators: CostReport | None
    """Cost by operator."""

    notes: tuple[PageNote, ...]
    """Parts that are missing or incomplete."""
