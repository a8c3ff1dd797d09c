"""Code in docstrings: doctests, fenced blocks and indented examples."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterator

from netinspect._utils.evaluation.source_files import parse_source

_LONGEST = 50_000
"""Most characters of a docstring that are read."""

_PROMPT = re.compile(r"^[ \t]*(?:>>>|\.\.\.)(?: |$)(?P<code>.*)$", re.MULTILINE)
_FENCE = re.compile(r"```(?:python|py)?[ \t]*\n(?P<code>.*?)```", re.DOTALL)
_EXAMPLE = re.compile(
    r"^(?P<indent>[ \t]*)(?:.*::|examples?|usage|example usage):?:?[ \t]*-*\n"
    r"(?P<code>(?:(?P=indent)[ \t]+.*\n|[ \t]*\n)+)",
    re.MULTILINE | re.IGNORECASE,
)


def docstring_code(tree: ast.Module, name: str) -> list[ast.Module]:
    """Return the examples in the docstrings of a class or function, its methods, and its file.

    Args:
        tree: Syntax tree of the file.
        name: Name of the class or function.
    """
    texts = []
    for node in tree.body:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)) and node.name == name:
            texts.append(ast.get_docstring(node))
            methods = node.body if isinstance(node, ast.ClassDef) else ()
            texts += [ast.get_docstring(each) for each in methods if isinstance(each, ast.FunctionDef)]
    texts.append(ast.get_docstring(tree))
    return [code for text in texts if text for code in examples_in(text)]


def examples_in(text: str) -> list[ast.Module]:
    """Return the examples in the text of one docstring, without their imports."""
    found = []
    for code in _sources(text[:_LONGEST]):
        tree = parse_source(textwrap.dedent(code))
        if tree is None:
            continue
        tree.body = [each for each in tree.body if not isinstance(each, (ast.Import, ast.ImportFrom))]
        if tree.body:
            found.append(tree)
    return found


def _sources(text: str) -> Iterator[str]:
    prompts = [match["code"] for match in _PROMPT.finditer(text)]
    if prompts:
        yield "\n".join(prompts)
        return
    fenced = [match["code"] for match in _FENCE.finditer(text)]
    yield from fenced
    if not fenced:
        yield from (match["code"] for match in _EXAMPLE.finditer(text + "\n"))
