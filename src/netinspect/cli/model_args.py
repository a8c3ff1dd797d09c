"""Values of `--arg`: the arguments of the class or factory that a target names."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import Any

from netinspect.errors import UsageError


def read_model_args(texts: Iterable[str]) -> dict[str, Any]:
    """Parse entries like `num_classes=10`: a Python literal, or else a string.

    Raises:
        UsageError: An entry has no name.
    """
    arguments: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.isidentifier():
            raise UsageError(f"cannot read --arg {text!r}", hint="write it like --arg num_classes=10")
        try:
            arguments[name] = ast.literal_eval(value)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            arguments[name] = value  # a bare word is a string
    return arguments
