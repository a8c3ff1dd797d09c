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

    index: int
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
    """Number of steps inside layers that are not shown."""

    output: Value | None
    output_values: str | None
    backward: Backward | None
    gradients: tuple[GradientRow, ...]
