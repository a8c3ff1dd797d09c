"""Record of the `cost` report."""

from __future__ import annotations

from typing import ClassVar
from typing import Literal as OneOf

from netinspect.records.base import Number, record
from netinspect.records.report_header import ReportHeader
from netinspect.records.steps import SourceLine
from netinspect.records.work import Cost

Grouping = OneOf["module", "class", "function", "operator", "kind", "line"]


@record
class CostRow:
    """The cost of one group. The costs of all rows add up to the total."""

    key: str
    """Key of the group: the path of a module, the name of an operator, `file:line`."""

    class_name: str
    """Class of the module, or kind of the operator; empty for the other groupings."""

    calls: int
    """Number of calls of the module, function or operator."""

    cost: Cost
    share: Number
    """Share of all MACs, 0 to 1."""

    parameters: int | None
    """Elements of the group's parameters, each tied tensor counted once; None if groups are not
    modules."""

    called_at: SourceLine | None = None


@record
class Uncounted:
    """An operator that could not be counted."""

    operator: str
    calls: int
    macs: bool
    """Whether its MACs are missing; otherwise only its other FLOPs are missing."""

    phase: OneOf["forward", "backward"]


@record
class CostReport:
    """Costs of forward in groups."""

    name: ClassVar[str] = "cost"

    header: ReportHeader
    by: Grouping
    rows: tuple[CostRow, ...]
    hidden: int
    """Number of rows that a filter or limit left out."""

    rest: Cost
    """Cost of the hidden rows; with the costs of the rows it adds up to the total."""

    total: Cost
    parameters: int
    """Elements of all parameters."""

    backward: Cost | None
    """Cost of backward of the whole model; None if backward did not run."""

    uncounted: tuple[Uncounted, ...]
    partly: bool
    """Whether some operators were not visible, so that the total is a lower bound."""
