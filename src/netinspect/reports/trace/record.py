"""What `trace` finds."""

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
    """One line of the trace."""

    index: int
    kind: OneOf["module", "function"]
    path: str
    name: str
    class_name: str
    depth: int
    call: int
    calls: int
    """How often this module was called in all."""

    inputs: tuple[Value, ...]
    output: Value | None
    place: SourceLine | None
    grad_fn: str | None
    failed: bool


@record
class GradientRow:
    """What the backward left for one parameter."""

    name: str
    shape: tuple[int | str, ...]
    trainable: bool
    gradient: Gradient | None


@record
class TraceTable:
    """Each step of `forward`, in order."""

    name: ClassVar[str] = "trace"

    header: ReportHeader
    rows: tuple[StepRow, ...]
    hidden: int
    """Steps inside layers, not shown."""

    output: Value | None
    output_values: str | None
    backward: Backward | None
    gradients: tuple[GradientRow, ...]
