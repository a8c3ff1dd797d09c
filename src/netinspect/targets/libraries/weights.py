"""Refusal of pretrained weights: only the structure is inspected, and weights may be gigabytes."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Collection
from typing import Any

from netinspect.errors import LoadError


def without_weights(builder: Callable[..., Any], names: Collection[str]) -> Callable[..., Any]:
    """Guard a builder against arguments that ask for weights.

    Args:
        builder: The function that builds the model.
        names: The arguments by which it would be asked for weights.
    """

    @functools.wraps(builder, assigned=(), updated=())
    def build(**arguments: Any) -> Any:
        asked = [name for name in names if arguments.get(name)]
        if asked:
            raise LoadError(
                f"--arg {asked[0]} would fetch weights, which netinspect never does",
                hint="leave it out: shapes and counts are the same without",
            )
        return builder(**arguments)

    # Missing and unknown arguments are reported from the signature.
    build.__signature__ = inspect.signature(builder)  # type: ignore[attr-defined]
    return build
