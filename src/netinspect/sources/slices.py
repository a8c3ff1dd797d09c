"""The part of a Python file that defines things, without the work that it does when it is imported.

A file is cut into units: its statements, and those inside of its `if`, `try` and `with`. What a unit
binds and needs is read from its bytecode; nothing is run here.
"""

from __future__ import annotations

import ast
import dis
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass, field
from types import CodeType

from netinspect.sources.work import WorkReader, is_main_guard

_ALWAYS_LIVE = frozenset({"forward", "extra_repr"})
_FACTORIES = frozenset({"build", "build_model", "create_model", "get_model", "make_model"})
_INSTANCES = frozenset({"model", "net", "network"})
_DEFINITIONS = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_LOOPS = (ast.For, ast.While, ast.AsyncFor)
_Branching = ast.If | ast.Try | ast.TryStar | ast.With
_BODIES = ("body", "orelse", "finalbody")


@dataclass(frozen=True, slots=True)
class Body:
    """What the code of a function or class refers to when it runs."""

    names: frozenset[str]
    """Global names."""

    attributes: frozenset[str]
    """Names of attributes and methods, of whatever object."""


@dataclass(slots=True)
class Unit:
    """One statement that is run or skipped as a whole."""

    index: int
    node: ast.stmt
    headers: tuple[int, ...]
    """Positions of the `if`, `try` and `with` around it, among all of the file."""

    works: bool
    unknown: bool
    """Whether it calls something that is not known to compute or configure only."""

    binds: frozenset[str] = frozenset()
    mutates: frozenset[str] = frozenset()
    now: frozenset[str] = frozenset()
    """Global names that running it needs."""

    methods: Mapping[str, Body] = field(default_factory=dict)
    """What functions in it refer to when they are called, by name; of a class, its methods."""

    @property
    def defines(self) -> bool:
        """Whether it is an import, a function or a class."""
        return isinstance(self.node, _DEFINITIONS)


