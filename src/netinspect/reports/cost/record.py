"""Cost report."""

from __future__ import annotations

from typing import ClassVar
from typing import Literal as OneOf

from netinspect.records.base import record
from netinspect.records.report_header import ReportHeader
from netinspect.records.steps import SourceLine
from netinspect.records.work import Cost

Grouping = OneOf["module", "class", "function", "operator", "kind", "line"]


@record
class CostRow:
    """One group of what ran. The costs of all rows add up to the total."""

    key: str
    """What the group has in common: a module's path, an operator's name, `file:line`."""

    class_name: str
    """Class of the module, or kind of the operator; empty for the other groupings."""

    calls: int
    """Of the module, function or operator."""

    cost: Cost
    share: float
    """Of all MACs, 0 to 1."""

    parameters: int | None
    """Elements of the group's parameters, each tied tensor counted once; None where steps are grouped
    by something that holds none."""

    place: SourceLine | None = None


@record
class Uncounted:
    """An operator that could not be counted."""

    operator: str
    calls: int
    macs: bool
    """Whether its MACs are missing; else it has none, and other arithmetic is."""

    phase: OneOf["forward", "backward"]


@record
class CostReport:
    """What forward costs, grouped by one thing or another."""

    name: ClassVar[str] = "cost"

    header: ReportHeader
    by: Grouping
    rows: tuple[CostRow, ...]
    hidden: int
    """Rows taken out by a filter or a limit."""

    rest: Cost
    """What those rows cost; with the rows' own it makes the total."""

    total: Cost
    parameters: int
    """Elements of all parameters."""

    backward: Cost | None
    """Of the whole model; None without a backward."""

    uncounted: tuple[Uncounted, ...]
    partly: bool
    """Whether some of the model ran where its operators could not be seen."""
