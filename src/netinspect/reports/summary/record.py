"""Record of the `summary` report."""

from __future__ import annotations

from typing import ClassVar
from typing import Literal as OneOf

from netinspect.records.base import record
from netinspect.records.report_header import ReportHeader, Tie, Totals
from netinspect.records.steps import SourceLine
from netinspect.records.values import Value
from netinspect.records.work import Cost


@record
class SummaryRow:
    """One line of the summary. The `parameters` of all rows add up to the total."""

    kind: OneOf["module", "function"]
    path: str
    """Of the module; for a function, of the module it ran in."""

    name: str
    class_name: str
    """Class of the module, or name of the function."""

    extra: str
    depth: int
    last: tuple[bool, ...]
    """For each level from the first to this row's: whether the branch ends there; draws the tree."""

    inputs: tuple[Value, ...]
    output: Value | None
    shapes: int
    """Number of different output shapes over all calls."""

    calls: int
    """0 for a module that was never called."""

    parameters: int
    """Elements that this row accounts for: its own, and those of rows folded into it."""

    total_parameters: int
    """Elements of all parameters of the module and its submodules, each tied tensor counted once."""

    trainable: OneOf["yes", "no", "partial", "none"]
    bytes: int
    share: float
    """Of all parameters, 0 to 1."""

    tied: int
    """Elements that it holds but another row accounts for."""

    alias_of: str | None
    folded: int
    """Number of modules below it that have no row of their own."""

    failed: bool
    place: SourceLine | None
    cost: Cost
    """What this row accounts for: its own work, and that of rows folded into it."""


@record
class Summary:
    """The module tree as a table."""

    name: ClassVar[str] = "summary"

    header: ReportHeader
    rows: tuple[SummaryRow, ...]
    hidden: int
    """Rows taken out by a filter or a limit."""

    flat: bool
    """Whether rows are sorted or filtered, so that they no longer draw a tree."""

    hidden_parameters: int
    """Parameters of those rows; with the rows' own they make the total."""

    totals: Totals
    ties: tuple[Tie, ...]
    never_called: tuple[str, ...]
    functions: bool
    """Whether the functions between the layers have rows."""

    cost: Cost
    """The work of all rows, hidden ones included."""

    counted: OneOf["no", "partly", "yes"]
    """Whether the work was counted at all, and whether some of it could not be seen."""
