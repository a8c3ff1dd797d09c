"""Explanations of conditions in the user's code: of an `assert`, a guarded `raise` or an unpacking."""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Iterator, Sequence

from netinspect.analysis.diagnosis.call import Call, Explanation, Family
from netinspect.analysis.diagnosis.condition_values import (
    RANK,
    Evaluated,
    Evaluator,
    UnknownValue,
    parse,
)
from netinspect.analysis.diagnosis.mismatch import Mismatch
from netinspect.analysis.diagnosis.wording import format_shape
from netinspect.records.dataflow import sources_of
from netinspect.records.steps import Condition, Step
from netinspect.records.values import Literal, TensorSpec, tensors_in

_LONGEST = 120
_MOST_VALUES = 4
_FLOATS = frozenset(("float16", "bfloat16", "float32", "float64"))
_INTEGERS = frozenset(("int8", "int16", "int32", "int64", "uint8"))
_OPPOSITES: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Lt: ast.GtE, ast.GtE: ast.Lt, ast.Gt: ast.LtE,
    ast.LtE: ast.Gt, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip


def explain_condition(call: Call) -> Explanation | None:
    """Explain a condition on sizes, ranks or dtypes of tensors that was not met."""
    condition = call.failure.condition
    if condition is None or call.failure.step != call.step.index:
        return None
    evaluator = Evaluator.of(condition)
    parsed = parse(condition.text, "exec")
    if len(parsed) != 1:
        return None
    node = parsed[0]
    if isinstance(node, ast.Assign):
        found = list(_unpacked(node, evaluator))
    elif isinstance(node, ast.Expr):
        found = list(_required(node.value, evaluator, holds=condition.holds))
    else:
        return None
    if not found:
        return None
    found = [_of_arguments(call, condition, each) for each in found]
    wanted = "; ".join(dict.fromkeys(each.requirement for each in found))
    values = ", ".join(_values(condition))
    return Explanation(f"the code needs {wanted}" + (f" ({values})" if values else ""), found)


def _values(condition: Condition) -> Iterator[str]:
    for each in condition.values[:_MOST_VALUES]:
        if isinstance(each.value, TensorSpec):
            yield f"{each.name} is {format_shape(each.value.shape)} {each.value.dtype}"
        elif isinstance(each.value, Literal) and each.value.type == "plain":
            yield f"{each.name} = {each.value.text[:_LONGEST]}"


def _of_arguments(call: Call, condition: Condition, found: Mismatch) -> Mismatch:
    """Return a mismatch with the arguments of the model that the measured tensor comes from."""
    name = next(iter(found.marks), None)
    named = next((each for each in condition.values if each.name == name), None)
    if named is None or not isinstance(named.value, TensorSpec):
        return found
    sources, shape = tuple(sources_of([named.origin], call.trace.steps)), named.value.shape
    argument = ""
    if len(sources) == 1:
        given = _inputs_of(call.trace.steps[0]).get(sources[0])
        # Layers and functions in between usually leave dimensions in their places.
        if given is not None and len(given.shape) == len(shape):
            is_same = all(given.shape[at] == shape[at] for at in found.marks[named.name])
            argument = sources[0] if is_same else ""
    return found._replace(sources=sources, argument=argument)


def _inputs_of(root: Step) -> dict[str, TensorSpec]:
    """Return the tensors that the model was called with, by the name of the argument."""
    pairs = zip(root.input_origins, tensors_in(root.inputs), strict=False)
    return {name: spec for origin, spec in pairs for name in origin.arguments}


def _required(node: ast.expr, evaluator: Evaluator, *, holds: bool) -> Iterator[Mismatch]:
    """Yield what an expression needs in order to be true, or to be false."""
    match node:
        case ast.UnaryOp(op=ast.Not()):
            yield from _required(node.operand, evaluator, holds=not holds)
        case ast.BoolOp():
            parts = [list(_required(each, evaluator, holds=holds)) for each in node.values]
            if isinstance(node.op, ast.And) == holds:
                yield from (each for part in parts for each in part)
            elif known := [part for part in parts if part]:
                # One of several is enough: the one that changes least.
                yield from min(known, key=_distance)
        case ast.Compare():
            if holds or len(node.ops) == 1:
                left = node.left
                for op, right in zip(node.ops, node.comparators, strict=True):
                    kind = type(op) if holds else _OPPOSITES[type(op)]
                    yield from _compared(left, kind, right, evaluator)
                    left = right
        case ast.Call(func=ast.Name(id="all" | "any" as name), args=[argument]):
            if (name == "all") == holds:
                yield from _of_each(argument, evaluator, holds=holds)
        case ast.BinOp(op=ast.Mod()) if not holds:
            yield from _compared(node, ast.Eq, ast.Constant(0), evaluator)
        case ast.Call():
            yield from _of_method(node, evaluator, holds=holds)


