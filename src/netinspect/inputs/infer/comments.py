"""Comments in the source of a function, which often have the shapes of its arguments."""

from __future__ import annotations

import inspect
import io
import tokenize
from collections.abc import Callable
from typing import Any

_MOST_COMMENTS = 50
_LONGEST = 500


def comments_of(function: Callable[..., Any]) -> tuple[str, ...]:
    """Return the comments above a function, and those in its source, in order."""
    try:
        above, source = inspect.getcomments(function), inspect.getsource(function)
    except (OSError, TypeError, ValueError, IndexError, SyntaxError):
        return ()
    found = [line.lstrip("# \t") for line in (above or "").splitlines()]
    try:
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type == tokenize.COMMENT:
                found.append(token.string.lstrip("# \t"))
    except (tokenize.TokenError, SyntaxError):  # the source of a method is indented
        pass
    return tuple(each[:_LONGEST] for each in found[:_MOST_COMMENTS])
