"""Classification of top-level statements of a Python file: definitions, and statements that do work.

It reads the syntax tree and runs nothing. Work is what a user does not expect from a summary: training
loops, downloads, data sets, argument parsing, writing files, and calls with unknown effects.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable

from netinspect.targets.definitions.calls import (
    BUILTINS,
    FILE_WORDS,
    HIGHER_ORDER,
    LOG_METHODS,
    METHODS,
    MUTATORS,
    PURE_ROOTS,
    RISKY_ROOTS,
    RISKY_WORDS,
    SETUP,
    WRAPPERS,
    arguments,
    calls,
    default_values,
    is_below,
    names_file,
    walk_here,
    words,
    writes,
)

_HARMLESS_DESPITE_WORDS = re.compile(
    r"(?:torch\.)?nn\..*|torch\.is_.*|.*\.(?:load_library|is_available|state_dict|eval|parse)$|"
    r"(?:packaging\.)?version\.parse|.*\.(?:get_)?test_\w*size"
)
_CONTEXTS = ("warnings.catch_warnings", "contextlib.suppress", "torch.no_grad", "torch.inference_mode")
_AUTOSTART = frozenset({"automain", "autorun"})
"""Decorators that call the decorated function."""

_PLAIN_BASES = frozenset({"object", "dict", "list", "NamedTuple", "Enum", "ABC", "Exception", "Generic"})
_LAYERS = frozenset({"Sequential", "ModuleList", "ModuleDict"})
_MOST_DEPTH = 8


class WorkReader:
    """Classifies the top-level statements of one file.

    Args:
        tree: Syntax tree of the file.
    """

    def __init__(self, tree: ast.Module) -> None:
        self._aliases: dict[str, str] = {}
        self._functions: dict[str, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef] = {}
        self._values: set[str] = set()
        for node in walk_here(tree.body):
            if isinstance(node, ast.Import):
                for each in node.names:
                    top = each.name.partition(".")[0]
                    self._aliases[each.asname or top] = each.name if each.asname else top
            elif isinstance(node, ast.ImportFrom):
                for each in node.names:
                    origin = "." * node.level + (node.module or "")
                    self._aliases[each.asname or each.name] = f"{origin}.{each.name}"
            elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                self._functions[node.name] = node
            elif (
                isinstance(node, ast.Assign)
                and isinstance(node.value, ast.Name)
                and (defined := self._functions.get(node.value.id)) is not None
            ):  # for example edict = EasyDict
                names = [each.id for each in node.targets if isinstance(each, ast.Name)]
                self._functions.update(dict.fromkeys(names, defined))
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                self._values.add(node.id)
        self._in_progress: set[int] = set()
        self._known_work: dict[str, bool] = {}

    def does_work(self, statement: ast.stmt) -> bool:
        """Return whether running a statement does more than define, compute or configure."""
        match statement:
            case ast.Expr(value=ast.Call() as call):
                return self._is_work_alone(call)
            case ast.Expr(value=value) | ast.Assign(value=value) | ast.AugAssign(value=value):
                return self.is_risky(value)
            case ast.AnnAssign(value=value):
                return value is not None and self.is_risky(value)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                defaults = [] if isinstance(statement, ast.ClassDef) else default_values(statement)
                return any(map(self._runs_decorated, statement.decorator_list)) or any(
                    map(self.is_risky, defaults)
                )
            case ast.Raise(exc=ast.Call() as call):
                return any(self.is_risky(each) or self.is_unknown(each) for each in arguments(call))
            case ast.If(test=test, body=body, orelse=orelse):
                branches = orelse if is_main_guard(test) else [*body, *orelse]
                return self.is_risky(test) or self._any_works(branches)
            case ast.Try() | ast.TryStar():
                handled = [each for handler in statement.handlers for each in handler.body]
                return self._any_works(
                    [*statement.body, *handled, *statement.orelse, *statement.finalbody]
                )
            case ast.With(items=items, body=body):
                return not all(map(self._is_plain_context, items)) or self._any_works(body)
            case ast.For(iter=iterator, body=body, orelse=orelse):
                return self.is_risky(iterator) or self._any_works([*body, *orelse])
            case ast.While(test=test, body=body):
                return isinstance(test, ast.Constant) or self.is_risky(test) or self._any_works(body)
            case ast.Match(subject=subject, cases=cases):
                inner = [each for case in cases for each in case.body]
                return self.is_risky(subject) or self._any_works(inner)
            case ast.AsyncFor() | ast.AsyncWith():
                return True
            case ast.Return(value=value):
                return value is not None and self.is_risky(value)
            case ast.Assert(test=test):
                return self.is_risky(test)
        return False

    def is_risky(self, expression: ast.expr) -> bool:
        """Return whether an expression contains a call that may do work."""
        return any(self._is_risky_call(call) for call in calls(expression))

    def is_unknown(self, node: ast.AST) -> bool:
        """Return whether a node contains a call that is not known to only compute or configure."""
        return any(not (self._is_known(call) or self._computes(call)) for call in calls(node))

    def assigned_globals(self, call: ast.Call) -> set[str]:
        """Return the globals that a call of a function of the file may bind."""
        node = self._functions.get(call.func.id) if isinstance(call.func, ast.Name) else None
        inner = ast.walk(node) if node is not None else ()
        return {name for each in inner if isinstance(each, ast.Global) for name in each.names}

    @staticmethod
    def is_mutator(method: str) -> bool:
        """Return whether a method of that name usually changes the object that it is called on."""
        return method in MUTATORS

    def _any_works(self, statements: Iterable[ast.stmt]) -> bool:
        return any(map(self.does_work, statements))

    def _is_work_alone(self, call: ast.Call) -> bool:
        """Return whether a call that discards its value does work, which is assumed of unknown calls."""
        if (statements := _executed(call)) is not None:
            return self._any_works(statements)
        if any(self.is_risky(each) for each in arguments(call)):
            return True
        if self._is_known(call):
            return any(not self._is_known(inner) for inner in calls(call) if inner is not call)
        function = call.func
        if isinstance(function, ast.Attribute) and self._is_harmless_method(function):
            return any(self._is_risky_call(inner) for inner in calls(function.value))
        if isinstance(function, ast.Call):
            return not self._computes(call)
        if isinstance(function, ast.Name) and function.id in self._functions:
            return self._body_works(function.id)
        return True

    def _is_harmless_method(self, function: ast.Attribute) -> bool:
        """Return whether a method only changes its own object, or logs."""
        name = self._full_name(function)
        if is_below(name, RISKY_ROOTS):
            return False
        return function.attr in MUTATORS or (
            function.attr in LOG_METHODS and "log" in name.rpartition(".")[0].lower()
        )

    def _runs_decorated(self, decorator: ast.expr) -> bool:
        """Return whether a decorator calls its function, at once or when Python ends."""
        name = self._full_name(decorator)
        if name.rpartition(".")[2] in _AUTOSTART or is_below(name, RISKY_ROOTS & {"atexit"}):
            return True
        if isinstance(decorator, ast.Lambda):
            return _calls_argument(decorator)
        made = decorator.func if isinstance(decorator, ast.Call) else decorator
        node = self._functions.get(made.id) if isinstance(made, ast.Name) else None
        if not isinstance(node, ast.FunctionDef):
            return False
        inner = [each for each in node.body if isinstance(each, ast.FunctionDef)]
        return any(map(_calls_argument, inner if isinstance(decorator, ast.Call) else [node]))

    def _passed_calls(self, call: ast.Call) -> list[ast.Call]:
        """Return the calls of functions passed to a call, such as map(f, x) or sorted(x, key=f)."""
        name = self._full_name(call.func)
        passed = [each.value for each in call.keywords if each.arg in ("key", "default_factory")]
        if isinstance(call.func, ast.Call):
            inner = call.func
            made = self._full_name(inner.func)
            if made == "functools.partial":
                passed += inner.args[:1]
            elif made == "getattr" and len(inner.args) > 1 and isinstance(inner.args[1], ast.Constant):
                passed.append(ast.Attribute(inner.args[0], str(inner.args[1].value), ast.Load()))
        elif name in HIGHER_ORDER:
            passed += call.args[:1]
        return [
            ast.Call(func=each, args=[], keywords=[])
            for each in passed
            if isinstance(each, (ast.Name, ast.Attribute, ast.Lambda, ast.Call))
        ]

    def _is_known(self, call: ast.Call) -> bool:
        name = self._full_name(call.func)
        passed = self._passed_calls(call)
        if not all(self._is_known(each) or self._computes(each) for each in passed):
            return False
        if isinstance(call.func, ast.Call):
            return bool(passed) or self._full_name(call.func).startswith(WRAPPERS)
        if isinstance(call.func, ast.Lambda):
            return not self.is_unknown(call.func.body)
        if name.startswith("logging.") and names_file(call):
            return False
        if name in BUILTINS and name not in self._functions:
            return True
        if is_below(name, PURE_ROOTS):
            return not words(name) & {"mkdir", "touch", "unlink", "write"}
        return name.startswith(SETUP) or name.startswith(("torch.nn.", "torch.device", "numpy.array"))

    def _computes(self, call: ast.Call) -> bool:
        """Return whether a call only computes; less certain than `_is_known`."""
        function = call.func
        name = self._full_name(function)
        if name == "open":
            return not writes(call)
        if isinstance(function, ast.Call):
            inner = function.func  # for example registry.register("net")(Net)
            return isinstance(inner, ast.Attribute) and self._is_harmless_method(inner)
        if isinstance(function, ast.Name) and function.id in self._functions:
            return self._body_computes(function.id)
        if is_below(name, RISKY_ROOTS):
            return False
        if name.startswith(("torch.", "numpy.")):
            # An optimizer imports torch's compiler, which takes seconds.
            return not name.startswith(("torch.cuda.", "torch.optim.", "torch.utils.")) and not words(
                name.rpartition(".")[2]
            ) & (RISKY_WORDS | FILE_WORDS)
        return isinstance(function, ast.Attribute) and (
            function.attr in METHODS or self._is_harmless_method(function)
        )

    def _body_computes(self, name: str) -> bool:
        """Return whether a function of the file, or the constructor of a class, only computes."""
        node = self._functions[name]
        if isinstance(node, ast.AsyncFunctionDef):
            return True  # its body only runs when awaited
        if id(node) in self._in_progress or len(self._in_progress) >= _MOST_DEPTH:
            return id(node) in self._in_progress
        if isinstance(node, ast.ClassDef) and _is_layer(node):
            return not self._body_works(name)
        self._in_progress.add(id(node))
        body = node.body
        if isinstance(node, ast.ClassDef):
            plain = all(map(_is_plain_base, node.bases)) and not node.keywords
            # Operators and properties run without a visible call.
            methods = [each for each in body if isinstance(each, ast.FunctionDef)]
            implicit = [each for each in methods if each.name[:2] == "__" or each.decorator_list]
            body = [each for method in implicit for each in method.body]
        else:
            plain = True
        computes = plain and not any(self.does_work(each) or self.is_unknown(each) for each in body)
        self._in_progress.discard(id(node))
        return computes

    def _is_risky_call(self, call: ast.Call) -> bool:
        function = call.func
        name = self._full_name(function)
        if name == "open":
            return writes(call)
        if (statements := _executed(call)) is not None:
            return self._any_works(statements)
        if self._is_known(call) or _HARMLESS_DESPITE_WORDS.fullmatch(name):
            return False
        if any(map(self._is_risky_call, self._passed_calls(call))):
            return True
        if name == "input" or is_below(name, RISKY_ROOTS) or "FileHandler" in name:
            return True
        if isinstance(function, ast.Name) and function.id in self._functions:
            node = self._functions[function.id]
            is_layer = isinstance(node, ast.ClassDef) and _is_layer(node)  # such as ExitFlow
            return (not is_layer and bool(words(name) & RISKY_WORDS)) or self._body_works(function.id)
        if isinstance(function, ast.Name) and function.id in self._values:
            return function.id not in self._aliases  # an object of the file is called, such as a model
        return bool(words(name.rpartition(".")[2] or name) & RISKY_WORDS)

    def _body_works(self, name: str) -> bool:
        """Return whether calling a function or class of the file does work."""
        if name in self._known_work:
            return self._known_work[name]
        node = self._functions[name]
        if id(node) in self._in_progress or len(self._in_progress) >= _MOST_DEPTH:
            return id(node) not in self._in_progress
        self._in_progress.add(id(node))
        if isinstance(node, ast.ClassDef):
            made = [each for each in node.body if getattr(each, "name", "") == "__init__"]
            bodies = [each.body for each in made if isinstance(each, ast.FunctionDef)]
            # Constructors of layers are calls too, so that only risky calls count as work.
            works = any(self._is_risky_call(call) for body in bodies for call in calls(*body))
        else:
            works = self._any_works(node.body)
        self._in_progress.discard(id(node))
        self._known_work[name] = works
        return works

    def _is_plain_context(self, item: ast.withitem) -> bool:
        call = item.context_expr
        if not isinstance(call, ast.Call):
            return False
        name = self._full_name(call.func)
        return name.startswith(_CONTEXTS) or (name == "open" and not writes(call))

    def _full_name(self, node: ast.expr) -> str:
        """Return a dotted name with import aliases resolved: np.load is numpy.load.

        The result of a call has no name: `Net().cuda` is `.cuda`.
        """
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if isinstance(node, ast.Name):
            parts.append(self._aliases.get(node.id, node.id))
        elif isinstance(node, ast.Call) and not parts:
            return self._full_name(node.func)
        else:
            parts.append("")
        return ".".join(reversed(parts))


def _calls_argument(function: ast.FunctionDef | ast.Lambda) -> bool:
    """Return whether a function calls its own first argument."""
    first = [each.arg for each in (*function.args.posonlyargs, *function.args.args)][:1]
    body = [function.body] if isinstance(function, ast.Lambda) else function.body
    return any(isinstance(each.func, ast.Name) and each.func.id in first for each in calls(*body))


def _is_layer(node: ast.ClassDef) -> bool:
    last = [ast.unparse(each).rpartition(".")[2] for each in node.bases]
    return any(each.endswith("Module") or each in _LAYERS for each in last)


def _is_plain_base(base: ast.expr) -> bool:
    return ast.unparse(base).rpartition(".")[2] in _PLAIN_BASES


def is_main_guard(test: ast.expr) -> bool:
    """Return whether the test of an `if` is `__name__ == "__main__"`, in any of its forms."""
    if isinstance(test, ast.BoolOp):
        return any(map(is_main_guard, test.values)) and isinstance(test.op, ast.And)
    if not isinstance(test, ast.Compare) or not isinstance(test.ops[0], (ast.Eq, ast.In, ast.Is)):
        return False
    sides = list(ast.walk(test))
    has_name = any(isinstance(each, ast.Name) and each.id == "__name__" for each in sides)
    return has_name and any(
        isinstance(each, ast.Constant) and each.value == "__main__" for each in sides
    )


def _executed(call: ast.Call) -> list[ast.stmt] | None:
    """Return the statements of `exec("...")`; None for any other call."""
    is_exec = isinstance(call.func, ast.Name) and call.func.id == "exec" and call.args
    text = call.args[0] if is_exec else None
    if not isinstance(text, ast.Constant) or not isinstance(text.value, str):
        return None
    try:
        return ast.parse(text.value).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
