"""Record of the `params` report."""

from __future__ import annotations

from typing import ClassVar
from typing import Literal as OneOf

from netinspect.records.base import record
from netinspect.records.report_header import ReportHeader, Tie, Totals
from netinspect.records.tensors import Statistics
from netinspect.records.values import TensorSpec


@record
class TensorRow:
    """One named parameter or buffer."""

    name: str
    kind: OneOf["parameter", "buffer"]
    spec: TensorSpec
    elements: int
    trainable: bool
    persistent: bool
    counted: bool
    """False where the same tensor was counted under an earlier name."""

    tied_to: tuple[str, ...]
    """Its other names."""

    statistics: Statistics | None
    values: str | None
    not_read: str = ""
    """Why statistics were asked for and there are none; empty where that is not so."""

    shared_bytes: int = 0
    """Of its bytes those of an inner tensor that an earlier one is made of too."""

    @property
    def shape(self) -> tuple[int | str, ...]:
        """Sizes."""
        return self.spec.shape

    @property
    def dtype(self) -> str:
        """Name of the dtype."""
        return self.spec.dtype

    @property
    def bytes(self) -> int:
        """Bytes of the elements."""
        return self.spec.bytes


@record
class Parameters:
    """Every named tensor."""

    name: ClassVar[str] = "params"

    header: ReportHeader
    rows: tuple[TensorRow, ...]
    hidden: int
    totals: Totals
    ties: tuple[Tie, ...]
    with_statistics: bool
    with_values: bool
