"""Reader of the statements and expressions of forward."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence

from netinspect.inputs.infer.forward_code import calls, conditions, subscripts
from netinspect.inputs.infer.forward_code.frames import MOST_ITEMS, Frame, Reading, merged
from netinspect.inputs.infer.forward_code.iteration import iterate
from netinspect.inputs.infer.forward_code.lookup import (
    BUILT_IN,
    TENSOR_ATTRIBUTES,
    attribute_of,
    global_value,
    member_of,
)
from netinspect.inputs.infer.forward_code.values import (
    Group,
    Keywords,
    Local,
    Method,
    Part,
    Plain,
    Positions,
    Shape,
    Table,
    Tracked,
    Value,
    Weight,
    combined,
)


class Reader:
    """Reads functions, and records the uses of the arguments of forward in its table."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self.table = reading.table

    # --- statements ------------------------------------------------------------------------------

    def run(self, statements: Sequence[ast.stmt], frame: Frame) -> bool:
        """Read statements in order; return whether the last of them leaves the block."""
        return any(self._statement(each, frame) for each in statements)

    def _statement(self, node: ast.stmt, frame: Frame) -> bool:
        self.reading.count()
        match node:
            case ast.Assign():
                value = self.value(node.value, frame)
                for target in node.targets:
                    self.bind(target, value, frame)
            case ast.AnnAssign() if node.value is not None:
                self.bind(node.target, self.value(node.value, frame), frame)
            case ast.AugAssign():
                pair = [self.value(each, frame) for each in (node.target, node.value)]
                self.bind(node.target, combined(pair), frame)
            case ast.Expr():
                self.value(node.value, frame)
            case ast.Return():
                frame.returned.append(self.value(node.value, frame) if node.value else Plain(None))
                return True
            case ast.Raise() | ast.Continue() | ast.Break():
                return True
            case ast.If():
                return self._branch(node, frame)
            case ast.For() | ast.AsyncFor():
                for item in iterate(self, node.iter, frame):
                    self.bind(node.target, item, frame)
                    if self.run(node.body, frame) and _leaves(node.body):
                        break
                self.run(node.orelse, frame)
            case ast.While():
                self.value(node.test, frame)
                self.run(node.body, frame)
            case ast.With() | ast.AsyncWith():
                for each in node.items:
                    opened = self.value(each.context_expr, frame)
                    if each.optional_vars is not None:
                        self.bind(each.optional_vars, opened, frame)
                return self.run(node.body, frame)
            case ast.Try():
                ended = self.run(node.body, frame) or self.run(node.orelse, frame)
                return self.run(node.finalbody, frame) or ended
            case ast.Assert():
                conditions.decide(self, node.test, frame)
            case ast.FunctionDef():
                frame.names[node.name] = _local(node, frame)
            case ast.Match():
                self._match(node, frame)
        return False

    def _branch(self, node: ast.If, frame: Frame) -> bool:
        decided = conditions.decide(self, node.test, frame)
        if decided is not None and not _raises(node.body if decided else node.orelse):
            return self.run(node.body if decided else node.orelse, frame)
        before = frame.names
        frame.names = dict(before)
        ended = self.run(node.body, frame)
        after, frame.names = frame.names, dict(before)
        other_ended = self.run(node.orelse, frame)
        if not ended and other_ended:
            frame.names = after
        elif not ended:
            frame.names = merged(after, frame.names)
        return ended and other_ended

    def _match(self, node: ast.Match, frame: Frame) -> None:
        subject = self.value(node.subject, frame)
        before = frame.names
        for case in node.cases:
            for pattern in ast.walk(case.pattern):
                if isinstance(pattern, ast.MatchValue):
                    conditions.compare(self, subject, self.value(pattern.value, frame))
            frame.names = dict(before)
            self.run(case.body, frame)
            before = merged(before, frame.names)
        frame.names = before

    def bind(self, target: ast.expr, value: Value, frame: Frame) -> None:
        """Assign a value to a name, to each of several names, or to nothing that is known."""
        if isinstance(target, ast.Name):
            frame.names[target.id] = value
            if isinstance(value, Tracked) and not value.changes and value.path[-1].isdecimal():
                self.table.of(value).call(target.id)
        elif isinstance(target, (ast.Tuple, ast.List)):
            self._unpack(target.elts, value, frame)
        elif isinstance(target, ast.Starred):
            self.bind(target.value, None, frame)

    def _unpack(self, targets: Sequence[ast.expr], value: Value, frame: Frame) -> None:
        starred = any(isinstance(each, ast.Starred) for each in targets)
        items: Sequence[Value] = ()
        if isinstance(value, Shape) and value.of is not None:
            if not value.of.changes and not starred:
                self.table.of(value.of).rank = len(targets)
        elif isinstance(value, Group) and not starred and len(value.items) == len(targets):
            items = value.items
        elif isinstance(value, Positions):
            items = [Tracked((str(value.start + index),)) for index in range(len(targets))]
        elif isinstance(value, Tracked) and not value.changes and not starred:
            items = [self.read(value, str(index), "unpacked") for index in range(len(targets))]
        elif isinstance(value, Tracked):
            items = [value.changed("select", 0, index) for index in range(len(targets))]
        for index, target in enumerate(targets):
            self.bind(target, items[index] if index < len(items) else None, frame)

    def read(self, value: Tracked, key: str, access: str) -> Tracked:
        """Record that an entry of a value is read, and return it."""
        self.table.of(value).read(key, access)  # type: ignore[arg-type]
        self.table.of((*value.path, key))
        return value.entry(key)

    # --- expressions -----------------------------------------------------------------------------

    def values(self, nodes: Iterable[ast.expr], frame: Frame) -> list[Value]:
        """Return the values of expressions; a starred one has several."""
        found: list[Value] = []
        for node in nodes:
            value = self.value(node.value if isinstance(node, ast.Starred) else node, frame)
            if isinstance(node, ast.Starred) and isinstance(value, Group):
                found += value.items
            else:
                found.append(value)
        return found

    def value(self, node: ast.expr, frame: Frame) -> Value:
        """Return the value of an expression, and record what it uses."""
        self.reading.count()
        match node:
            case ast.Name():
                return self._name(node.id, frame)
            case ast.Constant():
                return Plain(node.value)
            case ast.Attribute():
                return self.attribute(self.value(node.value, frame), node.attr)
            case ast.Call():
                return calls.call(self, node, frame)
            case ast.Subscript():
                return subscripts.subscript(self, node, frame)
            case ast.BinOp():
                return self._operation(node, frame)
            case ast.UnaryOp():
                inner = self.value(node.operand, frame)
                if isinstance(node.op, ast.USub) and isinstance(inner, Plain):
                    return Plain(-inner.value) if type(inner.value) in (int, float) else None  # type: ignore[operator]
                return None if isinstance(node.op, ast.Not) else inner
            case ast.BoolOp():
                found = self.values(node.values, frame)
                return next((each for each in found if isinstance(each, Tracked)), None)
            case ast.Compare():
                decided = conditions.decide(self, node, frame)
                return None if decided is None else Plain(decided)
            case ast.IfExp():
                return self._either(node, frame)
            case ast.Tuple() | ast.List() | ast.Set():
                return Group(tuple(self.values(node.elts, frame)))
            case ast.Dict():
                return self._table(node, frame)
            case ast.ListComp() | ast.GeneratorExp() | ast.SetComp():
                return Group(tuple(self._comprehension(node.elt, node.generators, frame)))
            case ast.DictComp():
                list(self._comprehension(node.value, node.generators, frame))
            case ast.NamedExpr():
                value = self.value(node.value, frame)
                self.bind(node.target, value, frame)
                return value
            case ast.Lambda():
                return _local(node, frame)
            case ast.Starred():
                return self.value(node.value, frame)
        return None

    def _name(self, name: str, frame: Frame) -> Value:
        if name in frame.names:
            return frame.names[name]
        return None if name in BUILT_IN else global_value(frame.function, name)

    def attribute(self, value: Value, name: str) -> Value:
        """Return an attribute of a value."""
        if isinstance(value, Part):
            return member_of(value, name)
        if isinstance(value, Tracked):
            if name == "shape":
                return Shape(value)
            if name in ("T", "mT"):
                return value.changed("transpose", -2, -1)
            if name in TENSOR_ATTRIBUTES:
                return None
            return self.read(value, name, "attribute") if not value.changes else None
        if isinstance(value, Plain):
            return attribute_of(value.value, name)
        return Method(value, name) if value is not None else None

    def _operation(self, node: ast.BinOp, frame: Frame) -> Value:
        pair = [self.value(each, frame) for each in (node.left, node.right)]
        one, other = pair
        if isinstance(node.op, ast.MatMult):
            return calls.matrix_product(self, one, other)
        if isinstance(node.op, (ast.Mult, ast.Div)):
            for value, factor in (pair, pair[::-1]):
                number = factor.value if isinstance(factor, Plain) else None
                if isinstance(value, Tracked) and (isinstance(factor, Weight) or type(number) is float):
                    self.table.of(value).is_scaled = True
        if isinstance(one, Group) and isinstance(other, Group):
            return Group(one.items + other.items)
        return combined(pair)

    def _either(self, node: ast.IfExp, frame: Frame) -> Value:
        decided = conditions.decide(self, node.test, frame)
        if decided is not None:
            return self.value(node.body if decided else node.orelse, frame)
        one, other = (self.value(each, frame) for each in (node.body, node.orelse))
        return merged({"": one}, {"": other})[""]

    def _table(self, node: ast.Dict, frame: Frame) -> Value:
        entries: dict[str, Value] = {}
        for key, each in zip(node.keys, node.values, strict=True):
            value = self.value(each, frame)
            name = self.value(key, frame) if key is not None else None
            if isinstance(name, Plain) and type(name.value) is str:
                entries[name.value] = value
            elif key is None and isinstance(value, Table):
                entries.update(value.entries)
            elif key is None and isinstance(value, (Tracked, Keywords)):
                return value
        return Table(entries)

    def _comprehension(
        self, result: ast.expr, generators: Sequence[ast.comprehension], frame: Frame
    ) -> Iterable[Value]:
        if not generators:
            yield self.value(result, frame)
            return
        first, *others = generators
        before = frame.names
        for item in iterate(self, first.iter, frame)[:MOST_ITEMS]:
            frame.names = dict(before)
            self.bind(first.target, item, frame)
            if any(conditions.decide(self, each, frame) is False for each in first.ifs):
                continue
            yield from self._comprehension(result, others, frame)
        frame.names = before


def _local(node: ast.FunctionDef | ast.Lambda, frame: Frame) -> Local:
    return Local(node, frame.function, frame.names, frame.instance, frame.owner)


def _raises(statements: Sequence[ast.stmt]) -> bool:
    return bool(statements) and isinstance(statements[-1], ast.Raise)


def _leaves(statements: Sequence[ast.stmt]) -> bool:
    return bool(statements) and isinstance(statements[-1], (ast.Return, ast.Raise, ast.Break))
