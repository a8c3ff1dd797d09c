"""Evaluation of expressions; `interpreter.py` adds statements, functions and classes."""

from __future__ import annotations

import ast
from abc import abstractmethod
from typing import Any

from netinspect._utils.evaluation.calls import Caller, SuperValue
from netinspect._utils.evaluation.operations import (
    BUILTINS,
    LONGEST,
    TYPES,
    binary,
    call_builtin,
    compare,
    truth,
    unary,
)
from netinspect._utils.evaluation.settings import Settings
from netinspect._utils.evaluation.values import (
    UNKNOWN,
    FunctionValue,
    InstanceValue,
    Reference,
    Scope,
    TensorValue,
)


class BudgetExceeded(Exception):
    """The evaluation took too many steps."""


class Evaluator(Caller):
    """Evaluator of expressions."""

    @abstractmethod
    def assign(self, target: ast.expr, value: Any, scope: Scope) -> None:
        """Bind a value to a target of an assignment."""

    def _count(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise BudgetExceeded

    def evaluate(self, node: ast.expr | None, scope: Scope) -> Any:
        """Return the value of an expression; `UNKNOWN` if reading does not show it."""
        self._count()
        match node:
            case ast.Constant(value=value):
                return value
            case ast.Name(id=name):
                return self._name(name, scope)
            case ast.Attribute(value=owner, attr=name):
                return self.attribute(self.evaluate(owner, scope), name)
            case ast.Call():
                return self._call(node, scope)
            case ast.BinOp(left=left, op=op, right=right):
                return binary(op, self.evaluate(left, scope), self.evaluate(right, scope))
            case ast.UnaryOp(op=op, operand=operand):
                return unary(op, self.evaluate(operand, scope))
            case ast.BoolOp(op=op, values=values):
                return self._junction(isinstance(op, ast.And), values, scope)
            case ast.Compare(left=left, ops=ops, comparators=comparators):
                return self._compared(left, ops, comparators, scope)
            case ast.IfExp(test=test, body=body, orelse=orelse):
                known = truth(self.evaluate(test, scope))
                if known is not None:
                    return self.evaluate(body if known else orelse, scope)
                return same_or_unknown(self.evaluate(body, scope), self.evaluate(orelse, scope))
            case ast.Subscript(value=owner, slice=key):
                return self.item(self.evaluate(owner, scope), self.evaluate(key, scope))
            case ast.Slice(lower=lower, upper=upper, step=step):
                parts = [
                    None if each is None else self.evaluate(each, scope) for each in (lower, upper, step)
                ]
                return UNKNOWN if UNKNOWN in parts else slice(*parts)
            case ast.Tuple(elts=elements) | ast.List(elts=elements) | ast.Set(elts=elements):
                found = self._elements(elements, scope)
                if found is None:
                    return UNKNOWN
                return tuple(found) if isinstance(node, ast.Tuple) else found
            case ast.Dict(keys=keys, values=entries):
                return self._dictionary(keys, entries, scope)
            case (
                ast.ListComp(elt=element, generators=generators)
                | ast.GeneratorExp(elt=element, generators=generators)
                | ast.SetComp(elt=element, generators=generators)
            ):
                return self._comprehension([element], generators, scope)
            case ast.DictComp(key=key, value=value, generators=generators):
                pairs = self._comprehension([key, value], generators, scope)
                return UNKNOWN if pairs is UNKNOWN else call_builtin(dict, [pairs], {})
            case ast.JoinedStr(values=values):
                return self._text(values, scope)
            case ast.Lambda():
                return FunctionValue("<lambda>", node, scope)
            case ast.NamedExpr(target=target, value=value):
                found = self.evaluate(value, scope)
                self.assign(target, found, scope)
                return found
            case ast.Await(value=value) | ast.Starred(value=value):
                return self.evaluate(value, scope)
        return UNKNOWN

    def _name(self, name: str, scope: Scope) -> Any:
        found = scope.find(name)
        if found is not None:
            return found[0]
        if name in ("open", "vars", "print", "super", "getattr", "hasattr", "map", "globals"):
            return Reference(name)
        return BUILTINS.get(name, TYPES.get(name, UNKNOWN))

    def _elements(self, nodes: list[ast.expr], scope: Scope) -> list[Any] | None:
        """Return the values of elements; None if one with a star is unknown."""
        values: list[Any] = []
        for node in nodes:
            value = self.evaluate(node, scope)
            if not isinstance(node, ast.Starred):
                values.append(value)
            elif isinstance(value, (list, tuple, str)):
                values.extend(value)
            else:
                return None
        return values

    def _dictionary(self, keys: list[ast.expr | None], values: list[ast.expr], scope: Scope) -> Any:
        found: dict[Any, Any] = Settings()
        for key, node in zip(keys, values, strict=True):
            value = self.evaluate(node, scope)
            if key is None:
                if not isinstance(value, dict):
                    return UNKNOWN
                found.update(value)
                continue
            name = self.evaluate(key, scope)
            if not isinstance(name, (str, int, float, bool, tuple)):
                return UNKNOWN
            found[name] = value
        return found

    def _junction(self, is_and: bool, nodes: list[ast.expr], scope: Scope) -> Any:
        value: Any = UNKNOWN
        for node in nodes:
            value = self.evaluate(node, scope)
            known = truth(value)
            if known is None or known != is_and:
                return value
        return value

    def _compared(
        self, left: ast.expr, kinds: list[ast.cmpop], nodes: list[ast.expr], scope: Scope
    ) -> Any:
        one = self.evaluate(left, scope)
        for kind, node in zip(kinds, nodes, strict=True):
            two = self.evaluate(node, scope)
            known = truth(compare(kind, one, two))
            if known is not True:
                return UNKNOWN if known is None else False
            one = two
        return True

    def _comprehension(
        self, parts: list[ast.expr], generators: list[ast.comprehension], scope: Scope
    ) -> Any:
        inner = Scope(scope.file, outer=scope, owner=scope.owner)
        results: list[Any] = []

        def fill(depth: int) -> bool:
            if depth == len(generators):
                values = [self.evaluate(each, inner) for each in parts]
                results.append(values[0] if len(values) == 1 else tuple(values))
                return len(results) <= LONGEST
            generator = generators[depth]
            elements = self.evaluate(generator.iter, inner)
            if not isinstance(elements, (list, tuple, str, dict, set)):
                return False
            for element in list(elements):
                self.assign(generator.target, element, inner)
                tests = [truth(self.evaluate(each, inner)) for each in generator.ifs]
                if None in tests or (False not in tests and not fill(depth + 1)):
                    return False
            return True

        return results if fill(0) else UNKNOWN

    def _text(self, parts: list[ast.expr], scope: Scope) -> Any:
        text = ""
        for part in parts:
            if isinstance(part, ast.FormattedValue):
                value = self.evaluate(part.value, scope)
                if part.format_spec is not None or not isinstance(value, (str, int, float)):
                    return UNKNOWN
                text += str(value)
            else:
                text += str(self.evaluate(part, scope))
        return text if len(text) <= LONGEST else UNKNOWN

    def _call(self, node: ast.Call, scope: Scope) -> Any:
        called = self._super(scope) if _is_super(node) else self.evaluate(node.func, scope)
        if _is_super(node):
            return called
        args, kwargs = self.arguments(node, scope)
        self.observe(called, args or [], kwargs or {}, node, scope.file)
        if args is None or kwargs is None:
            return UNKNOWN
        return self.call(called, args, kwargs, node.lineno, scope)

    def arguments(self, node: ast.Call, scope: Scope) -> tuple[list[Any] | None, dict[str, Any] | None]:
        """Return the arguments of a call; None for a part that is not known."""
        args = self._elements(node.args, scope)
        kwargs: dict[str, Any] | None = {}
        for keyword in node.keywords:
            value = self.evaluate(keyword.value, scope)
            if kwargs is None:
                continue
            if keyword.arg is not None:
                kwargs[keyword.arg] = value
            elif isinstance(value, dict) and all(isinstance(key, str) for key in value):
                kwargs.update(value)
            elif isinstance(value, InstanceValue):
                kwargs.update(value.attributes)
            else:
                kwargs = None
        return args, kwargs

    def _super(self, scope: Scope) -> Any:
        found = scope.find("self")
        instance = found[0] if found is not None else None
        if isinstance(instance, InstanceValue) and scope.owner is not None:
            return SuperValue(instance, scope.owner)
        return UNKNOWN


def _is_super(node: ast.Call) -> bool:
    return isinstance(node.func, ast.Name) and node.func.id == "super"


def same_or_unknown(one: Any, two: Any) -> Any:
    """Return a value that two branches have in common."""
    if one is two:
        return one
    if type(one) is type(two) and isinstance(one, (bool, int, float, str, tuple, list, TensorValue)):
        return one if one == two else UNKNOWN
    return UNKNOWN
