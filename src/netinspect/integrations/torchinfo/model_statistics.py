"""Result of torchinfo's `summary`, computed from a trace."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from netinspect._utils.random_state import preserved_random_state
from netinspect._utils.stdout_text import escaped_for_stdout, stdout_is_ascii
from netinspect.integrations.torchinfo.enums import Units
from netinspect.integrations.torchinfo.formatting import FormattingOptions, format_total, scale
from netinspect.integrations.torchinfo.layer_info import LayerInfo
from netinspect.records.trace import Trace

if TYPE_CHECKING:
    from netinspect.rendering.document import Document
    from netinspect.reports.summary.record import Summary


class ModelStatistics:
    """Rows and totals of a model, which print themselves as a table.

    Args:
        summary_list: The rows.
        trace: The trace; every function of netinspect accepts it.
        report: Its summary.
        input_size: Sizes of the inputs in the structure in which they were given.
        formatting: Options of the table; they can be changed between two prints.

    Attributes:
        total_params: Elements of all parameters, each tied one once, without those that pruning masks.
        trainable_params: The part of them that requires gradients.
        total_param_bytes: Bytes of all parameters that are stored, each tied one once.
        total_mult_adds: Multiply-accumulates of one forward.
        total_input: Bytes of all tensors that forward is called with.
        total_output_bytes: Twice the bytes of the outputs of layers with parameters: a training step
            holds these and their gradients.
    """

    def __init__(
        self,
        summary_list: Sequence[LayerInfo],
        trace: Trace,
        report: Summary,
        input_size: Any,
        formatting: FormattingOptions,
    ) -> None:
        self.summary_list = list(summary_list)
        self.trace = trace
        self.report = report
        self.input_size = input_size
        self.formatting = formatting
        self.total_params = summary_list[0].num_params
        self.trainable_params = summary_list[0].trainable_params
        self.stored_params = report.totals.parameters
        self.total_param_bytes = report.totals.bytes
        self.total_mult_adds = report.cost.macs
        self.total_input = report.sizes.inputs if report.sizes is not None else 0
        self.total_output_bytes = 2 * report.sizes.layer_outputs if report.sizes is not None else 0

    @property
    def uncounted(self) -> int:
        """Calls of operators whose multiply-accumulates could not be counted."""
        return self.report.cost.uncounted

    @property
    def is_lower_bound(self) -> bool:
        """Whether forward did more multiply-accumulates than were counted."""
        return bool(self.uncounted) or self.report.counted == "partly"

    def document(self) -> Document:
        """Return the table and its notes, for any output format."""
        from netinspect.integrations.torchinfo.layout import lay_out

        return lay_out(self)

    def __str__(self) -> str:
        if not stdout_is_ascii():
            return self.text(ascii_only=self.formatting.ascii_only)
        return escaped_for_stdout(self.text(ascii_only=True))

    def text(self, *, ascii_only: bool = False) -> str:
        """Return the whole table, without colour and without a limit of the width.

        Args:
            ascii_only: Draw with ASCII characters only.
        """
        with preserved_random_state():
            from netinspect.rendering.terminal import format_terminal

            text = format_terminal(self.document(), width=None, color=False, ascii_only=ascii_only)
        return text.rstrip("\n")

    __repr__ = __str__

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)

    def _repr_html_(self) -> str:
        with preserved_random_state():
            from netinspect.rendering.html import format_html_fragment

            return format_html_fragment(self.document())

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/plain": str(self), "text/html": self._repr_html_()}

    @staticmethod
    def float_to_megabytes(num: float) -> float:
        """Return the megabytes, of 10**6 bytes, of so many numbers of 4 bytes."""
        return num * 4 / 1e6

    @staticmethod
    def to_megabytes(num: float) -> float:
        """Return bytes in megabytes of 10**6 bytes."""
        return num / 1e6

    @staticmethod
    def to_readable(num: float, units: Units = Units.AUTO) -> tuple[Units, float]:
        """Return units, and a number in them."""
        return scale(num, Units(units))

    @staticmethod
    def format_output_num(num: float, units: Units, is_bytes: bool = False) -> str:
        """Format the end of a line with a total."""
        return format_total(num, units, is_bytes=is_bytes)
