"""Record of the `summary` report."""

from __future__ import annotations

from typing import ClassVar
from typing import Literal as OneOf

from netinspect.records.base import Number, record
from netinspect.records.report_header import ReportHeader, Tie, Totals
from netinspect.records.steps import SourceLine
from netinspect.records.values import Value
from netinspect.records.work import Cost


@record
class SummaryRow:
    """One row of the summary. The `parameters` of all rows add up to the total."""

    kind: OneOf["module", "function"]
    path: str
    """Path of the module; for a function, of the module that called it."""

    name: str
    class_name: str
    """Class of the module, or name of the function."""

    extra_repr: str
    depth: int
    inputs: tuple[Value, ...]
    output: Value | None
    shapes: int
    """Number of different output shapes over all calls."""

    calls: int
    """Number of calls; 0 for a module that was never called."""

    parameters: int
    """Elements of the module itself and of modules folded into its row."""

    total_parameters: int
    """Elements of all parameters of the module and its submodules, each tied tensor counted once."""

    trainable: OneOf["yes", "no", "partial", "none"]
    bytes: int
    share: Number
    """Share of all parameters, 0 to 1."""

    tied: int
    """Elements of its tied parameters that are counted in another row."""

    alias_of: str | None
    folded: int
    """Number of modules below it without a row."""

    failed: bool
    called_at: SourceLine | None
    cost: Cost
    """Cost of the module itself and of modules folded into its row."""

    defined_at: str | None = None
    """Place of the class statement, `file:line`; None for functions and torch's own classes."""


@record
class Summary:
    """The module tree as a table."""

    name: ClassVar[str] = "summary"

    header: ReportHeader
    rows: tuple[SummaryRow, ...]
    hidden: int
    """Number of rows that a filter or limit left out."""

    flat: bool
    """Whether rows are sorted or filtered, and so not shown as a tree."""

    hidden_parameters: int
    """Parameters of the hidden rows; with those of the rows they add up to the total."""

    totals: Totals
    ties: tuple[Tie, ...]
    never_called: tuple[str, ...]
    functions: bool
    """Whether functions between the layers have rows."""

    cost: Cost
    """Cost of all rows, including hidden ones."""

    counted: OneOf["no", "partly", "yes"]
    """Whether the cost was counted; `partly` if some operators were not visible."""