class Slicer:
    """Chooses the units of one file that are run.

    Args:
        tree: The file.
        blamed: Lines of statements that are work, whatever they look like.
    """

    def __init__(self, tree: ast.Module, blamed: frozenset[int] = frozenset()) -> None:
        self._tree = tree
        self._reader = WorkReader(tree)
        self._blamed = blamed
        self._headers: list[_Branching] = []
        self.units: list[Unit] = []
        self._binding: dict[str, list[Unit]] = defaultdict(list)
        self._changing: dict[str, list[Unit]] = defaultdict(list)
        self._collect(tree.body, ())
        self._future = tuple(
            node
            for node in tree.body
            if isinstance(node, ast.ImportFrom) and node.module == "__future__"
        )

    @property
    def does_work(self) -> bool:
        """Whether some unit, or the head of a statement around some, does work."""
        return any(unit.works for unit in self.units)

    @property
    def docstring(self) -> str | None:
        """The docstring of the file."""
        return ast.get_docstring(self._tree, clean=False)

    def analyze(self) -> None:
        """Read what every unit binds and needs; only a file that does work is worth it."""
        for unit in self.units:
            _read_names(unit, self._future, self._reader)
            for name in unit.binds:
                self._binding[name].append(unit)
            for name in unit.mutates:
                self._changing[name].append(unit)

    def _collect(self, statements: Iterable[ast.stmt], headers: tuple[int, ...]) -> None:
        for node in statements:
            if isinstance(node, _Branching) and not self._is_blamed(node, header=True):
                position = len(self._headers)
                self._headers.append(node)
                inner = (*headers, position)
                for name, body in _bodies(node):
                    if not (name == "body" and isinstance(node, ast.If) and is_main_guard(node.test)):
                        self._collect(body, inner)
                continue
            works = self._is_blamed(node) or self._reader.does_work(node) or self._under_work(headers)
            unknown = _has_unknown(self._reader, node)
            self.units.append(Unit(len(self.units), node, headers, works=works, unknown=unknown))

    def _is_blamed(self, node: ast.stmt, *, header: bool = False) -> bool:
        last = node.body[0].lineno - 1 if header and isinstance(node, _Branching) else node.end_lineno
        return any(node.lineno <= line <= (last or node.lineno) for line in self._blamed)

    def _under_work(self, headers: tuple[int, ...]) -> bool:
        """Whether the head of a statement around it does work, as `if download():`."""
        return any(self._head_works(self._headers[position]) for position in headers)

    def _head_works(self, node: _Branching) -> bool:
        bare = copy(node)
        for name, _ in _bodies(node):
            setattr(bare, name, [ast.Pass()] if name == "body" else [])
        if isinstance(bare, (ast.Try, ast.TryStar)):
            bare.handlers = []
        return self._reader.does_work(bare)

    def definitions(self) -> set[int]:
        """Return the units that are run in any case: definitions, what computes or configures only."""
        called = {name for unit in self.units for body in unit.methods.values() for name in body.names}
        needed = called | {name for unit in self.units if unit.defines for name in unit.now}
        return {
            unit.index
            for unit in self.units
            if not unit.works and (not unit.unknown or unit.defines or unit.binds & needed)
        }

    def wanted(self, name: str | None, *, is_target: bool) -> set[str]:
        """Return the names that what is to be built may be found under.

        Args:
            name: What a target names, such as a class; None for whatever the file is about.
            is_target: Whether the file is what was asked for, and not one that it imports.
        """
        if name is not None:
            return {name.partition(".")[0]}
        classes = [unit.node.name for unit in self.units if isinstance(unit.node, ast.ClassDef)]
        if classes or not is_target:
            return set(classes)
        factories = {
            unit.node.name
            for unit in self.units
            if isinstance(unit.node, ast.FunctionDef)
            and (unit.node.name in _FACTORIES or unit.node.returns)
        }
        return factories or {
            name
            for unit in self.units
            for name in unit.binds
            if isinstance(unit.node, (ast.Assign, ast.AnnAssign))
            and (name in _INSTANCES or _builds_layer(unit.node))
        }

    def imports_all(self, index: int) -> bool:
        """Tell whether a unit is `from x import *`, which binds nobody knows what."""
        node = self.units[index].node
        return isinstance(node, ast.ImportFrom) and any(each.name == "*" for each in node.names)

    def closure(self, names: Iterable[str]) -> set[int]:
        """Return the units that some names need, directly or through others, work included."""
        found: set[int] = set()
        wanted = frozenset(names)
        end = len(self.units)
        live = set(_ALWAYS_LIVE)
        seen: set[tuple[str, int]] = set()
        called: set[tuple[int, str]] = set()
        waiting = deque((name, end) for name in wanted)
        while waiting:
            need = waiting.popleft()
            if need not in seen:
                seen.add(need)
                for unit in self._providers(*need, is_wanted=need[0] in wanted):
                    if unit.index not in found:
                        found.add(unit.index)
                        heads = (_head_names(self._headers[each]) for each in unit.headers)
                        waiting.extend((name, unit.index) for name in unit.now.union(*heads))
            if not waiting:
                for method in self._newly_live(found, live, called):
                    live |= method.attributes
                    waiting.extend((name, end) for name in method.names)
        return found

    def _newly_live(self, found: set[int], live: set[str], called: set[tuple[int, str]]) -> list[Body]:
        """Return what may be called now: of a class, the methods that something live mentions."""
        new = []
        for index in found:
            unit = self.units[index]
            is_class = isinstance(unit.node, ast.ClassDef)
            for name, body in unit.methods.items():
                if (index, name) in called or (is_class and name not in live and name[:2] != "__"):
                    continue
                called.add((index, name))
                new.append(body)
        return new

    def _providers(self, name: str, before: int, *, is_wanted: bool) -> Iterator[Unit]:
        """Give the units before a position that make a name what it is."""
        binding = [unit for unit in self._binding.get(name, ()) if unit.index < before]
        outside = [unit for unit in binding if not (isinstance(unit.node, _LOOPS) and unit.works)]
        # A loop that does work is run only for what nothing else binds.
        yield from outside or ([] if is_wanted else binding)
        for unit in self._changing.get(name, ()):
            is_training = unit.works and isinstance(unit.node, _LOOPS)
            # An instance that was trained is inspected as it was built.
            if unit.index < before and not is_training and not (is_wanted and unit.works):
                yield unit

    def program(self, chosen: set[int]) -> Iterator[tuple[ast.Module, frozenset[int]]]:
        """Give each statement of the file that has chosen units in it, cut down to these, and which."""
        inside: dict[int, int] = {id(self.units[index].node): index for index in chosen}
        for node in self._tree.body:
            used: set[int] = set()
            kept = _prune(node, inside, used)
            if kept is not None:
                yield ast.Module(body=[*self._future, kept], type_ignores=[]), frozenset(used)


def _bodies(node: ast.stmt) -> Iterator[tuple[str, list[ast.stmt]]]:
    for name in _BODIES:
        if body := getattr(node, name, None):
            yield name, body
    for handler in getattr(node, "handlers", ()):
        yield "handler", handler.body


