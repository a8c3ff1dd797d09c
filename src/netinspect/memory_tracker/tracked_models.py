"""Sources of tracked models: built from a target, or copied from a live model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from torch import nn

from netinspect.errors import LoadError
from netinspect.memory_tracker.fake_tensors import adapt, copy_error, fake_copy, real_tensors
from netinspect.memory_tracker.model_copies import deep_copy
from netinspect.targets.model_factory import ModelFactory, TensorMode, adapt_to_meta
from netinspect.tracing.model.members import parameters
from netinspect.tracing.tensors.describe import is_uninitialised

_MODES: tuple[TensorMode, ...] = ("zeros", "meta", "real")
"""Tensor modes for a model that cannot be built on fake tensors, the cheapest first."""

MOST_WITH_VALUES = 2_000_000_000
"""Maximum number of parameters of a model that is run with zero-filled weights."""

BATCHED = (
    "experts are multiplied in batches, which needs no values but more memory than one after the other"
)

FirstRun = Callable[[nn.Module], None]
"""Runs a model once on its inputs, which initializes lazy layers."""


class Source(Protocol):
    """Source of tracked models."""

    modes_with_values: tuple[TensorMode, ...]
    """Tensor modes that `with_values` supports, in the order in which to try them."""

    note: str
    """Difference between the result of `without_data` and the real model; empty if they are equal."""

    def without_data(self, mode: Any) -> nn.Module:
        """Return the model on fake tensors.

        Args:
            mode: The active mode of `fake_tensors`.

        Raises:
            LoadError: The model cannot be built or copied.
        """

    def with_values(self, tensor_mode: TensorMode) -> tuple[nn.Module, TensorMode]:
        """Return the model on tensors with values, and the actual tensor mode.

        Raises:
            LoadError: The model cannot be built or copied.
        """


class TargetSource:
    """Models built from a target.

    Not every constructor runs on fake tensors: some read values, and torch refuses to move or cast a
    module of fake tensors (`.to("cpu")`, `.half()`). Such a model is built once on other tensors that
    take no memory, and copied.

    Args:
        factory: Factory of the target.
        first_run: Initializes lazy layers.
    """

    modes_with_values: tuple[TensorMode, ...] = ("zeros", "real")

    def __init__(self, factory: ModelFactory, first_run: FirstRun) -> None:
        self._factory = factory
        self._first_run = first_run
        self.note = ""
        self._instance = factory.build()[0] if factory.is_built else None
        self._original: nn.Module | None = None
        """Model to copy if building it again fails."""

    def without_data(self, mode: Any) -> nn.Module:
        """Return the model; see `Source`."""
        if self._original is None and self._instance is None:
            try:
                model = self._factory.build("fake")[0]
            except LoadError:
                pass  # another tensor mode may work, or raises the error
            else:
                self.note = _with_batched_experts(model)
                return model
        if self._original is None:
            with real_tensors():
                model = self._instance or build_without_fake(self._factory)
                if self._instance is None:
                    self.note = _with_batched_experts(model)
                self._original = _initialized(model, self._first_run)
        return fake_copy(self._original, mode)

    def with_values(self, tensor_mode: TensorMode) -> tuple[nn.Module, TensorMode]:
        """Return the model; see `Source`."""
        if self._instance is not None:
            return _copied(self._instance), "real"
        return self._factory.build(tensor_mode)


class LiveSource:
    """Copies of a live model.

    Args:
        model: The model, which is not changed.
        first_run: Initializes lazy layers.
    """

    modes_with_values: tuple[TensorMode, ...] = ("real",)

    def __init__(self, model: nn.Module, first_run: FirstRun) -> None:
        self._model = model
        self._first_run = first_run
        self.note = ""

    def without_data(self, mode: Any) -> nn.Module:
        """Return the model; see `Source`."""
        with real_tensors():
            self._model = _initialized(self._model, self._first_run)
        return fake_copy(self._model, mode)

    def with_values(self, tensor_mode: TensorMode) -> tuple[nn.Module, TensorMode]:
        """Return the model; see `Source`."""
        return _copied(self._model), "real"


def build_then_fake(factory: ModelFactory, mode: Any) -> nn.Module:
    """Build a model whose constructor does not run on fake tensors, and copy it to fake tensors.

    Args:
        factory: Factory of the target.
        mode: The active mode of fake tensors.

    Raises:
        LoadError: The model cannot be built.
    """
    with real_tensors():
        original = build_without_fake(factory)
        _with_batched_experts(original)
    model = fake_copy(original, mode)
    adapt(model, None)
    return model


def build_without_fake(factory: ModelFactory) -> nn.Module:
    """Build a model in the cheapest other tensor mode that works, to be copied to fake tensors.

    A failure with the same cause in two tensor modes is not retried in a third.

    Raises:
        LoadError: The model cannot be built.
    """
    causes = []
    for tensor_mode in _MODES:
        try:
            model = factory.build(tensor_mode)[0]
        except LoadError as error:
            if tensor_mode == _MODES[-1] or error.cause in causes:
                raise
            causes.append(error.cause)
        else:
            return model
    raise AssertionError("the last tensor mode raises")


def _with_batched_experts(model: nn.Module) -> str:
    """Make a model multiply by experts in batches, if it is too large for a run with values.

    Returns:
        A note on the change; empty if nothing was changed.
    """
    sized = [each for each in parameters(model) if not is_uninitialised(each)]
    if sum(each.numel() for each in sized) <= MOST_WITH_VALUES:
        return ""  # batched experts take more memory than those of a run with values
    return BATCHED if adapt_to_meta(model) else ""


def _initialized(model: nn.Module, first_run: FirstRun) -> nn.Module:
    """Return a model with initialized layers: the model itself, or a copy after one run."""
    if not any(map(is_uninitialised, parameters(model))):
        return model
    copied = _copied(model)
    first_run(copied)
    return copied


def _copied(model: nn.Module) -> nn.Module:
    try:
        return deep_copy(model)
    except Exception as error:  # any object in the model may refuse to be copied
        raise copy_error(model, error) from error
