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
    """The cost of one group. The costs of all rows of a list add up to the total."""

    key: str
    """Key of the group: the path of a module, the name of an operator, `file:line`."""

    class_name: str
    """Class of the module, or kind of the operator; empty for the other groupings."""

    calls: int
    """Number of calls of the module, function or operator."""

    cost: Cost
    """Cost of the group. Of a module, that of its whole branch, unless `itself` is set."""

    share: Number
    """Share of all MACs, 0 to 1."""

    parameters: int | None
    """Elements of the parameters of what `cost` is about, each tied tensor counted once; None if groups
    are not modules."""

    called_at: SourceLine | None = None
    itself: bool = False
    """True in a list for a module that has other rows below it, and in `cost` only what is its own."""

    depth: int = 0
    """Level in a tree, 0 at the top."""

    failed: bool = False
    """In a tree, whether a call failed in the branch."""

    repeats: int = 1
    """Number of identical modules that people see as this row: in a list those at the same place of
    identical blocks, in a tree consecutive siblings."""

    last_key: str = ""
    """Path of the last of these modules; empty if there are no others."""

    repeat_of: str | None = None
    """Path of the module in whose row people see this one; None if it has its own."""


@record
class Uncounted:
    """An operator that could not be counted."""

    operator: str
    calls: int
    macs: bool
    """Whether its MACs are missing; otherwise only its other FLOPs are missing."""

    phase: OneOf["forward", "backward"]


@record
class FoldedRows:
    """The rows of a list that people see, with identical modules as one."""

    rows: tuple[CostRow, ...]
    """Sorted by the sums of identical modules; each has the amounts of its first module."""

    hidden: int
    """Number of modules or groups that a filter or limit left out."""

    rest: Cost
    """Cost of these."""


@record
class CostReport:
    """Costs of forward in groups."""

    name: ClassVar[str] = "cost"

    header: ReportHeader
    by: Grouping
    tree: bool
    """Whether rows are the module tree with sums of its branches, of which the first is the total. If
    not, they do not overlap."""

    fold: bool
    """Whether people see identical modules as one row."""

    rows: tuple[CostRow, ...]
    """Each module or group in a row of its own, sorted and limited by these rows."""

    hidden: int
    """Number of groups that a filter or limit left out."""

    rest: Cost
    """Cost of the hidden groups; with the costs of the rows of a list it adds up to the total."""

    total: Cost
    parameters: int
    """Elements of all parameters."""

    backward: Cost | None
    """Cost of backward of the whole model; None if backward did not run."""

    uncounted: tuple[Uncounted, ...]
    partly: bool
    """Whether some operators were not visible, so that the total is a lower bound."""

    folded: FoldedRows | None = None
    """The rows of a folded list, sorted and limited by these; None for a tree, without
    `fold`, and if no modules are identical."""

    empty: int = 0
    """Number of modules that a tree leaves out, because they have no cost or parameters."""

    below: int = 0
    """Number of modules below the deepest level, whose cost is in the rows above them."""
