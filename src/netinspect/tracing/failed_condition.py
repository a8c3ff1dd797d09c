"""The condition of the user's code that raised: its text, and the values of its names.

The source is only parsed, and values are read as stored: no code of the user runs.
"""

from __future__ import annotations

import ast
import inspect
import itertools
import textwrap
import types
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import nn

from netinspect.records.steps import Condition, NamedValue, Origin
from netinspect.records.values import Literal, Value
from netinspect.tracing.model.members import TENSORS, table_of
from netinspect.tracing.safe_access import SIMPLE, attribute, is_a, items_of, iter_of, state_of
from netinspect.tracing.source_lines import lines_of, raising_entry
from netinspect.tracing.tensors.describe import LiveTensors, describe

_LONGEST = 500
"""Maximum length of a condition or an assignment."""

_MOST_LINES = 2000
_MOST_NAMES = 20
_MOST_ENTRIES = 20
_DEEPEST = 4
_ABSENT = object()
_OF_TENSORS = frozenset(("shape", "size", "dim", "ndim", "ndimension", "dtype", "is_floating_point"))


def failed_condition(
    error: BaseException, origins: Callable[[LiveTensors], Sequence[Origin]]
) -> Condition | None:
    """Return the condition whose failure raised an exception; None if it was raised in another way.

    Args:
        error: The exception.
        origins: Returns the origins of tensors.
    """
    entry = raising_entry(error)
    if entry is None:
        return None
    frame, line = entry.tb_frame, entry.tb_lineno or 0
    function = _function(frame.f_code)
    if function is None:
        return None
    first, tree = function
    # Lines of the tree are those of the function's own text.
    path = _path_to(tree, line - first + 1)
    required = _requirement(path, error) if path else None
    if required is None:
        return None
    text, holds, expression = required
    assignments = _assignments(tree, expression, line - first + 1)
    roots = [expression, *(each.value for each in assignments if each.value is not None)]
    names = list(dict.fromkeys(name for root in roots for name in _dotted_names(root)))
    tensors, values = LiveTensors(), []
    with torch._C.DisableTorchFunction():
        for name in names[:_MOST_NAMES]:
            value = _described(_look_up(name, frame), tensors)
            if value is not None:
                values.append((name, value, len(tensors)))
        found = origins(tensors)
    return Condition(
        text=text,
        holds=holds,
        assignments=tuple(ast.unparse(each)[:_LONGEST] for each in assignments),
        values=tuple(_with_origins(values, found)),
    )


def _with_origins(
    values: Sequence[tuple[str, Value, int]], origins: Sequence[Origin]
) -> Iterator[NamedValue]:
    before = 0
    for name, value, after in values:
        origin = origins[before] if after > before and after <= len(origins) else Origin()
        yield NamedValue(name=name, value=value, origin=origin)
        before = after


def _function(code: types.CodeType) -> tuple[int, ast.AST] | None:
    """Return the first line of a function and its parsed source."""
    lines = lines_of(code.co_filename)
    first = code.co_firstlineno
    if not 0 < first <= len(lines):
        return None
    try:
        block = inspect.getblock(lines[first - 1 : first - 1 + _MOST_LINES])
        return first, ast.parse(textwrap.dedent("".join(block)))
    except (SyntaxError, ValueError, IndexError, RecursionError, MemoryError):
        return None


def _path_to(tree: ast.AST, line: int) -> list[ast.stmt]:
    """Return the statements around a line, the innermost last."""
    path: list[ast.stmt] = []
    node: ast.AST | None = tree
    while node is not None:
        node = next(
            (
                each
                for each in ast.iter_child_nodes(node)
                if isinstance(each, (ast.stmt, ast.ExceptHandler, ast.match_case))
                and _covers(each, line)
            ),
            None,
        )
        if isinstance(node, ast.stmt):
            path.append(node)
    return path


def _covers(node: ast.stmt | ast.ExceptHandler | ast.match_case, line: int) -> bool:
    if isinstance(node, ast.match_case):
        return node.pattern.lineno <= line <= (node.body[-1].end_lineno or 0)
    return node.lineno <= line <= (node.end_lineno or 0)


def _requirement(
    path: Sequence[ast.stmt], error: BaseException
) -> tuple[str, bool, ast.expr | ast.stmt] | None:
    """Return the text of a condition, whether it has to hold, and its expression."""
    last = path[-1]
    if isinstance(last, ast.Assert) and is_a(error, AssertionError):
        return ast.unparse(last.test)[:_LONGEST], True, last.test
    if isinstance(last, ast.Raise):
        return _of_guards(path)
    if isinstance(last, ast.Assign) and is_a(error, ValueError) and _is_unpacking(last):
        return ast.unparse(last)[:_LONGEST], True, last.value
    return None


def _is_unpacking(statement: ast.Assign) -> bool:
    target = statement.targets[-1]
    return isinstance(target, (ast.Tuple, ast.List))


