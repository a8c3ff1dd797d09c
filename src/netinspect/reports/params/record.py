"""Record of the `params` report."""

from __future__ import annotations

from typing import ClassVar

from netinspect.records.base import record
from netinspect.records.checkpoint_header import CheckpointHeader, StoredTotals
from netinspect.records.distribution import Finding
from netinspect.records.named_tensors import NamedTensor
from netinspect.records.report_header import ReportHeader, Tie, Totals


@record
class Parameters:
    """The named tensors of a model or a checkpoint."""

    name: ClassVar[str] = "params"

    header: ReportHeader | CheckpointHeader
    rows: tuple[NamedTensor, ...]
    hidden: int
    """Number of tensors that a filter or limit left out."""

    totals: Totals | StoredTotals
    """Totals of the whole model or checkpoint."""

    ties: tuple[Tie, ...]
    """Tied parameters and modules of a model; the ties of a checkpoint are in the rows."""

    with_statistics: bool
    with_values: bool
    fold: bool = False
    """Whether people see identical tensors of repeated blocks as one row."""

    findings: tuple[Finding, ...] = ()
    """Anomalies in the values, only with statistics: of every tensor of a model, buffers included, and
    of every tensor of a checkpoint that was read. They do not depend on the rows."""

    skipped: int = 0
    """Number of tensors of a checkpoint that a filter left out, so that their values were not read."""

    hidden_elements: int = 0
    """Elements of the tensors that a filter or limit left out, each tied tensor counted once."""

    hidden_bytes: int = 0
