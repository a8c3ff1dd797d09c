"""View of the summary of a model, with its totals and layers as attributes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from netinspect.api._view import View
from netinspect.errors import ForwardError, UsageError
from netinspect.records.base import record
from netinspect.records.values import Value, tensors_in
from netinspect.reports.summary.record import Summary, SummaryRow

Shape = tuple[Any, ...]
"""Sizes of a tensor; symbols in a trace with symbols."""


@record
class Layer:
    """One module of a summary: the totals of its branch, as in its row."""

    path: str
    class_name: str
    input_shapes: tuple[Shape, ...]
    """Shapes of the tensors among its inputs, in order; empty if it was not called."""

    output_shapes: tuple[Shape, ...]
    params: int
    """Elements of its parameters and of those below it."""

    macs: int | None
    """Multiply-accumulates of its calls; None if they are not known exactly."""


@dataclass(frozen=True, repr=False)
class SummaryView(View[Summary]):
    """The summary of a model; see `View`.

    The totals are those of the whole model, whatever rows are shown. A total that is not known exactly
    raises an error that has the reason, and what is known of it.
    """

    @property
    def total_params(self) -> int:
        """Elements of all parameters, each tied tensor counted once."""
        return self.record.totals.parameters

    @property
    def trainable_params(self) -> int:
        """Elements of the parameters that require gradients."""
        return self.record.totals.trainable

    @property
    def total_mult_adds(self) -> int:
        """Multiply-accumulates of forward, for the whole batch, without biases.

        Raises:
            ForwardError: Forward failed.
            UsageError: Forward was not run, or some of its work could not be counted.
        """
        self._refuse_without_run("total_mult_adds")
        report = self.record
        if report.counted != "yes" or report.cost.uncounted:
            raise UsageError(
                f"total_mult_adds is not known exactly: at least {report.cost.macs:,}",
                cause="some operators of forward could not be counted",
                hint="view.record.cost has the lower bounds, and netinspect.cost(model) what is missing",
            )
        return report.cost.macs

    @property
    def total_output_bytes(self) -> int:
        """Bytes of the outputs of all calls of layers that have parameters.

        Torchinfo counts the same outputs, twice: once more for their gradients.

        Raises:
            ForwardError: Forward failed.
            UsageError: Forward was not run, or has symbols for sizes.
        """
        self._refuse_without_run("total_output_bytes")
        if self.record.sizes is None:
            raise UsageError(
                "total_output_bytes is not a number: sizes of the trace are symbols",
                hint="leave symbolic out",
            )
        return self.record.sizes.layer_outputs

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The modules of the rows, unfolded and in their order; a module called again may have two."""
        exact = self.record.counted == "yes" and self.record.header.failure is None
        return tuple(_layer(row, exact) for row in self.record.rows if row.kind == "module")

    def _refuse_without_run(self, name: str) -> None:
        if (failure := self.record.header.failure) is not None:
            raise ForwardError(
                f"{name} is not known: forward failed",
                cause=failure.summary,
                hint="print the view: it explains the failure",
            )
        if self.record.counted == "no":
            raise UsageError(
                f"{name} is not known: forward was not run",
                hint="give a model that can be run, and inputs, as by input_size=(1, 3, 224, 224)",
            )


def _layer(row: SummaryRow, exact: bool) -> Layer:
    return Layer(
        path=row.path,
        class_name=row.class_name,
        input_shapes=_shapes(*row.inputs),
        output_shapes=_shapes(row.output),
        params=row.parameters,
        macs=row.cost.macs if exact and not row.cost.uncounted else None,
    )


def _shapes(*values: Value | None) -> tuple[Shape, ...]:
    return tuple(tuple(spec.shape) for value in values for spec in tensors_in(value))
