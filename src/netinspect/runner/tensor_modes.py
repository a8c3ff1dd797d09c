"""The kinds of tensors that a model can be run on: which to try, and what each is no good for."""

from __future__ import annotations

import re
from collections.abc import Iterator

import torch
from torch import nn

from netinspect.errors import LoadError, UsageError
from netinspect.records.steps import Failure
from netinspect.targets.model_factory import ModelFactory, TensorMode
from netinspect.tracing.model.forwardless import refuses
from netinspect.tracing.model.members import parameters

_WORTH_META = 150_000_000
"""Elements from which on real kernels take longer than what the meta device brings along to import."""

_MAXIMUM_HOLLOW = 2_000_000_000
_MAXIMUM_REAL = 1_500_000_000
"""Elements up to which a model is run with kernels, and with weights, without being asked to."""

_NEEDS_VALUES = re.compile(
    r"\bmeta\b|Meta tensor|item\(\)|_local_scalar_dense|data-dependent|BF16 type|no data", re.IGNORECASE
)
_VALUELESS = ("NotImplementedError", "DataDependentOutputException", "DynamicOutputShapeException")
_NEEDS_WEIGHTS = re.compile(
    r"singular|positive[- ]definite|converge|ill-conditioned|probabilit", re.IGNORECASE
)


class TensorModes:
    """Which kinds of tensors to try, one after the other.

    Args:
        blueprint: What builds the model.
        on: What was asked for, as `RunOptions.on`.
        needs_values: Whether only real weights will do.
    """

    def __init__(self, blueprint: ModelFactory, on: str, *, needs_values: bool) -> None:
        self.error: LoadError
        self._asked = on
        self._waiting: list[TensorMode] = []
        self._tried: list[TensorMode] = []
        self._notes: list[str] = []
        self._failed_to_build: str | None = None
        if on in ("meta", "hollow", "fake"):
            if needs_values:
                raise UsageError(
                    f"--tensors {on} has no values, which were asked for",
                    hint="use --tensors real or leave it out",
                )
            self._waiting = [on]  # type: ignore[list-item]
        elif on != "auto" or needs_values:
            self._waiting = ["real"]
        elif blueprint.target.kind == "library":
            self._waiting = ["meta", "hollow", "fake", "real"]
        else:
            self._waiting = ["hollow", "real"]

    def __iter__(self) -> Iterator[TensorMode]:
        while self._waiting:
            self._tried.append(self._waiting.pop(0))
            yield self._tried[-1]

    def puts_off(self, model: nn.Module, lane: TensorMode) -> bool:
        """Whether a hollow model is so large that the meta device shall come first."""
        if lane != "hollow" or self._asked != "auto" or "meta" in self._tried:
            return False
        if _elements(model) < _WORTH_META:
            return False
        self._waiting = ["meta", "hollow", "fake", *self._waiting]
        return True

    def failed_to_build(self, error: LoadError) -> None:
        """Remember why a model cannot be built.

        What fails alike on two kinds of tensors is not their fault: real weights, which may not even
        fit in memory, would not help.
        """
        if self._failed_to_build is not None and self._failed_to_build == error.cause:
            raise error
        self._failed_to_build = error.cause
        self.error = error
        cause = (error.cause or error.message).partition("\n")[0]
        self._notes.append(f"it cannot be built on {self._tried[-1]} tensors ({cause})")

    def building_notes(self, lane: TensorMode) -> list[str]:
        """Say on what it was built instead."""
        notes = [f"{note}: built with {lane} ones" for note in self._notes]
        self._notes = []
        return notes

    def can_go_on(self, model: nn.Module) -> bool:
        """Whether another kind of tensors is left that a model of this size can be run on."""
        elements = _elements(model)
        limits = {"hollow": _MAXIMUM_HOLLOW, "real": _MAXIMUM_REAL}
        self._waiting = [lane for lane in self._waiting if elements <= limits.get(lane, elements)]
        if "hollow" in self._tried or "hollow" in self._waiting:
            # Fake tensors have no values either: they are for what is too large for kernels.
            self._waiting = [lane for lane in self._waiting if lane != "fake"]
        return bool(self._waiting)


def is_of_the_lane(failure: Failure, lane: TensorMode) -> bool:
    """Return whether a forward failed for the kind of tensors that it ran on."""
    if lane in ("meta", "fake") and not refuses(failure):
        return failure.type in _VALUELESS or bool(_NEEDS_VALUES.search(failure.message))
    return lane == "hollow" and bool(_NEEDS_WEIGHTS.search(failure.message))


def why_not(failure: Failure, lane: TensorMode, *, fell_back: bool = True) -> str:
    """Say why a forward does not run on a kind of tensors."""
    place = failure.place
    where = f" ({place.text} in line {place.line} of {place.file})" if place and place.text else ""
    if lane in ("meta", "fake"):
        kind = "tensors on the meta device" if lane == "meta" else "fake tensors"
        why, instead = f"forward needs values, which {kind} do not have{where}", "others"
    else:
        why, instead = f"forward does to its weights what zeros do not bear{where}", "real ones"
    return f"{why}; it ran on {instead} instead" if fell_back else why


def _elements(model: nn.Module) -> int:
    """Return the number of elements of all parameters."""
    with torch._C.DisableTorchFunction():
        return sum(parameter.numel() for parameter in parameters(model))
