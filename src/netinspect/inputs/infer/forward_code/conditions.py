"""Conditions in forward that the live model decides, and constants that arguments are compared with."""

from __future__ import annotations

import ast
import enum
from typing import TYPE_CHECKING

from netinspect.inputs.infer.forward_code.frames import Frame
from netinspect.inputs.infer.forward_code.iteration import items_in
from netinspect.inputs.infer.forward_code.values import (
    Keywords,
    Part,
    Plain,
    Tracked,
    Value,
    Weight,
)
from netinspect.tracing.safe_access import is_a

if TYPE_CHECKING:
    from netinspect.inputs.infer.forward_code.reader import Reader

_SIMPLE = (type(None), bool, int, float, str)
_CONTAINERS = frozenset(
    "dict list tuple str Mapping Sequence Iterable OrderedDict PackedSequence NestedTensor".split()  # noqa: SIM905
)


def decide(reader: Reader, node: ast.expr, frame: Frame) -> bool | None:
    """Return whether a condition holds; None if that is unknown."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        inner = decide(reader, node.operand, frame)
        return None if inner is None else not inner
    if isinstance(node, ast.BoolOp):
        decided = [decide(reader, each, frame) for each in node.values]
        settling = isinstance(node.op, ast.Or)
        if settling in decided:
            return settling
        return None if None in decided else not settling
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        left, right = (reader.value(each, frame) for each in (node.left, node.comparators[0]))
        return _compared(reader, node.ops[0], left, right)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        if node.func.id == "isinstance" and len(node.args) == 2:
            return _is_instance(reader, node, frame)
        if node.func.id == "hasattr" and len(node.args) == 2:
            reader.values(node.args, frame)
            return None
    value = reader.value(node, frame)
    if isinstance(value, Plain) and type(value.value) in _SIMPLE:
        return bool(value.value)
    return True if isinstance(value, Part) else None


def _is_instance(reader: Reader, node: ast.Call, frame: Frame) -> bool | None:
    """Decide that a whole argument is a tensor, where code also accepts another kind."""
    value = reader.value(node.args[0], frame)
    names = {each.id for each in ast.walk(node.args[1]) if isinstance(each, ast.Name)}
    names |= {each.attr for each in ast.walk(node.args[1]) if isinstance(each, ast.Attribute)}
    if not isinstance(value, Tracked):
        return None
    if "Tensor" in names:
        return True
    return False if names & _CONTAINERS else None


def _compared(reader: Reader, operator: ast.cmpop, left: Value, right: Value) -> bool | None:
    if isinstance(operator, (ast.Is, ast.IsNot)):
        if isinstance(right, Plain) and right.value is None and isinstance(left, (Plain, Part, Weight)):
            is_none = isinstance(left, Plain) and left.value is None
            return is_none is isinstance(operator, ast.Is)
        if isinstance(right, Plain) and right.value is None and isinstance(left, Tracked):
            reader.table.of(left).may_be_none = True
            return None
        compare(reader, left, right)
        return None
    if isinstance(operator, (ast.In, ast.NotIn)):
        is_key = isinstance(left, Plain) and type(left.value) is str
        if is_key and isinstance(right, (Tracked, Keywords)):
            # A key that code works without is not given.
            return isinstance(operator, ast.NotIn)
        for each in items_in(right) or ():
            compare(reader, left, each)
        return None
    compare(reader, left, right)
    compare(reader, right, left)
    if not isinstance(left, Plain) or not isinstance(right, Plain):
        return None
    one, other = left.value, right.value
    if type(one) not in _SIMPLE or type(other) not in _SIMPLE:
        return None
    if isinstance(operator, ast.Eq):
        return one == other
    if isinstance(operator, ast.NotEq):
        return one != other
    return _ordered(operator, one, other)


def _ordered(operator: ast.cmpop, one: object, other: object) -> bool | None:
    if not isinstance(one, (int, float)) or not isinstance(other, (int, float)):
        return None
    match operator:
        case ast.Lt():
            return one < other
        case ast.LtE():
            return one <= other
        case ast.Gt():
            return one > other
        case ast.GtE():
            return one >= other
    return None


def compare(reader: Reader, value: Value, constant: Value) -> None:
    """Record a constant that an argument is compared with."""
    if not isinstance(value, Tracked) or value.changes or not isinstance(constant, Plain):
        return
    if type(constant.value) is str or is_a(constant.value, enum.Enum):
        reader.table.of(value).choose(constant.value)
