"""Refusal of arguments that load pretrained weights, which may be gigabytes and are not inspected."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Collection
from typing import Any

from netinspect.errors import LoadError


def without_weights(builder: Callable[..., Any], names: Collection[str]) -> Callable[..., Any]:
    """Return a builder that refuses arguments for weights.

    Args:
        builder: The function that builds the model.
        names: Names of the arguments for weights.
    """

    @functools.wraps(builder, assigned=(), updated=())
    def build(**arguments: Any) -> Any:
        given = [name for name in names if arguments.get(name)]
        if given:
            raise LoadError(
                f"--arg {given[0]} would download weights, which netinspect never does",
                hint="omit it: shapes and counts are the same without weights",
            )
        return builder(**arguments)

    # Missing and unknown arguments are reported from the signature.
    build.__signature__ = inspect.signature(builder)  # type: ignore[attr-defined]
    return build