def _of_guards(path: Sequence[ast.stmt]) -> tuple[str, bool, ast.expr | ast.stmt] | None:
    """Return the conditions under which a statement runs, as one that must not hold."""
    guards: list[ast.expr] = []
    for outer, inner in itertools.pairwise(path):
        if isinstance(outer, (ast.FunctionDef, ast.AsyncFunctionDef)):
            guards.clear()
        elif isinstance(outer, ast.If):
            is_other = any(each is inner for each in outer.orelse)
            guards.append(ast.UnaryOp(ast.Not(), outer.test) if is_other else outer.test)
        elif not isinstance(outer, ast.With):
            guards.clear()  # a condition around a loop or a `try` is about something else
    if not guards:
        return None
    joined = guards[0] if len(guards) == 1 else ast.BoolOp(ast.And(), guards)
    return ast.unparse(joined)[:_LONGEST], False, joined


def _assignments(tree: ast.AST, expression: ast.AST, before: int) -> list[ast.Assign]:
    """Return the last assignments before a line to the names in an expression, and to those in turn."""
    last: dict[str, ast.Assign] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and node.lineno < before:
            for target in node.targets:
                for name in _targets(target):
                    if name not in last or last[name].lineno < node.lineno:
                        last[name] = node
    found: dict[int, ast.Assign] = {}
    waiting: list[ast.AST] = [expression]
    while waiting and len(found) < _MOST_NAMES:
        for node in ast.walk(waiting.pop()):
            assigned = last.get(node.id) if isinstance(node, ast.Name) else None
            if assigned is not None and id(assigned) not in found and _is_measured(assigned.value):
                found[id(assigned)] = assigned
                waiting.append(assigned.value)
    return list(found.values())


def _is_measured(value: ast.expr) -> bool:
    """Return whether an expression may be a size, such as `x.size(0)`; `layer(x)` is a tensor."""
    if not isinstance(value, ast.Call):
        return not isinstance(value, ast.Await)
    function = value.func
    if isinstance(function, ast.Attribute):
        return function.attr in _OF_TENSORS
    return isinstance(function, ast.Name) and function.id in ("len", "int", "tuple", "list")


def _targets(target: ast.expr) -> Iterator[str]:
    for node in ast.walk(target):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


def _dotted_names(root: ast.AST) -> Iterator[str]:
    """Yield names in an expression, such as `x` and `self.config.block_size`."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        path = _dotted(node)
        if path:
            yield ".".join(path)
            if path[-1] in _OF_TENSORS:
                yield ".".join(path[:-1])
        else:
            waiting += [*ast.iter_child_nodes(node)]


def _dotted(node: ast.AST) -> list[str]:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return [node.id, *reversed(parts)] if isinstance(node, ast.Name) else []


def _look_up(name: str, frame: types.FrameType) -> Any:
    """Return the stored value of a dotted name in a frame; `_ABSENT` if it is not stored."""
    first, *rest = name.split(".")
    value = frame.f_locals.get(first, _ABSENT)
    if value is _ABSENT:
        value = frame.f_globals.get(first, _ABSENT)
    for part in rest:
        if value is _ABSENT:
            break
        value = _stored(value, part)
    return value


def _stored(value: Any, name: str) -> Any:
    if is_a(value, nn.Module):
        if (found := state_of(value).get(name, _ABSENT)) is not _ABSENT:
            return found
        for table in (*TENSORS, "_modules"):
            found = _entry(table_of(value, table), name)
            if found is not _ABSENT:
                return found
    if is_a(value, types.ModuleType):
        return vars(value).get(name, _ABSENT)
    return attribute(value, name, _ABSENT)


def _entry(table: Any, name: str) -> Any:
    return dict.get(table, name, _ABSENT) if is_a(table, dict) else _ABSENT


def _described(value: Any, tensors: LiveTensors) -> Value | None:
    if value is _ABSENT:
        return None
    if is_a(value, torch.Tensor):
        return describe(value, tensors)
    if is_a(value, torch.dtype):
        return Literal(type="dtype", text=str(value))
    text = _plain_text(value)
    return None if text is None else Literal(type="plain", text=text[:_LONGEST])


def _plain_text(value: Any, depth: int = 0) -> str | None:
    """Return the text of a number, a string, or a container of them; None for other values."""
    if id(type(value)) in SIMPLE:
        return repr(value)
    if depth >= _DEEPEST:
        return None
    if is_a(value, dict):
        items = list(items_of(value))
        pairs = [
            (_plain_text(key, depth + 1), _plain_text(each, depth + 1))
            for key, each in items[:_MOST_ENTRIES]
        ]
        known = [f"{key}: {each}" for key, each in pairs if key is not None and each is not None]
        return f"{{{', '.join(known)}}}" if len(items) <= _MOST_ENTRIES else None
    for cls, marks in ((tuple, "()"), (list, "[]")):
        if is_a(value, cls):
            entries = [_plain_text(each, depth + 1) for each in iter_of(cls, value)]
            if len(entries) > _MOST_ENTRIES or None in entries:
                return None
            comma = "," if cls is tuple and len(entries) == 1 else ""
            return f"{marks[0]}{', '.join(filter(None, entries))}{comma}{marks[1]}"
    return None
