"""Sources of tracked models, without data or with values."""

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
"""What a model is built of where it cannot be built of fake tensors: the cheapest first."""

MOST_WITH_VALUES = 2_000_000_000
"""Parameters up to which a model is run with values."""

BATCHED = (
    "experts are multiplied in batches, as that needs no values: one after the other they take less"
)

FirstRun = Callable[[nn.Module], None]
"""Runs a model once on its inputs, so that lazy layers have their sizes."""


class Source(Protocol):
    """Source of the models."""

    modes_with_values: tuple[TensorMode, ...]
    """What `with_values` makes, in the order in which to try."""

    note: str
    """How what `without_data` makes differs from the model as it runs; empty where it does not."""

    def without_data(self, mode: Any) -> nn.Module:
        """Make the model of fake tensors.

        Args:
            mode: That of `fake_tensors`, which is entered.

        Raises:
            LoadError: It cannot be made so.
        """

    def with_values(self, tensor_mode: TensorMode) -> tuple[nn.Module, TensorMode]:
        """Make the model of tensors with values; return also what they are.

        Raises:
            LoadError: It cannot be made so.
        """


class TargetSource:
    """Builds what a target names.

    Not every constructor runs on fake tensors: some read values, and torch refuses to move or to cast a
    module that is made of them (`.to("cpu")`, `.half()`). Such a model is built once of other tensors
    that take no memory, and copied.

    Args:
        factory: What the target names.
        first_run: For models with lazy layers.
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
        """Make the model; see `Source`."""
        if self._original is None and self._instance is None:
            try:
                model = self._factory.build("fake")[0]
            except LoadError:
                pass  # other tensors may work; otherwise they raise the error
            else:
                self.note = _suited(model)
                return model
        if self._original is None:
            with real_tensors():
                model = self._instance or build_unfaked(self._factory)
                if self._instance is None:
                    self.note = _suited(model)
                self._original = _sized(model, self._first_run)
        return fake_copy(self._original, mode)

    def with_values(self, tensor_mode: TensorMode) -> tuple[nn.Module, TensorMode]:
        """Make the model; see `Source`."""
        if self._instance is not None:
            return _copied(self._instance), "real"
        return self._factory.build(tensor_mode)


class LiveSource:
    """Copies a live model, which is only read.

    Args:
        model: The model.
        first_run: For models with lazy layers.
    """

    modes_with_values: tuple[TensorMode, ...] = ("real",)

    def __init__(self, model: nn.Module, first_run: FirstRun) -> None:
        self._model = model
        self._first_run = first_run
        self.note = ""

    def without_data(self, mode: Any) -> nn.Module:
        """Make the model; see `Source`."""
        with real_tensors():
            self._model = _sized(self._model, self._first_run)
        return fake_copy(self._model, mode)

    def with_values(self, tensor_mode: TensorMode) -> tuple[nn.Module, TensorMode]:
        """Make the model; see `Source`."""
        return _copied(self._model), "real"


def build_then_fake(factory: ModelFactory, mode: Any) -> nn.Module:
    """Build a model whose constructor does not run on fake tensors, and copy it to them.

    Args:
        factory: What the target names.
        mode: That of fake tensors, which is entered.

    Raises:
        LoadError: It cannot be built.
    """
    with real_tensors():
        original = build_unfaked(factory)
        _suited(original)
    model = fake_copy(original, mode)
    adapt(model, None)
    return model


def build_unfaked(factory: ModelFactory) -> nn.Module:
    """Build a model, to be copied to fake tensors, of the cheapest others that its constructor takes.

    A failure with the same cause in two tensor modes is not retried in a third.

    Raises:
        LoadError: It cannot be built.
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


def _suited(model: nn.Module) -> str:
    """Have a model multiply by experts in batches, if it is too large for a run with values.

    Returns:
        A note on the change; empty if nothing was changed.
    """
    sized = [each for each in parameters(model) if not is_uninitialised(each)]
    if sum(each.numel() for each in sized) <= MOST_WITH_VALUES:
        return ""  # batched experts take more memory than those of a run with values
    return BATCHED if adapt_to_meta(model) else ""


def _sized(model: nn.Module, first_run: FirstRun) -> nn.Module:
    """Return a model whose layers have their sizes: itself, or a copy that has run once."""
    if not any(map(is_uninitialised, parameters(model))):
        return model
    copied = _copied(model)
    first_run(copied)
    return copied


def _copied(model: nn.Module) -> nn.Module:
    try:
        return deep_copy(model)
    except Exception as error:  # whatever the model holds may refuse to be copied
        raise copy_error(model, error) from error
