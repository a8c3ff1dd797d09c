"""Syntax highlighting of Python source with Pygments, a dependency of Rich."""

from __future__ import annotations

from pygments.lexers.python import PythonLexer
from pygments.token import (
    Comment,
    Keyword,
    Name,
    Number,
    Operator,
    String,
    _TokenType,
    is_token_subtype,
)

from netinspect.rendering.document import Span

_STYLES: tuple[tuple[_TokenType, str], ...] = (
    (Comment, "dim"),
    (String, "yellow"),
    (Number, "magenta"),
    (Keyword, "bold blue"),
    (Operator.Word, "bold blue"),
    (Name.Function, "bold"),
    (Name.Class, "bold"),
    (Name.Builtin, "cyan"),
    (Name.Decorator, "cyan"),
)


def highlight_python(texts: list[str]) -> list[list[Span]]:
    """Split lines of Python into styled spans; the text is unchanged.

    Args:
        texts: Lines without line ends.
    """
    lines: list[list[Span]] = [[]]
    for token, text in PythonLexer(stripnl=False, ensurenl=False).get_tokens("\n".join(texts)):
        style = next((style for kind, style in _STYLES if is_token_subtype(token, kind)), "")
        first, *others = text.split("\n")
        if first:
            lines[-1].append(Span(text=first, style=style))
        for other in others:
            lines.append([Span(text=other, style=style)] if other else [])
    return lines[: len(texts)]
