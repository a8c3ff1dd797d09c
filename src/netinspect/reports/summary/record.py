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
    """One row of the summary. The `own_parameters` of all rows add up to the total."""

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
    """Elements of the parameters of the whole branch, each tied tensor counted once; of the module
    itself if `itself` is set."""

    own_parameters: int
    """Elements that are counted in no other row: those of the module itself, without tied ones counted
    in an earlier row, and of modules below it that have no row."""

    trainable: OneOf["yes", "no", "partial", "none"]
    bytes: int
    """Bytes of these `parameters`."""

    own_bytes: int
    """Bytes of these `own_parameters`."""

    share: Number
    """Share of `parameters` in the total, 0 to 1."""

    tied: int
    """Elements of its tied parameters that are counted in another row."""

    alias_of: str | None
    folded: int
    """Number of modules below it without a row."""

    failed: bool
    called_at: SourceLine | None
    cost: Cost
    """Cost of the whole branch; of the module itself if `itself` is set."""

    own_cost: Cost
    """Cost that is counted in no other row."""

    itself: bool = False
    """True in a list, in which rows do not overlap, for a module that has other rows below it."""

    repeats: int = 1
    """Number of identical consecutive siblings of which this is the first; 1 for all others."""

    last_name: str = ""
    """Name of the last of these siblings; empty if it has no others."""

    repeat_of: str | None = None
    """Path of the same module in the first of its repeated siblings; None if it is in no later one."""

    defined_at: str | None = None
    """Place of the class statement, `file:line`; None for functions and torch's own classes."""


@record
class RowSum:
    """Sum of rows, in which nothing is counted twice."""

    parameters: int
    bytes: int
    cost: Cost


@record
class Sizes:
    """Bytes of the tensors of a run, as torchinfo counts them."""

    inputs: int
    layer_outputs: int
    """Bytes of the outputs of all calls of layers that have parameters and no layers inside."""


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

    shown: RowSum
    """Sum of the shown rows."""

    totals: Totals
    ties: tuple[Tie, ...]
    never_called: tuple[str, ...]
    unused: tuple[str, ...] = ()
    """The never-called modules that have parameters."""

    unused_parameters: int = 0
    """Elements of the parameters in `unused`, each tied tensor once."""

    order: OneOf["definition", "calls"]
    """Whether rows are in the order of the constructors, or of the calls."""

    functions: bool
    """Whether functions between the layers have rows."""

    fold: bool
    """Whether people see identical siblings as one row, and of a failed run the branch that failed."""

    sizes: Sizes | None
    """Bytes of the tensors of a run; None if forward was not run, or has symbolic sizes."""

    cost: Cost
    """Cost of all rows, including hidden ones."""

    counted: OneOf["no", "partly", "yes"]
    """Whether the cost was counted; `partly` if some operators were not visible."""
