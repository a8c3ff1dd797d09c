"""Builds what a target names without data, any number of times."""

from __future__ import annotations

from typing import Any

from torch import nn

from netinspect.errors import LoadError
from netinspect.sources.build import Blueprint
from netinspect.tracking.fakes import fake_copy, lazy_error, needs_values, real_tensors


class Builder:
    """Makes a model anew at each call, of tensors without data.

    A constructor that reads values, as those of timm do for the rates of their dropout, cannot run on
    such tensors; it runs once with hollow weights, which take no memory either, and the model is copied.

    Args:
        blueprint: What the target names.
    """

    def __init__(self, blueprint: Blueprint) -> None:
        self._blueprint = blueprint
        self._original = blueprint.build()[0] if blueprint.is_built else None

    def __call__(self, mode: Any) -> nn.Module:
        """Make the model.

        Args:
            mode: That of `fake_tensors`, which is entered.

        Raises:
            LoadError: It cannot be built.
        """
        if self._original is None:
            try:
                return self._blueprint.build("fake")[0]
            except LoadError as error:
                if "UninitializedParameter" in str(error.__cause__):
                    raise lazy_error(self._blueprint.name) from error
                if not needs_values(error.__cause__):
                    raise
            with real_tensors():
                self._original = self._blueprint.build("hollow")[0]
        return fake_copy(self._original, mode)
