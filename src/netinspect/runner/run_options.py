"""Options of a run: a checked request, with the values that only a Python caller can give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from netinspect.errors import UsageError, suggestion
from netinspect.inputs.budget import Budget
from netinspect.inputs.construction import Construction
from netinspect.inputs.request import InputRequest, check_sources
from netinspect.inputs.symbols import SymbolRequest, parse_symbols
from netinspect.records.base import field, record
from netinspect.records.request import TraceRequest

TENSOR_MODES = ("auto", "real", "zeros", "meta", "fake")
"""Values of `TraceRequest.tensors`."""

ZEROS_NOTE = "large weights are zeros here: a branch that depends on values went the way of zeros"


@dataclass(frozen=True, slots=True)
class GivenValues:
    """Live values of a Python caller, which a request cannot hold."""

    args: Sequence[Any] | None = None
    """Positional arguments of forward."""

    kwargs: Mapping[str, Any] | None = None
    """Keyword arguments of forward."""

    model_args: Mapping[str, Any] | None = None
    """Arguments of the class or factory, if one of them is not a literal."""

    @property
    def is_empty(self) -> bool:
        """True if nothing was given, so that the request alone determines the trace."""
        return self.args is None and self.kwargs is None and self.model_args is None


@record
class RunOptions:
    """A request with its parsed inputs and symbols, and the budget of its searches."""

    request: TraceRequest = field(default_factory=TraceRequest)
    inputs: InputRequest = field(default_factory=InputRequest)
    symbols: Sequence[SymbolRequest] = ()
    """Sizes to replace by symbols; each takes four more runs."""

    given: GivenValues = field(default_factory=GivenValues)
    example: Any = None
    """Result of the user's input function: arguments, keyword arguments, or both."""

    budget: Budget = field(default_factory=Budget)
    """Budget of the searches for inputs, shared by all tensor modes."""

    construction: Construction | None = None
    """Arguments that the model was built with; None for a model that was built elsewhere."""

    @classmethod
    def parse(cls, request: TraceRequest, given: GivenValues | None = None) -> RunOptions:
        """Check a request, and parse its inputs and symbols.

        Raises:
            UsageError: An input or a symbol is malformed, inputs come from several sources, the seed is
                out of range, or the tensor mode is unknown or does not run on the device.
        """
        if not 0 <= request.seed < 2**63:
            raise UsageError(
                f"the seed {request.seed} is out of range", hint="take one from 0 to 2**63 - 1"
            )
        _check_tensors(request)
        symbols = parse_symbols(request.symbolic, batch=request.batch) if request.symbolic else ()
        inputs = InputRequest.parse(
            request.inputs, batch=request.batch, seed=request.seed, call=request.call
        )
        check_sources(
            input=bool(request.inputs),
            inputs_from=request.inputs_from is not None,
            input_file=bool(request.input_files),
            batch=request.batch is not None,
        )
        return cls(request=request, inputs=inputs, symbols=symbols, given=given or GivenValues())

    @property
    def has_values(self) -> bool:
        """True if the arguments of forward are given as values."""
        given = self.given
        return not (given.args is None and given.kwargs is None and self.example is None)

    @property
    def needs_values(self) -> bool:
        """True if values are requested, which only real weights have."""
        return self.request.values or self.request.stats or self.request.backward

    @property
    def model_args(self) -> Mapping[str, Any]:
        """Arguments of the class or factory."""
        if self.given.model_args is not None:
            return self.given.model_args
        return self.request.arguments()


def _check_tensors(request: TraceRequest) -> None:
    mode, device = request.tensors, request.device
    if mode not in TENSOR_MODES:
        raise UsageError(
            f"unknown tensor mode {mode!r}",
            hint=suggestion(mode, TENSOR_MODES)
            or f"--tensors takes {', '.join(TENSOR_MODES)}; a device goes to --device",
        )
    if device is not None and mode not in ("auto", "real"):
        raise UsageError(
            f"--device {device} needs real tensors, but --tensors {mode} was given",
            hint="use --tensors real, or leave --device out",
        )