def _distance(part: Sequence[Mismatch]) -> int:
    return sum(
        abs(each.expected - each.got)
        if isinstance(each.expected, int) and isinstance(each.got, int)
        else 1
        for each in part
    )


def _of_each(node: ast.expr, evaluator: Evaluator, *, holds: bool) -> Iterator[Mismatch]:
    """Yield what the entries of a list or of a generator expression need."""
    if isinstance(node, (ast.List, ast.Tuple)):
        for each in node.elts:
            yield from _required(each, evaluator, holds=holds)
    if not isinstance(node, (ast.GeneratorExp, ast.ListComp)) or len(node.generators) != 1:
        return
    loop = node.generators[0]
    try:
        entries = evaluator.evaluate(loop.iter).value
    except UnknownValue:
        return
    if isinstance(loop.target, ast.Name) and not loop.ifs and isinstance(entries, tuple):
        for entry in entries:
            inner = dataclasses.replace(evaluator, local={**evaluator.local, loop.target.id: entry})
            yield from _required(node.elt, inner, holds=holds)


def _of_method(node: ast.Call, evaluator: Evaluator, *, holds: bool) -> Iterator[Mismatch]:
    """Yield the dtype that `x.is_floating_point()` needs."""
    function = node.func
    if not isinstance(function, ast.Attribute) or function.attr != "is_floating_point":
        return
    given = evaluator.tensor(node.args[0] if node.args else function.value)
    if given is not None and (given[1].dtype in _FLOATS) != holds:
        yield _of_dtype(given, "float32" if holds else "int64")


def _of_dtype(given: tuple[str, TensorSpec], dtype: str) -> Mismatch:
    name, spec = given
    marks = {name: tuple(range(len(spec.shape)))}
    return Mismatch("dtype", dtype, spec.dtype, marks, f"{name}.dtype = {dtype}")


def _compared(
    left: ast.expr, op: type[ast.cmpop], right: ast.expr, evaluator: Evaluator
) -> Iterator[Mismatch]:
    """Yield what a comparison needs in order to hold."""
    if isinstance(left, ast.Attribute) and left.attr == "dtype":
        yield from _compared_dtype(left, op, right, evaluator)
        return
    try:
        one, other = evaluator.evaluate(left), evaluator.evaluate(right)
    except UnknownValue:
        return
    if op is ast.Eq:
        yield from _equal(one, other, left, right)
    elif op is ast.In and isinstance(other.value, tuple):
        choices = [[*_equal(one, each, left, ast.Constant(each.plain))] for each in other.value]
        if all(choices):
            yield from min(choices, key=_distance, default=[])
    elif op in (ast.Lt, ast.LtE, ast.Gt, ast.GtE):
        yield from _ordered(one, op, other, ast.unparse(left), ast.unparse(right))


def _compared_dtype(
    left: ast.Attribute, op: type[ast.cmpop], right: ast.expr, evaluator: Evaluator
) -> Iterator[Mismatch]:
    given = evaluator.tensor(left.value)
    try:
        wanted = evaluator.evaluate(right).plain
    except UnknownValue:
        return
    choices = wanted if isinstance(wanted, tuple) else (wanted,)
    known = [
        each for each in choices if isinstance(each, str) and each in _FLOATS | _INTEGERS | {"bool"}
    ]
    if given is None or not known or given[1].dtype in known:
        return
    if op in (ast.Eq, ast.Is, ast.In):
        yield _of_dtype(given, "float32" if "float32" in known else known[0])


def _equal(one: Evaluated, other: Evaluated, left: ast.expr, right: ast.expr) -> Iterator[Mismatch]:
    if isinstance(one.value, tuple) and isinstance(other.value, tuple):
        yield from _equal_entries(one, other, left, right)
        return
    if one.plain == other.plain:
        return
    if one.dimension is None and other.dimension is not None:
        one, other, left, right = other, one, right, left
    yield from _sized(one, other, ast.unparse(left), ast.unparse(right))


