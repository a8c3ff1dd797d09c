"""Parts of statements in a syntax tree: blocks, heads, and code that a definition runs."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from netinspect.targets.definitions.calls import default_values

Branching = ast.If | ast.Try | ast.TryStar | ast.With
BRANCHING = (ast.If, ast.Try, ast.TryStar, ast.With)
BODIES = ("body", "orelse", "finalbody")


def run_parts(node: ast.stmt) -> list[ast.AST]:
    """Return the parts of a class or function that run when it is defined."""
    if isinstance(node, ast.ClassDef):
        inner = [part for each in node.body for part in (each, *run_parts(each))]
        return [*node.decorator_list, *node.bases, *(each.value for each in node.keywords), *inner]
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return [*node.decorator_list, *default_values(node)]
    return []


def bodies(node: ast.stmt) -> Iterator[tuple[str, list[ast.stmt]]]:
    """Yield the blocks of a statement, each with the name of its field."""
    for name in BODIES:
        if body := getattr(node, name, None):
            yield name, body
    for handler in getattr(node, "handlers", ()):
        yield "handler", handler.body


def pass_at(node: ast.AST) -> ast.stmt:
    """Return a `pass` statement at the location of a node."""
    return ast.copy_location(ast.Pass(), node)


def head_names(node: Branching) -> set[str]:
    """Return the names in the head of a statement: a test, contexts or exception types."""
    heads: list[ast.AST] = []
    if isinstance(node, ast.If):
        heads = [node.test]
    elif isinstance(node, ast.With):
        heads = list(node.items)
    else:
        heads = [each.type for each in node.handlers if each.type is not None]
    return {each.id for head in heads for each in ast.walk(head) if isinstance(each, ast.Name)}


def builds_layer(node: ast.Assign | ast.AnnAssign) -> bool:
    """Return whether an assignment calls a class, such as `nn.Sequential`, by the form of its name."""
    calls = [each for each in ast.walk(node) if isinstance(each, ast.Call)]
    names = [each.func for each in calls]
    return any(
        (isinstance(each, ast.Attribute) and isinstance(each.value, ast.Name) and each.value.id == "nn")
        or (isinstance(each, ast.Name) and each.id[:1].isupper())
        for each in names
    )
