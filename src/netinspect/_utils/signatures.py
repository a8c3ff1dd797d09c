"""Signatures of functions without evaluation of their annotations."""

from __future__ import annotations

import inspect
import sys
from typing import Any


def signature_of(function: Any) -> inspect.Signature:
    """Return the signature of a function, without evaluating its annotations.

    From Python 3.14 on, an annotation is an expression in user code that is evaluated when it is read.
    It may use names that are only imported for type checkers.

    Raises:
        TypeError: The value is not a function.
        ValueError: The function has no signature.
    """
    if sys.version_info >= (3, 14):
        from annotationlib import Format

        return inspect.signature(function, annotation_format=Format.STRING)
    return inspect.signature(function)


def annotations_of(function: Any) -> dict[str, Any]:
    """Return the annotations of a function, unevaluated as in `signature_of`; empty if it has none."""
    if sys.version_info >= (3, 14):
        from annotationlib import Format, get_annotations

        return get_annotations(function, format=Format.STRING) if callable(function) else {}
    return getattr(function, "__annotations__", {})