def _equal_entries(
    one: Evaluated, other: Evaluated, left: ast.expr, right: ast.expr
) -> Iterator[Mismatch]:
    if len(one.value) != len(other.value):
        for whole, wanted, text in ((one, other, left), (other, one, right)):
            if whole.is_shape and whole.dimension is not None:
                expected = whole.size + len(wanted.value) - len(whole.value)
                yield _of_rank(whole, expected, f"{ast.unparse(text)} of {len(wanted.value)} sizes")
                return
        return
    for index, (mine, others) in enumerate(zip(one.value, other.value, strict=True)):
        yield from _equal(mine, others, _entry_of(left, index), _entry_of(right, index))


def _entry_of(node: ast.expr, index: int) -> ast.expr:
    """Return the expression of one entry of a tuple."""
    if isinstance(node, (ast.Tuple, ast.List)) and not any(
        isinstance(each, ast.Starred) for each in node.elts
    ):
        return node.elts[index]
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice):
        first = node.slice.lower
        start = 0 if first is None else first.value if isinstance(first, ast.Constant) else None
        if type(start) is int and node.slice.step is None:
            node, index = node.value, start + index
    return ast.Subscript(node, ast.Constant(index), ast.Load())


def _sized(one: Evaluated, other: Evaluated, left: str, right: str) -> Iterator[Mismatch]:
    """Yield the size that a measured value needs in order to be equal to another value."""
    if one.dimension is None or type(other.value) is not int:
        return
    if one.divisor is not None and other.value == 0 and one.divisor > 0:
        requirement = f"a multiple of {one.divisor} for {left}"
        marks = {one.dimension.tensor: (one.dimension.at,)}
        yield Mismatch("multiple", one.divisor, one.size, marks, requirement)
        return
    expected = one.solve(other.value) if one.solve is not None else None
    if expected is None or expected <= 0 or expected == one.size:
        return
    requirement = (
        f"{left} = {right}" if right == str(other.value) else f"{left} = {right} = {other.value}"
    )
    if one.dimension.at == RANK:
        yield _of_rank(one, expected, requirement)
        return
    marks = {one.dimension.tensor: (one.dimension.at,)}
    if other.dimension is not None and other.dimension.tensor not in marks and other.dimension.at >= 0:
        marks[other.dimension.tensor] = (other.dimension.at,)
    yield Mismatch("size", expected, one.size, marks, requirement)


def _of_rank(found: Evaluated, expected: int, requirement: str) -> Mismatch:
    assert found.dimension is not None
    marks = {found.dimension.tensor: tuple(range(found.size))}
    return Mismatch("rank", expected, found.size, marks, requirement)


def _ordered(
    one: Evaluated, op: type[ast.cmpop], other: Evaluated, left: str, right: str
) -> Iterator[Mismatch]:
    if one.dimension is None and other.dimension is not None:
        mirrored = {ast.Lt: ast.Gt, ast.Gt: ast.Lt, ast.LtE: ast.GtE, ast.GtE: ast.LtE}
        yield from _ordered(other, mirrored[op], one, right, left)
        return
    if type(one.value) is not int or type(other.value) is not int:
        return
    bound = other.value + {ast.Lt: -1, ast.Gt: 1}.get(op, 0)
    is_met = one.value <= bound if op in (ast.Lt, ast.LtE) else one.value >= bound
    if not is_met:
        sign = "at most" if op in (ast.Lt, ast.LtE) else "at least"
        limit = f"{right} = {other.value}" if right != str(other.value) else right
        for each in _sized(one, Evaluated(bound), left, str(bound)):
            yield each._replace(requirement=f"{left} {sign} {bound}, by {limit}")


def _unpacked(node: ast.Assign, evaluator: Evaluator) -> Iterator[Mismatch]:
    """Yield the rank that an assignment of a shape to several names needs."""
    target = node.targets[-1]
    try:
        found = evaluator.evaluate(node.value)
    except UnknownValue:
        return
    if not isinstance(target, (ast.Tuple, ast.List)) or not found.is_shape:
        return
    names, sizes = len(target.elts), len(found.value)
    if any(isinstance(each, ast.Starred) for each in target.elts):
        names = max(names - 1, sizes)
    if sizes != names:
        expected = found.size + names - sizes
        yield _of_rank(found, expected, f"{ast.unparse(node.value)} of {names} sizes")


FAMILY = Family(any_call=(explain_condition,))
