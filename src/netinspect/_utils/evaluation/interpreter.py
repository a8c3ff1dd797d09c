"""Interpreter of statements, functions and classes of a project, within bounds and without effects."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import Any, Literal

from netinspect._utils.evaluation.expressions import Evaluator, same_or_unknown
from netinspect._utils.evaluation.operations import truth
from netinspect._utils.evaluation.settings import Settings
from netinspect._utils.evaluation.source_files import SourceFiles
from netinspect._utils.evaluation.values import (
    UNKNOWN,
    ClassValue,
    FileValue,
    FunctionValue,
    InstanceValue,
    ModuleValue,
    Reference,
    Scope,
)

_DEEPEST = 16
"""Deepest nesting of calls and imports."""

_MOST_RECURSION = 4
"""Most calls of one function that are active at once."""

_MOST_ROUNDS = 64
"""Most rounds of a loop."""

_Leaves = Literal["return", "break", "continue", "raise"] | None


class Interpreter(Evaluator):
    """Interpreter of the files of one project.

    Args:
        files: Reader of the files.
        steps: Most nodes of syntax trees to evaluate.
    """

    def __init__(self, files: SourceFiles, steps: int) -> None:
        super().__init__(steps)
        self._files = files
        self._modules: dict[str, ModuleValue] = {}
        self._depth = 0
        self._active: list[int] = []
        self.reached: set[int] = set()
        """Identities of the syntax trees of functions that were called."""

    def run_file(self, path: str, *, as_script: bool = False) -> ModuleValue | None:
        """Evaluate the statements of a file; None if it cannot be parsed.

        Args:
            path: The file.
            as_script: Whether its main guard is true.
        """
        if not as_script and path in self._modules:
            return self._modules[path]
        tree = self._files.parse(path)
        if tree is None or self._depth >= _DEEPEST:
            return None
        name = "__main__" if as_script else "module"
        module = ModuleValue(Scope(path, {"__name__": name, "__file__": path}))
        if not as_script:
            self._modules[path] = module
        self._depth += 1
        try:
            self.run(tree.body, module.scope)
        finally:
            self._depth -= 1
        return module

    def run(self, statements: Iterable[ast.stmt], scope: Scope) -> _Leaves:
        """Evaluate statements, and return how control leaves them."""
        for statement in statements:
            leaves = self._run(statement, scope)
            if leaves is not None:
                return leaves
        return None

    def _run(self, node: ast.stmt, scope: Scope) -> _Leaves:
        self._count()
        match node:
            case ast.Expr(value=value) | ast.Assert(test=value):
                self.evaluate(value, scope)
            case ast.Assign(targets=targets, value=value):
                found = self.evaluate(value, scope)
                for target in targets:
                    self.assign(target, found, scope)
            case ast.AnnAssign(target=target, value=value):
                if value is not None:
                    self.assign(target, self.evaluate(value, scope), scope)
            case ast.AugAssign(target=target, op=op, value=value):
                # Evaluated as a binary operation, which has the same value.
                both = ast.copy_location(ast.BinOp(left=target, op=op, right=value), node)
                self.assign(target, self.evaluate(both, scope), scope)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                self._bind(name, FunctionValue(name, node, scope, scope.owner), scope)
            case ast.ClassDef(name=name):
                self._bind(name, self._class(node, scope), scope)
            case ast.Import(names=names):
                for alias in names:
                    self._import(alias, scope)
            case ast.ImportFrom():
                self._import_from(node, scope)
            case ast.If(test=test, body=body, orelse=orelse):
                return self._branch(truth(self.evaluate(test, scope)), body, orelse, scope)
            case ast.For() | ast.AsyncFor():
                return self._for(node, scope)
            case ast.While(test=test, body=body):
                known = truth(self.evaluate(test, scope))
                if known is not False:
                    self._maybe(body, scope, forget=True)
            case ast.With(items=items, body=body) | ast.AsyncWith(items=items, body=body):
                for item in items:
                    entered = self.evaluate(item.context_expr, scope)
                    if item.optional_vars is not None:
                        entered = entered if isinstance(entered, FileValue) else UNKNOWN
                        self.assign(item.optional_vars, entered, scope)
                return self.run(body, scope)
            case ast.Try() | ast.TryStar():
                leaves = self.run([*node.body, *node.orelse], scope)
                final = self.run(node.finalbody, scope)
                return final or leaves
            case ast.Return(value=value):
                scope.returned.append(None if value is None else self.evaluate(value, scope))
                return "return"
            case ast.Raise():
                return "raise"
            case ast.Break():
                return "break"
            case ast.Continue():
                return "continue"
            case ast.Match(subject=subject, cases=cases):
                self.evaluate(subject, scope)
                for case in cases:
                    self._maybe(case.body, scope)
        return None

    def _branch(
        self, known: bool | None, body: list[ast.stmt], orelse: list[ast.stmt], scope: Scope
    ) -> _Leaves:
        if known is not None:
            leaves = self.run(body if known else orelse, scope)
            # Options that must be passed are absent here; the code after such a check is still evidence.
            return None if leaves == "raise" else leaves
        before = dict(scope.names)
        scope.uncertain += 1
        try:
            one = self.run(body, scope)
            first, scope.names = scope.names, before.copy()
            two = self.run(orelse, scope)
        finally:
            scope.uncertain -= 1
        if one is not None and two is not None:
            return one
        if two is not None:
            scope.names = first
        elif one is None:
            scope.names = _merged(first, scope.names)
        return None

    def _maybe(self, body: list[ast.stmt], scope: Scope, *, forget: bool = False) -> None:
        """Evaluate statements that may run any number of times."""
        before = dict(scope.names)
        scope.uncertain += 1
        try:
            self.run(body, scope)
        finally:
            scope.uncertain -= 1
        if forget:
            scope.names = {
                name: value if name not in before or before[name] is value else UNKNOWN
                for name, value in scope.names.items()
            }
        else:
            scope.names = _merged(before, scope.names)

    def _for(self, node: ast.For | ast.AsyncFor, scope: Scope) -> _Leaves:
        elements = self.evaluate(node.iter, scope)
        if not isinstance(elements, (list, tuple, str, dict)) or len(elements) > _MOST_ROUNDS:
            self.assign(node.target, UNKNOWN, scope)
            self._maybe(node.body, scope, forget=True)
            return None
        for element in list(elements):
            self.assign(node.target, element, scope)
            leaves = self.run(node.body, scope)
            if leaves in ("return", "raise"):
                return leaves
            if leaves == "break":
                return None
        return self.run(node.orelse, scope)

    def _bind(self, name: str, value: Any, scope: Scope) -> None:
        scope.names[name] = value

    def assign(self, target: ast.expr, value: Any, scope: Scope) -> None:
        """Bind a value to a target of an assignment."""
        match target:
            case ast.Name(id=name):
                self._bind(name, value, scope)
            case ast.Tuple(elts=targets) | ast.List(elts=targets):
                starred = any(isinstance(each, ast.Starred) for each in targets)
                values = value if isinstance(value, (list, tuple)) else ()
                fits = len(values) == len(targets) and not starred
                for each, part in zip(
                    targets, values if fits else [UNKNOWN] * len(targets), strict=True
                ):
                    self.assign(each, part, scope)
            case ast.Starred(value=inner):
                self.assign(inner, UNKNOWN, scope)
            case ast.Attribute(value=owner, attr=name):
                self._store(self.evaluate(owner, scope), name, value, scope)
            case ast.Subscript(value=owner, slice=key):
                self._store(self.evaluate(owner, scope), self.evaluate(key, scope), value, scope)

    def _store(self, owner: Any, key: Any, value: Any, scope: Scope) -> None:
        entries: Any = owner.attributes if isinstance(owner, InstanceValue) else owner
        if isinstance(entries, dict) and isinstance(key, (str, int)):
            if scope.uncertain and key in entries:
                value = same_or_unknown(entries[key], value)
            entries[key] = value
        elif isinstance(entries, list) and isinstance(key, int) and -len(entries) <= key < len(entries):
            entries[key] = UNKNOWN if scope.uncertain else value

    def call_function(self, function: FunctionValue, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """Return the result of a function of the project; `UNKNOWN` if it is not certain."""
        node = function.node
        self.reached.add(id(node))
        if self._active.count(id(node)) >= _MOST_RECURSION or self._depth >= _DEEPEST:
            return UNKNOWN
        inner = Scope(function.scope.file, outer=_outer(function.scope), owner=function.owner)
        self._bind_parameters(function, args, kwargs, inner)
        self._active.append(id(node))
        self._depth += 1
        try:
            if isinstance(node, ast.Lambda):
                return self.evaluate(node.body, inner)
            leaves = self.run(node.body, inner)
        finally:
            self._depth -= 1
            self._active.pop()
        returned = inner.returned if leaves == "return" else [*inner.returned, None]
        value = returned[0] if returned else UNKNOWN
        for other in returned[1:]:
            value = same_or_unknown(value, other)
        return value

    def _bind_parameters(
        self, function: FunctionValue, args: list[Any], kwargs: dict[str, Any], inner: Scope
    ) -> None:
        given = function.node.args
        positional = [each.arg for each in (*given.posonlyargs, *given.args)]
        defaults = dict(zip(reversed(positional), reversed(given.defaults), strict=False))
        defaults |= {
            each.arg: default
            for each, default in zip(given.kwonlyargs, given.kw_defaults, strict=True)
            if default is not None
        }
        names = [*positional, *(each.arg for each in given.kwonlyargs)]
        values = dict(zip(positional, args, strict=False)) | {
            name: value for name, value in kwargs.items() if name in names
        }
        for name in names:
            if name in values:
                inner.names[name] = values[name]
            elif name in defaults:
                inner.names[name] = self.evaluate(defaults[name], function.scope)
            else:
                inner.names[name] = self.missing_argument(function, name)
        if given.vararg is not None:
            inner.names[given.vararg.arg] = tuple(args[len(positional) :])
        if given.kwarg is not None:
            rest = {name: value for name, value in kwargs.items() if name not in names}
            inner.names[given.kwarg.arg] = Settings(rest)

    def missing_argument(self, function: FunctionValue, name: str) -> Any:
        """Return the value of an argument that a call does not have; overridden to find one."""
        return UNKNOWN

    def _class(self, node: ast.ClassDef, scope: Scope) -> ClassValue:
        bases = [self.evaluate(each, scope) for each in node.bases]
        cls = ClassValue(node.name, node, scope, bases)
        body = Scope(scope.file, outer=scope, owner=cls)
        self._depth += 1
        try:
            if self._depth < _DEEPEST:
                self.run(node.body, body)
        finally:
            self._depth -= 1
        cls.attributes = body.names
        return cls

    def instantiate(self, cls: ClassValue, args: list[Any], kwargs: dict[str, Any], line: int) -> Any:
        """Return an instance of a class of the project, with the attributes that it sets."""
        if cls.is_mapping:
            entries = args[0] if args else {}
            return Settings({**entries, **kwargs}) if isinstance(entries, dict) else UNKNOWN
        instance = InstanceValue(cls, args, kwargs, line=line)
        if cls.is_dataclass:
            instance.attributes = self.field_values(cls, args, kwargs)
            if isinstance(finish := cls.find("__post_init__"), FunctionValue):
                self.call_function(finish, [instance], {})
            return instance
        constructor = cls.find("__init__")
        if isinstance(constructor, FunctionValue) and self.enters(cls):
            self.call_function(constructor, [instance, *args], kwargs)
        return instance

    def enters(self, cls: ClassValue) -> bool:
        """Return whether the constructor of a class is evaluated; overridden for the target."""
        return True

    def field_values(self, cls: ClassValue, args: list[Any], kwargs: dict[str, Any]) -> dict[str, Any]:
        """Return the fields of an instance of a dataclass, with the defaults of those not passed."""
        values: dict[str, Any] = {}
        names: list[str] = []
        for each in reversed([*cls.ancestors()]):
            for node in each.node.body:
                if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                    name = node.target.id
                    names += [name] if name not in names else []
                    values[name] = self._field_default(node.value, each)
        return {**values, **dict(zip(names, args, strict=False)), **kwargs}

    def _field_default(self, node: ast.expr | None, cls: ClassValue) -> Any:
        if node is None:
            return UNKNOWN
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in (
            "field",
            "Field",
        ):
            given = {each.arg: each.value for each in node.keywords}
            if "default_factory" in given:
                made = self.evaluate(given["default_factory"], cls.scope)
                return self.call(made, [], {}, node.lineno, cls.scope)
            default = given.get("default", node.args[0] if node.args else None)
            return UNKNOWN if default is None else self.evaluate(default, cls.scope)
        return self.evaluate(node, cls.scope)

    def attribute_of_module(self, module: ModuleValue, name: str) -> Any:
        """Return an attribute of a module of the project, or one of its submodules."""
        if name in module.scope.names:
            return module.scope.names[name]
        path = self._files.find_module(module.scope.file, 1, name)
        found = None if path is None else self.run_file(path)
        return UNKNOWN if found is None else found

    def _import(self, alias: ast.alias, scope: Scope) -> None:
        top = alias.name.partition(".")[0]
        wanted = alias.name if alias.asname else top
        self._bind(alias.asname or top, self.import_module(wanted, scope.file), scope)

    def import_module(self, name: str, file: str) -> Any:
        """Return a module that a file imports by its absolute name."""
        path = self._files.find_module(file, 0, name)
        module = None if path is None else self.run_file(path)
        return Reference(name) if module is None else module

    def _import_from(self, node: ast.ImportFrom, scope: Scope) -> None:
        path = self._files.find_module(scope.file, node.level, node.module or "")
        module = None if path is None else self.run_file(path)
        for alias in node.names:
            if alias.name == "*":
                if module is not None:
                    names = module.scope.names.items()
                    scope.names |= {name: value for name, value in names if name[:1] != "_"}
                continue
            found: Any = Reference(f"{node.module or ''}.{alias.name}")
            if module is not None:
                found = self.attribute_of_module(module, alias.name)
            elif node.level or node.module is None:
                inner = self._files.find_module(
                    scope.file, node.level, ".".join(filter(None, [node.module, alias.name]))
                )
                found = (self.run_file(inner) if inner else None) or found
            self._bind(alias.asname or alias.name, found, scope)


def _outer(scope: Scope) -> Scope:
    """Return the scope in which the names of a function are searched: a class body is left out."""
    while scope.owner is not None and scope.outer is not None and scope.names is scope.owner.attributes:
        scope = scope.outer
    return scope


def _merged(one: dict[str, Any], two: dict[str, Any]) -> dict[str, Any]:
    """Return the names after two branches of which one ran; a name of one alone has its value."""
    return {
        name: same_or_unknown(one[name], two[name])
        if name in one and name in two
        else one.get(name, two.get(name))
        for name in (*one, *two)
    }
