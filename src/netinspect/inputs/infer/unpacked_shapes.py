"""Names of the dimensions of an argument, from code such as `batch, channels, length = x.shape`."""

from __future__ import annotations

import ast
import inspect
import textwrap

from torch import nn

from netinspect.inputs.signature import class_method

_UNUSED = "_"


def unpacked_shape(model: nn.Module, argument: str, call: str = "forward") -> tuple[str, ...]:
    """Return the names to which a method first unpacks the shape of an argument; empty without any.

    They are those of the first dimensions only if a slice is unpacked: `batch, frames = x.shape[:2]`.

    Args:
        model: The live module; nothing of it is called.
        argument: Name of the argument.
        call: Name of the method.
    """
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(class_method(model, call))))
    except (OSError, TypeError, SyntaxError, ValueError, RecursionError, MemoryError):
        return ()
    found = [
        (node.lineno, _names(node.targets[0]))
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and _is_shape(node.value, argument)
    ]
    return min([each for each in found if each[1]], default=(0, ()))[1]


def _names(target: ast.expr) -> tuple[str, ...]:
    if not isinstance(target, ast.Tuple):
        return ()
    names = [each.id if isinstance(each, ast.Name) else _UNUSED for each in target.elts]
    return () if any(isinstance(each, ast.Starred) for each in target.elts) else tuple(names)


def _is_shape(node: ast.expr, argument: str) -> bool:
    """Return whether an expression is `argument.shape`, `argument.size()` or their first entries."""
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice) and not node.slice.lower:
        node = node.value
    if isinstance(node, ast.Call) and not node.args:
        node = node.func
    if not isinstance(node, ast.Attribute) or node.attr not in ("shape", "size"):
        return False
    return isinstance(node.value, ast.Name) and node.value.id == argument