def _prune(node: ast.stmt, inside: Mapping[int, int], used: set[int]) -> ast.stmt | None:
    """Return a statement without the units that are not inside; None where nothing is left."""
    if (index := inside.get(id(node))) is not None:
        used.add(index)
        return node
    if not isinstance(node, _Branching):
        return None
    before = len(used)
    bare = copy(node)
    for name in _BODIES:
        if hasattr(node, name):
            setattr(bare, name, _prune_all(getattr(node, name), inside, used))
    if isinstance(bare, (ast.Try, ast.TryStar)):
        bare.handlers = []
        for handler in node.handlers:  # type: ignore[union-attr]
            less = copy(handler)
            less.body = _prune_all(handler.body, inside, used) or [_nothing(handler)]
            bare.handlers.append(less)
    bare.body = bare.body or [_nothing(node)]
    return bare if len(used) > before else None


def _prune_all(statements: list[ast.stmt], inside: Mapping[int, int], used: set[int]) -> list[ast.stmt]:
    return [kept for node in statements if (kept := _prune(node, inside, used)) is not None]


def _nothing(place: ast.AST) -> ast.stmt:
    return ast.copy_location(ast.Pass(), place)


def _has_unknown(reader: WorkReader, node: ast.stmt) -> bool:
    if isinstance(node, _DEFINITIONS):
        return False
    value = getattr(node, "value", None)
    return isinstance(node, _LOOPS) or (isinstance(value, ast.expr) and reader.is_unknown(value))


def _head_names(node: _Branching) -> set[str]:
    heads: list[ast.AST] = []
    if isinstance(node, ast.If):
        heads = [node.test]
    elif isinstance(node, ast.With):
        heads = list(node.items)
    else:
        heads = [each.type for each in node.handlers if each.type is not None]
    return {each.id for head in heads for each in ast.walk(head) if isinstance(each, ast.Name)}


def _builds_layer(node: ast.Assign | ast.AnnAssign) -> bool:
    """Whether a call of a name with a capital, such as `nn.Sequential`, stands in an assignment."""
    calls = [each for each in ast.walk(node) if isinstance(each, ast.Call)]
    names = [each.func for each in calls]
    return any(
        (isinstance(each, ast.Attribute) and isinstance(each.value, ast.Name) and each.value.id == "nn")
        or (isinstance(each, ast.Name) and each.id[:1].isupper())
        for each in names
    )


def _read_names(unit: Unit, future: tuple[ast.ImportFrom, ...], reader: WorkReader) -> None:
    """Read what a unit binds, changes and needs."""
    unit.mutates = frozenset(_mutated(unit.node, reader))
    module = ast.Module(body=[*future, unit.node], type_ignores=[])
    try:
        code = compile(module, "<unit>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # reported where the file is run
        return
    loads, stores = _names_of(code)
    inner = [each for each in code.co_consts if isinstance(each, CodeType)]
    methods: dict[str, Body] = {}
    now = set(loads)
    for each in inner:
        if isinstance(unit.node, ast.ClassDef):
            class_loads, class_stores = _names_of(each)
            now |= class_loads - class_stores
            for method in each.co_consts:
                if isinstance(method, CodeType):
                    name = method.co_name if method.co_name not in methods else method.co_qualname
                    methods[name] = _body(method)
        elif isinstance(unit.node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            methods[each.co_name] = _body(each)
        else:  # lambdas and comprehensions
            now |= _body(each).names
    unit.binds, unit.now, unit.methods = frozenset(stores), frozenset(now), methods


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


def _mutated(node: ast.stmt, reader: WorkReader) -> Iterator[str]:
    """Give the names of objects that a statement changes in place, as far as it can be read."""
    for each in ast.walk(node):
        if isinstance(each, (ast.Attribute, ast.Subscript)) and isinstance(
            each.ctx, (ast.Store, ast.Del)
        ):
            yield from _root_name(each)
        elif isinstance(each, ast.Call):
            function = each.func
            if isinstance(function, ast.Attribute) and reader.is_mutator(function.attr):
                yield from _root_name(function)
            elif isinstance(node, ast.Expr) and each is node.value and not reader.is_risky(each):
                # A function is given an object to change, as add_options(parser).
                yield from (name for given in each.args for name in _root_name(given))


def _root_name(node: ast.expr) -> Iterator[str]:
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        node = node.value
    if isinstance(node, ast.Name):
        yield node.id
