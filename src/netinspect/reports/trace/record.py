"""Record of `trace`: the steps of one run of forward."""

from __future__ import annotations

from typing import ClassVar
from typing import Literal as OneOf

from netinspect.records.base import record
from netinspect.records.report_header import ReportHeader
from netinspect.records.steps import SourceLine
from netinspect.records.tensors import Gradient
from netinspect.records.trace import Backward
from netinspect.records.values import Value


@record
class StepRow:
    """A step of the trace."""

    number: int
    """Number of the row, from 1."""

    index: int
    """Index of the step in the trace, in which every call has one."""

    kind: OneOf["module", "function"]
    path: str
    name: str
    class_name: str
    depth: int
    call: int
    calls: int
    """Number of calls of this module in the run."""

    inputs: tuple[Value, ...]
    output: Value | None
    called_at: SourceLine | None
    grad_fn: str | None
    failed: bool
    repeats: int = 1
    """Number of identical groups of calls in a row, of which the first begins with this step; 1 for all
    other steps."""

    group: int = 1
    """Number of calls in each of these groups, without those inside of them."""

    last_name: str = ""
    """Name of the step that begins the last of these groups; empty if none begins here."""

    repeat_of: int | None = None
    """Index of the same step in the first of the groups; None if it is in no later one."""


@record
class GradientRow:
    """Gradient of a parameter after backward."""

    name: str
    shape: tuple[int | str, ...]
    trainable: bool
    gradient: Gradient | None


@record
class TraceTable:
    """All steps of `forward`, in order."""

    name: ClassVar[str] = "trace"

    header: ReportHeader
    rows: tuple[StepRow, ...]
    hidden: int
    """Number of steps that have no row, inside torch's own layers or below the depth."""

    hidden_below: int
    """Number of these below the depth."""

    output: Value | None
    output_values: str | None
    backward: Backward | None
    gradients: tuple[GradientRow, ...]
    fold: bool = True
    """Whether people see identical calls as one row, and of a failed run the branch that failed."""
