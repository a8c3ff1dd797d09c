"""Factories: functions that return a model, recognised by their body."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from copy import deepcopy
from pathlib import Path

from netinspect.targets.definitions.calls import walk_here
from netinspect.targets.definitions.side_effects import WorkReader
from netinspect.targets.written.reader import Known, Reader, dotted_name, is_library_module

_SAME = frozenset(
    {
        "apply",
        "bfloat16",
        "cpu",
        "cuda",
        "double",
        "eval",
        "float",
        "half",
        "requires_grad_",
        "to",
        "train",
    }
)
"""Methods of a model that return the model."""

_WRAPPERS = frozenset({"DataParallel", "DistributedDataParallel", "compile", "script"})
"""Classes and functions that wrap a model, which is their first argument."""

_LIBRARIES = ("timm.create_model", "torchvision.models.", "torch.hub.load")
_MOST_STEPS = 10

Built = Known | str
"""A class of the project, or the full name of a class or function of a library."""


class FactoryReader:
    """Finds which functions return a model, and of which class.

    Args:
        reader: Reader of the files.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._built: dict[Known, tuple[Built, ...]] = {}

    def built_by(self, known: Known) -> tuple[Built, ...]:
        """Return the classes of the models that a function returns; empty if it may return others.

        Each value that it returns must be a call of a module class or of another factory, directly or
        through a local variable.
        """
        if known not in self._built:
            self._built[known] = ()  # for functions that call each other
            node = self._reader.function_of(known)
            if node is not None:
                self._built[known] = self._returned(known[0], node)
        return self._built[known]

    def _returned(self, file: Path, node: ast.FunctionDef) -> tuple[Built, ...]:
        local = _local_values(node)
        found: list[Built] = []
        inside = list(walk_here(node.body))
        if any(isinstance(each, (ast.Yield, ast.YieldFrom)) for each in inside):
            return ()
        for each in inside:
            if isinstance(each, ast.Return):
                built = [] if each.value is None else list(self._built_values(file, each.value, local))
                if not built:
                    return ()
                found += built
        return tuple(dict.fromkeys(found))

    def _built_values(
        self, file: Path, value: ast.expr, local: Mapping[str, list[ast.expr]], depth: int = _MOST_STEPS
    ) -> Iterator[Built]:
        """Yield the classes that an expression may build; nothing if it may be anything else."""
        if depth == 0:
            return
        if isinstance(value, ast.IfExp):
            either = list(self._built_values(file, value.body, local, depth - 1))
            other = list(self._built_values(file, value.orelse, local, depth - 1))
            yield from (either + other) if either and other else ()
        elif isinstance(value, ast.Name):
            # A later value may be made from an earlier one, as in net = net.cuda().
            others = {name: values for name, values in local.items() if name != value.id}
            for each in local.get(value.id, ()):
                yield from self._built_values(file, each, others, depth - 1)
        elif isinstance(value, ast.Call):
            yield from self._built_call(file, value, local, depth)

    def _built_call(
        self, file: Path, call: ast.Call, local: Mapping[str, list[ast.expr]], depth: int
    ) -> Iterator[Built]:
        function = call.func
        if isinstance(function, ast.Attribute) and _returns_same(call):
            inner = list(self._built_values(file, function.value, local, depth - 1))
            if inner:
                yield from inner
                return
        dotted = dotted_name(function)
        if dotted is None or dotted.partition(".")[0] in local:
            return
        if dotted.rpartition(".")[2] in _WRAPPERS and call.args:
            yield from self._built_values(file, call.args[0], local, depth - 1)
            return
        found = self._reader.resolve(file, dotted)
        if isinstance(found, str):
            if is_library_module(found) or found.startswith(_LIBRARIES):
                yield found
        elif self._reader.is_module(found):
            yield found
        else:
            yield from self.built_by(found)


def _local_values(node: ast.FunctionDef) -> dict[str, list[ast.expr]]:
    """Return the values that a function assigns to its local variables, by name."""
    local: dict[str, list[ast.expr]] = {}
    for each in walk_here(node.body):
        if isinstance(each, ast.Assign):
            for target in each.targets:
                if isinstance(target, ast.Name):
                    local.setdefault(target.id, []).append(each.value)
        elif (
            isinstance(each, (ast.AnnAssign, ast.NamedExpr))
            and isinstance(each.target, ast.Name)
            and each.value is not None
        ):
            local.setdefault(each.target.id, []).append(each.value)
    arguments = node.args
    for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
        local.setdefault(argument.arg, [])
    return local


def does_work(tree: ast.Module, node: ast.FunctionDef) -> bool:
    """Return whether calling a function without arguments may do more than build a model.

    Branches that its defaults skip, such as `if pretrained:`, do not count.

    Args:
        tree: Syntax tree of its file.
        node: The function.
    """
    reader = WorkReader(tree)
    body = [_Reduced(node).visit(deepcopy(each)) for each in node.body]
    return any(
        isinstance(each, ast.Call) and not _returns_same(each) and reader.is_risky(each)
        for statement in body
        for each in walk_here([statement])
    )


def _returns_same(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Attribute) and call.func.attr in _SAME


class _Reduced(ast.NodeTransformer):
    """Removes the branches of a function that its defaults skip."""

    def __init__(self, node: ast.FunctionDef) -> None:
        arguments = node.args
        positional = [*arguments.posonlyargs, *arguments.args]
        defaults = [
            *zip(
                positional[len(positional) - len(arguments.defaults) :], arguments.defaults, strict=True
            ),
            *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True),
        ]
        stored = {
            each.id
            for each in walk_here(node.body)
            if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)
        }
        self._off = {
            argument.arg: default.value
            for argument, default in defaults
            if isinstance(default, ast.Constant) and not default.value and argument.arg not in stored
        }

    def visit_If(self, node: ast.If) -> ast.AST:
        """Replace a branch that is skipped by its `else`."""
        self.generic_visit(node)
        if not self._is_skipped(node.test):
            return node
        return ast.If(test=ast.Constant(value=True), body=node.orelse or [ast.Pass()], orelse=[])

    def _is_skipped(self, test: ast.expr) -> bool:
        if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And):
            return any(map(self._is_skipped, test.values))
        if isinstance(test, ast.Name):
            return test.id in self._off
        return (
            isinstance(test, ast.Compare)
            and isinstance(test.left, ast.Name)
            and isinstance(test.ops[0], ast.IsNot)
            and test.left.id in self._off
            and self._off[test.left.id] is None
        )
