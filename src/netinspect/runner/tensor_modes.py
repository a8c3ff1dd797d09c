"""Tensor modes: their order, and the failures that each of them causes."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn

from netinspect._utils.interruption import TooMuchWork
from netinspect.analysis.diagnosis.messages import unmet_needs
from netinspect.errors import LoadError, UsageError
from netinspect.records.request import TraceRequest
from netinspect.records.steps import Failure
from netinspect.targets.model_factory import ModelFactory, TensorMode
from netinspect.tracing.model.forwardless import refuses
from netinspect.tracing.model.members import parameters

_WORTH_META = 150_000_000
"""Elements from which on real kernels take longer than the imports of the meta device."""

_MAXIMUM_ZEROS = 2_000_000_000
_MAXIMUM_REAL = 1_500_000_000
"""Elements up to which `auto` runs a model on zero-filled weights, and on real weights."""

_ADJECTIVES = {"zeros": "zero-filled"}


class TensorModes:
    """Iterator over the tensor modes to try.

    Args:
        factory: Builds the model.
        request: The requested tensor mode and device.
        needs_values: Whether only real weights have the requested values.
    """

    def __init__(self, factory: ModelFactory, request: TraceRequest, *, needs_values: bool) -> None:
        self.error: LoadError
        self._asked = request.tensors if request.device is None else "real"
        self._may_use_meta = self._asked == "auto" and not needs_values
        self._prefers_values = request.stats_if_small and self._asked == "auto"
        self._waiting: list[TensorMode] = []
        self._tried: list[TensorMode] = []
        self._notes: list[str] = []
        self._failed_to_build: str | None = None
        if (mode := self._asked) in ("meta", "zeros", "fake"):
            if needs_values:
                raise UsageError(
                    f"--tensors {mode} has no values, but values were requested",
                    hint="use --tensors real or leave it out",
                )
            self._waiting = [mode]  # type: ignore[list-item]
        elif mode != "auto" or needs_values:
            self._waiting = ["real"]
        elif factory.target.kind == "library":
            self._waiting = ["meta", "zeros", "fake", "real"]
        else:
            self._waiting = ["zeros", "real"]

    def __iter__(self) -> Iterator[TensorMode]:
        while self._waiting:
            self._tried.append(self._waiting.pop(0))
            yield self._tried[-1]

    def prefers_other(self, model: nn.Module, tensor_mode: TensorMode) -> bool:
        """Return whether another tensor mode goes first, now that the size of the model is known.

        A large model is run on meta before zero-filled weights, a small one whose values are welcome on
        real weights before any others.
        """
        is_real = tensor_mode == "real" or "real" in self._tried
        if self._prefers_values and not is_real and _elements(model) < _WORTH_META:
            self._waiting = ["real", *(mode for mode in self._waiting if mode != "real"), tensor_mode]
            return True
        if tensor_mode != "zeros" or self._asked != "auto" or "meta" in self._tried:
            return False
        if _elements(model) < _WORTH_META:
            return False
        self._waiting = ["meta", "zeros", "fake", *self._waiting]
        return True

    def limits_work(self, tensor_mode: TensorMode) -> bool:
        """Return whether runs in a mode may be stopped for their work, to go on without kernels."""
        return self._may_use_meta and tensor_mode in ("zeros", "real") and "meta" not in self._tried

    def prefer_meta(self, tensor_mode: TensorMode) -> None:
        """Try the meta device next, then this mode without a limit if forward does not run there."""
        others = [mode for mode in self._waiting if mode not in ("meta", tensor_mode)]
        self._waiting = ["meta", tensor_mode, *others]

    def failed_to_build(self, error: LoadError) -> None:
        """Record why a model cannot be built.

        If two modes fail for the same reason, the tensors are not the cause, and real weights, which
        may not fit in memory, are not tried.
        """
        if self._failed_to_build is not None and self._failed_to_build == error.cause:
            raise error
        self._failed_to_build = error.cause
        self.error = error
        cause = (error.cause or error.message).partition("\n")[0]
        mode = self._tried[-1]
        self._notes.append(
            f"the model cannot be built on {_ADJECTIVES.get(mode, mode)} tensors ({cause})"
        )

    def building_notes(self, tensor_mode: TensorMode) -> list[str]:
        """Return notes on failed modes and the one that was used instead."""
        notes = [
            f"{note}: built with {_ADJECTIVES.get(tensor_mode, tensor_mode)} ones"
            for note in self._notes
        ]
        self._notes = []
        return notes

    def can_go_on(self, model: nn.Module) -> bool:
        """Return whether another mode is left that a model of this size can run on."""
        elements = _elements(model)
        limits = {"zeros": _MAXIMUM_ZEROS, "real": _MAXIMUM_REAL}
        self._waiting = [
            tensor_mode for tensor_mode in self._waiting if elements <= limits.get(tensor_mode, elements)
        ]
        if "zeros" in self._tried or "zeros" in self._waiting:
            # Fake tensors have no values either: they are for what is too large for kernels.
            self._waiting = [mode for mode in self._waiting if mode != "fake"]
        return bool(self._waiting)


def is_caused_by_mode(failure: Failure, tensor_mode: TensorMode) -> bool:
    """Return whether a forward failed because of its tensor mode."""
    needs = unmet_needs(failure.type, failure.message)
    if tensor_mode in ("meta", "fake"):
        return not refuses(failure) and bool(needs & {"values", "kernel"})
    return does_too_much_work(failure) or (tensor_mode == "zeros" and "weights" in needs)


def does_too_much_work(failure: Failure) -> bool:
    """Return whether a forward was stopped, because it does too much work for kernels."""
    return failure.type == TooMuchWork.__name__


def fallback_reason(failure: Failure, tensor_mode: TensorMode, *, fell_back: bool = True) -> str:
    """Return the reason why forward does not run in a tensor mode, and the fallback."""
    place = failure.place
    where = f" ({place.text} in line {place.line} of {place.file})" if place and place.text else ""
    if tensor_mode in ("meta", "fake"):
        kind = "tensors on the meta device" if tensor_mode == "meta" else "fake tensors"
        why, instead = f"forward needs values, which {kind} do not have{where}", "others"
    else:
        why, instead = f"forward uses weight values in a way that fails on zeros{where}", "real ones"
    return f"{why}; it ran on {instead} instead" if fell_back else why


def _elements(model: nn.Module) -> int:
    """Return the number of elements of all parameters."""
    with torch._C.DisableTorchFunction():
        return sum(parameter.numel() for parameter in parameters(model))
