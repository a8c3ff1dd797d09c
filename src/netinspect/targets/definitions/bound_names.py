"""Global names that a statement binds, changes and needs, read from its bytecode and syntax tree."""

from __future__ import annotations

import ast
import dis
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import CodeType

from netinspect.targets.definitions.side_effects import WorkReader


@dataclass(frozen=True, slots=True)
class Body:
    """Names that the code of a function or class refers to when it runs."""

    names: frozenset[str]
    """Global names."""

    attributes: frozenset[str]
    """Names of attributes and methods of any object."""


@dataclass(frozen=True, slots=True)
class Names:
    """Global names of one statement."""

    binds: frozenset[str] = frozenset()
    now: frozenset[str] = frozenset()
    """Names that are needed to run the statement."""

    methods: Mapping[str, Body] = field(default_factory=dict)
    """Names that its functions, or the methods of a class, refer to when called; by function name."""


def as_module(node: ast.stmt, future: tuple[ast.ImportFrom, ...]) -> ast.Module:
    """Return a module of one statement and the imports of `__future__` that it is compiled with."""
    # After a second one, Python refuses to compile the first again.
    return ast.Module(body=[node] if node in future else [*future, node], type_ignores=[])


def read_names(node: ast.stmt, future: tuple[ast.ImportFrom, ...]) -> Names:
    """Return the names that a statement binds and needs.

    Args:
        node: The statement.
        future: Imports of `__future__` that it is compiled with.
    """
    try:
        code = compile(as_module(node, future), "<unit>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # reported when the file is run
        return Names()
    loads, stores = _names_of(code)
    inner = list(_inner(code))
    methods: dict[str, Body] = {}
    now = set(loads)
    for each in inner:
        if isinstance(node, ast.ClassDef):
            class_loads, class_stores = _names_of(each)
            now |= class_loads - class_stores
            for method in _inner(each):
                name = method.co_name if method.co_name not in methods else method.co_qualname
                methods[name] = _body(method)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            methods[each.co_name] = _body(each)
        else:  # lambdas and comprehensions
            now |= _body(each).names
    return Names(frozenset(stores), frozenset(now), methods)


def _inner(code: CodeType) -> Iterator[CodeType]:
    """Yield the functions and classes in a code object; those with type parameters are nested deeper."""
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield from _inner(each) if each.co_name.startswith("<generic parameters") else (each,)


def _names_of(code: CodeType) -> tuple[set[str], set[str]]:
    loads: set[str] = set()
    stores: set[str] = set()
    for each in dis.get_instructions(code):
        if each.opname in ("STORE_NAME", "STORE_GLOBAL"):
            stores.add(each.argval)
        elif each.opname.startswith("LOAD_") and each.opname.endswith(("NAME", "GLOBAL", "GLOBALS")):
            loads.add(each.argval)
    return loads, stores


def _body(code: CodeType) -> Body:
    names: set[str] = set()
    attributes: set[str] = set()
    waiting = [code]
    while waiting:
        current = waiting.pop()
        for each in dis.get_instructions(current):
            if each.opname.startswith("LOAD_") and isinstance(each.argval, str):
                if each.opname.endswith(("NAME", "GLOBAL", "GLOBALS")):
                    names.add(each.argval)
                elif "ATTR" in each.opname or "METHOD" in each.opname:
                    attributes.add(each.argval)
        waiting += [each for each in current.co_consts if isinstance(each, CodeType)]
    return Body(frozenset(names), frozenset(attributes))


def mutated(node: ast.stmt, reader: WorkReader) -> Iterator[str]:
    """Yield the names of objects that a statement changes in place, as far as its syntax shows."""
    for each in ast.walk(node):
        if isinstance(each, (ast.Attribute, ast.Subscript)) and isinstance(
            each.ctx, (ast.Store, ast.Del)
        ):
            yield from _root_name(each)
        elif isinstance(each, ast.Call):
            function = each.func
            yield from reader.assigned_globals(each)
            if isinstance(function, ast.Name) and _mentions_argv(each):
                yield function.id  # for example FLAGS(sys.argv)
            if isinstance(function, ast.Attribute) and reader.is_mutator(function.attr):
                yield from _root_name(function)
            elif isinstance(node, ast.Expr) and each is node.value and not reader.is_risky(each):
                # A function that changes its argument, such as add_options(parser).
                yield from (name for argument in each.args for name in _root_name(argument))


def _root_name(node: ast.expr) -> Iterator[str]:
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        node = node.value
    if isinstance(node, ast.Name):
        yield node.id


def _mentions_argv(call: ast.Call) -> bool:
    nodes = (each for argument in call.args for each in ast.walk(argument))
    return any(isinstance(each, ast.Attribute) and each.attr == "argv" for each in nodes)
