"""Values of expressions in a condition, with the tensor dimensions that they were measured at.

`h // self.patch` is a number; if `h` came from `x.shape`, it also shows which size of `x` gives another
number. Only sizes, numbers and containers of them are evaluated; nothing is called.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from netinspect.records.steps import Condition, NamedValue
from netinspect.records.values import Literal, TensorSpec

RANK = -1
"""Stands for the number of dimensions, next to the positions of dimensions."""

_MOST_ENTRIES = 20
_LARGEST = 1 << 24


class Dimension(NamedTuple):
    """A size of a tensor, or its rank."""

    tensor: str
    at: int


Solve = Callable[[int], int | None]
"""Returns the size of the dimension with which an expression has a value; None if no size has."""


@dataclass(frozen=True, slots=True)
class Evaluated:
    """Value of an expression."""

    value: Any
    """A number, a string, or a tuple of `Evaluated`."""

    dimension: Dimension | None = None
    """The only size that it depends on; None for a constant."""

    size: int = 0
    """The size itself."""

    solve: Solve | None = None
    divisor: int | None = None
    """Set for a remainder: the size divided by it."""

    is_shape: bool = False
    """Whether it is the shape of a tensor, possibly without the first sizes."""

    @property
    def plain(self) -> Any:
        """The value with plain entries."""
        if isinstance(self.value, tuple):
            return tuple(each.plain for each in self.value)
        return self.value


class UnknownValue(Exception):
    """Raised for an expression that is not evaluated."""


_OPERATORS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Div: operator.truediv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}


@dataclass(slots=True)
class Evaluator:
    """Evaluates the expressions of one condition."""

    values: Mapping[str, NamedValue]
    assigned: dict[str, tuple[ast.expr, int | None]]
    """Expression that a name was assigned, and the position of its value in it; None for all of it."""

    local: dict[str, Evaluated] = field(default_factory=dict)
    """Variables of a generator expression."""

    _within: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, condition: Condition) -> Evaluator:
        """Return the evaluator of a condition."""
        assigned = {
            name: entry
            for text in condition.assignments
            for statement in parse(text, "exec")
            if isinstance(statement, ast.Assign)
            for target in statement.targets
            for name, entry in _bindings(target, statement.value)
        }
        return cls({each.name: each for each in condition.values}, assigned)

    def tensor(self, node: ast.expr) -> tuple[str, TensorSpec] | None:
        """Return the name and the spec of an expression that is a tensor."""
        text = ast.unparse(node)
        found = self.values.get(text)
        if found is not None and isinstance(found.value, TensorSpec):
            return text, found.value
        return None

    def evaluate(self, node: ast.expr) -> Evaluated:
        """Return the value of an expression.

        Raises:
            UnknownValue: It is not evaluated.
        """
        match node:
            case ast.Constant():
                return Evaluated(node.value)
            case ast.Tuple() | ast.List() | ast.Set():
                return Evaluated(tuple(self.evaluate(each) for each in node.elts))
            case ast.Name():
                return self._named(node)
            case ast.Attribute():
                return self._attribute(node)
            case ast.Call():
                return self._call(node)
            case ast.Subscript():
                return self._subscript(node)
            case ast.BinOp():
                return self._arithmetic(node)
            case ast.UnaryOp(op=ast.USub()):
                inner = self.evaluate(node.operand)
                if isinstance(inner.value, (int, float)):
                    return Evaluated(-inner.value)
        raise UnknownValue

    def _named(self, node: ast.Name) -> Evaluated:
        if node.id in self.local:
            return self.local[node.id]
        known = self.values.get(node.id)
        value = _literal(known.value) if known is not None else None
        entry = self.assigned.get(node.id)
        if entry is not None and node.id not in self._within:
            self._within.add(node.id)
            try:
                found = self.evaluate(entry[0])
                if entry[1] is not None:
                    found = _entry(found, entry[1])
                # A loop or a branch may have assigned it again.
                if value is None or found.plain == value.plain:
                    return found
            except UnknownValue:
                pass
            finally:
                self._within.discard(node.id)
        if value is None:
            raise UnknownValue
        return value

    def _attribute(self, node: ast.Attribute) -> Evaluated:
        given = self.tensor(node.value)
        if given is not None:
            if node.attr == "shape":
                return _shape(*given)
            if node.attr == "ndim":
                return _rank(*given)
            if node.attr == "dtype":
                return Evaluated(given[1].dtype)
        known = self.values.get(ast.unparse(node))
        value = _literal(known.value) if known is not None else None
        if value is None:
            raise UnknownValue
        return value

    def _call(self, node: ast.Call) -> Evaluated:
        function, arguments = node.func, node.args
        if isinstance(function, ast.Attribute) and (given := self.tensor(function.value)) is not None:
            if function.attr == "size":
                shape = _shape(*given)
                return _entry(shape, self.evaluate(arguments[0]).plain) if arguments else shape
            if function.attr in ("dim", "ndimension"):
                return _rank(*given)
        if not isinstance(function, ast.Name) or len(arguments) != 1:
            raise UnknownValue
        if function.id == "len":
            return self._length(arguments[0])
        if function.id in ("tuple", "list", "int"):
            return self.evaluate(arguments[0])
        raise UnknownValue

    def _length(self, node: ast.expr) -> Evaluated:
        given = self.tensor(node)
        if given is not None:
            return _entry(_shape(*given), 0)
        found = self.evaluate(node)
        if not isinstance(found.value, tuple):
            raise UnknownValue
        if found.is_shape and found.dimension is not None:
            omitted = found.size - len(found.value)
            rank = _measured(found.dimension, found.size)
            return replace(rank, value=len(found.value), solve=lambda wanted: wanted + omitted)
        return Evaluated(len(found.value))

    def _subscript(self, node: ast.Subscript) -> Evaluated:
        whole = self.evaluate(node.value)
        if isinstance(node.slice, ast.Slice):
            if not isinstance(whole.value, tuple):
                raise UnknownValue
            bounds = (node.slice.lower, node.slice.upper, node.slice.step)
            numbers = [None if each is None else self.evaluate(each).plain for each in bounds]
            if not all(each is None or type(each) is int for each in numbers):
                raise UnknownValue
            part = Evaluated(whole.value[slice(*numbers)])
            if whole.is_shape and numbers[1] is None and numbers[2] is None:
                return replace(part, dimension=whole.dimension, size=whole.size, is_shape=True)
            return part
        return _entry(whole, self.evaluate(node.slice).plain)

    def _arithmetic(self, node: ast.BinOp) -> Evaluated:
        apply = _OPERATORS.get(type(node.op))
        left, right = self.evaluate(node.left), self.evaluate(node.right)
        if apply is None or not (_is_number(left) and _is_number(right)):
            raise UnknownValue
        if apply is operator.pow and not (abs(left.value) < _LARGEST and 0 <= right.value <= 8):
            raise UnknownValue
        try:
            value = apply(left.value, right.value)
        except (ArithmeticError, TypeError) as error:
            raise UnknownValue from error
        if left.dimension is not None and right.dimension is not None:
            return Evaluated(value)
        measured, number = (left, right.value) if left.dimension is not None else (right, left.value)
        if measured.dimension is None or measured.solve is None:
            return Evaluated(value)
        inner, invert = measured.solve, _inverse(node.op, number, is_left=measured is left)
        is_remainder = isinstance(node.op, ast.Mod) and measured is left and type(number) is int
        is_size = measured.value == measured.size
        return replace(
            measured,
            value=value,
            divisor=number if is_remainder and is_size else None,
            solve=lambda wanted: _chain(inner, invert(wanted)),
        )


def parse(text: str, mode: str) -> list[Any]:
    """Parse a stored text: its statements, or its only expression; empty if it was shortened."""
    try:
        tree: Any = ast.parse(text, mode=mode)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    return list(tree.body) if mode == "exec" else [tree.body]


def _bindings(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, tuple[ast.expr, int | None]]]:
    if isinstance(target, ast.Name):
        yield target.id, (value, None)
    elif isinstance(target, (ast.Tuple, ast.List)):
        starred = [isinstance(each, ast.Starred) for each in target.elts]
        for index, each in enumerate(target.elts):
            # Positions after a starred target are counted from the end.
            position = index - len(target.elts) if any(starred[:index]) else index
            if isinstance(each, ast.Name):
                yield each.id, (value, position)


def _literal(value: Any) -> Evaluated | None:
    if not isinstance(value, Literal):
        return None
    if value.type == "dtype":
        return Evaluated(value.text.removeprefix("torch."))
    try:
        return constant(ast.literal_eval(value.text))
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None


def constant(value: Any) -> Evaluated:
    """Return a plain value as an evaluated one."""
    if isinstance(value, (tuple, list)):
        return Evaluated(tuple(map(constant, value)))
    return Evaluated(value)


def _entry(whole: Evaluated, key: Any) -> Evaluated:
    try:
        found = whole.value[key]
    except (IndexError, KeyError, TypeError) as error:
        raise UnknownValue from error
    return found if isinstance(found, Evaluated) else constant(found)


def _shape(name: str, spec: TensorSpec) -> Evaluated:
    if not all(isinstance(size, int) for size in spec.shape) or len(spec.shape) > _MOST_ENTRIES:
        raise UnknownValue
    sizes = tuple(
        _measured(Dimension(name, at), size) for at, size in enumerate(spec.shape) if type(size) is int
    )
    return Evaluated(sizes, dimension=Dimension(name, RANK), size=len(sizes), is_shape=True)


def _rank(name: str, spec: TensorSpec) -> Evaluated:
    return _measured(Dimension(name, RANK), len(spec.shape))


def _measured(dimension: Dimension, size: int) -> Evaluated:
    return Evaluated(size, dimension=dimension, size=size, solve=lambda wanted: wanted)


def _is_number(found: Evaluated) -> bool:
    return type(found.value) in (int, float)


def _chain(inner: Solve, wanted: int | None) -> int | None:
    return None if wanted is None else inner(wanted)


def _inverse(op: ast.operator, number: Any, *, is_left: bool) -> Solve:
    """Return the inverse of an operation with a number.

    Args:
        op: The operation.
        number: Its other operand.
        is_left: Whether the measured operand is on the left.
    """

    def solve(wanted: int) -> int | None:
        found: float | None = None
        if isinstance(op, ast.Add):
            found = wanted - number
        elif isinstance(op, ast.Sub):
            found = wanted + number if is_left else number - wanted
        elif isinstance(op, ast.Mult):
            found = wanted / number if number else None
        elif isinstance(op, (ast.Div, ast.FloorDiv)) and is_left:
            found = wanted * number
        elif isinstance(op, ast.Pow) and is_left and number == 2 and wanted >= 0:
            found = wanted**0.5
        return int(found) if found is not None and found == int(found) else None

    return solve
