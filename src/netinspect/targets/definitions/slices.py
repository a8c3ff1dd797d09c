"""The part of a Python file that defines things, without the work that it does when it is imported.

A file is cut into units: its statements, and those inside of its `if`, `try` and `with`. What a unit
binds and needs is read from its bytecode; nothing is run here.
"""

from __future__ import annotations

import ast
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass, field
from typing import NamedTuple

from netinspect.targets.definitions.bound_names import Body, mutated, read_names
from netinspect.targets.definitions.calls import imports_module
from netinspect.targets.definitions.side_effects import WorkReader, is_main_guard
from netinspect.targets.definitions.statements import (
    BODIES,
    BRANCHING,
    Branching,
    bodies,
    builds_layer,
    head_names,
    nothing,
    run_parts,
)

_ALWAYS_LIVE = frozenset({"forward", "extra_repr"})
FACTORIES = frozenset(
    {"build", "build_model", "create_model", "get_model", "make_model", "model", "net"}
)
"""Functions that are called so make the model of their file."""

_INSTANCES = frozenset({"model", "net", "network"})
_DEFINITIONS = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_LOOPS = (ast.For, ast.While, ast.AsyncFor)


@dataclass(slots=True)
class Unit:
    """One statement that is run or skipped as a whole."""

    index: int
    node: ast.stmt
    """What is run: of a class that does work, the class without the statements that do."""

    origin: ast.stmt
    """The statement as it is in the file."""

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


class Closure(NamedTuple):
    """Statements that some names need."""

    units: set[int]
    unbound: set[str]
    """Names that nothing in the file binds: builtins, and those of star imports."""


class Slicer:
    """Chooses the units of one file that are run.

    Args:
        tree: The file.
        blamed: Lines of statements to treat as work regardless of their form.
    """

    def __init__(self, tree: ast.Module, blamed: frozenset[int] = frozenset()) -> None:
        self._tree = tree
        self._reader = WorkReader(tree)
        self.blamed = blamed
        self._headers: list[Branching] = []
        self.units: list[Unit] = []
        self._origins: set[int] = set()
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
        """Whether some unit, or the head of a statement around some, does work or may do it."""
        return any(unit.works or unit.unknown for unit in self.units)

    @property
    def is_plain(self) -> bool:
        """Whether the file can be run whole, as nothing in it calls what is not known."""
        parts = (part for unit in self.units if unit.defines for part in run_parts(unit.origin))
        return (
            not self.does_work
            and not self.has_star_imports
            and not any(map(self._reader.is_unknown, parts))
        )

    def is_import(self, line: int) -> bool:
        """Return whether a line is that of an import."""
        imports = (unit.node for unit in self.units if isinstance(unit.node, _DEFINITIONS[:2]))
        return any(node.lineno <= line <= (node.end_lineno or line) for node in imports)

    def leave_out(self, units: Iterable[int], line: int) -> bool:
        """Cut the statement of a line out of a class, as one that does work.

        Args:
            units: Where the class is.
            line: In its body.

        Returns:
            Whether a statement was cut out.
        """
        for unit in [self.units[index] for index in units]:
            node = unit.origin
            last = node.end_lineno or node.lineno
            if isinstance(node, ast.ClassDef) and node.lineno < line <= last:
                self.blamed |= {line}
                before, unit.node = ast.dump(unit.node), self._without_work(node)
                return ast.dump(unit.node) != before
        return False

    @property
    def docstring(self) -> str | None:
        """The docstring of the file."""
        return ast.get_docstring(self._tree, clean=False)

    def analyze(self) -> None:
        """Read what every unit binds and needs; only a file that does work is worth it."""
        for unit in self.units:
            unit.mutates = frozenset(mutated(unit.node, self._reader))
            names = read_names(unit.node, self._future)
            unit.binds, unit.now, unit.methods = names.binds, names.now, names.methods
            for name in unit.binds:
                self._binding[name].append(unit)
            for name in unit.mutates:
                self._changing[name].append(unit)

    def _collect(self, statements: Iterable[ast.stmt], headers: tuple[int, ...]) -> None:
        for node in statements:
            if isinstance(node, Branching) and not self._is_blamed(node, header=True):
                position = len(self._headers)
                self._headers.append(node)
                inner = (*headers, position)
                for name, body in bodies(node):
                    if not (name == "body" and isinstance(node, ast.If) and is_main_guard(node.test)):
                        self._collect(body, inner)
                continue
            less = self._without_work(node) if isinstance(node, ast.ClassDef) else node
            works = (less is node and self._is_blamed(node)) or self._reader.does_work(node)
            works = works or self._under_work(headers)
            self._append(less, node, headers, works=works)

    def _append(
        self, node: ast.stmt, origin: ast.stmt, headers: tuple[int, ...], *, works: bool
    ) -> None:
        is_plain = isinstance(node, (*_DEFINITIONS, ast.Raise)) or imports_module(node)
        unknown = not is_plain and self._reader.is_unknown(node)
        if id(origin) in self._origins:
            return  # a class is cut again
        self._origins.add(id(origin))
        unit = Unit(len(self.units), node, origin, headers, works=works, unknown=unknown)
        self.units.append(unit)

    def _without_work(self, node: ast.ClassDef) -> ast.ClassDef:
        """Return a class without the statements of its body that do work; these are never run."""
        body: list[ast.stmt] = []
        for each in node.body:
            is_effect = isinstance(each, (ast.Expr, *_LOOPS, *BRANCHING))
            if isinstance(each, ast.ClassDef):
                body.append(self._without_work(each))
            elif isinstance(each, _DEFINITIONS):
                body.append(each)
            elif self._is_blamed(each) or (is_effect and self._reader.does_work(each)):
                self._append(each, each, (), works=True)
            else:
                body.append(each)
        if body == node.body:
            return node
        less = copy(node)
        less.body = body or [nothing(node)]
        return less

    def _is_blamed(self, node: ast.stmt, *, header: bool = False) -> bool:
        last = node.body[0].lineno - 1 if header and isinstance(node, Branching) else node.end_lineno
        return any(node.lineno <= line <= (last or node.lineno) for line in self.blamed)

    def _under_work(self, headers: tuple[int, ...]) -> bool:
        """Return whether the head of a statement around it does work, as `if download():`."""
        return any(self._head_works(self._headers[position]) for position in headers)

    def _head_works(self, node: Branching) -> bool:
        bare = copy(node)
        for name, _ in bodies(node):
            setattr(bare, name, [ast.Pass()] if name == "body" else [])
        if isinstance(bare, (ast.Try, ast.TryStar)):
            bare.handlers = []
        return self._reader.does_work(bare)

    def definitions(self, required: set[int], *, is_target: bool) -> set[int]:
        """Return the units that are run in any case: definitions, what computes or configures only.

        A call that is not known is made for what is required, and for what the file's definitions
        mention. Functions of a target that nothing required calls are those that train the model.

        Args:
            required: Units that are run.
            is_target: Whether the file is what was asked for.
        """
        mentioned = {name for unit in self.units if unit.defines for name in unit.now}
        for unit in self.units:
            is_plain = isinstance(unit.node, ast.FunctionDef) and not unit.node.decorator_list
            if not (is_target and is_plain) or unit.index in required:
                mentioned.update(name for body in unit.methods.values() for name in body.names)
        return {
            unit.index
            for unit in self.units
            if not unit.works
            and (not unit.unknown or unit.defines or not mentioned.isdisjoint(unit.binds | unit.mutates))
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
            and (unit.node.name in FACTORIES or unit.node.returns)
        }
        made = [
            (unit, unit.node)
            for unit in self.units
            if isinstance(unit.node, (ast.Assign, ast.AnnAssign))
        ]
        instances = {
            name
            for unit, node in made
            for name in unit.binds
            if name in _INSTANCES or builds_layer(node)
        }
        unknown = (unit.binds for unit, _ in made if unit.unknown and not unit.works)
        return factories or instances or set().union(*unknown)

    def imports_all(self, index: int) -> bool:
        """Return whether a unit is `from x import *`, which binds unknown names."""
        node = self.units[index].node
        return isinstance(node, ast.ImportFrom) and any(each.name == "*" for each in node.names)

    @property
    def has_star_imports(self) -> bool:
        """Whether the file takes names from others without naming them."""
        return any(map(self.imports_all, range(len(self.units))))

    def mentioned(self) -> set[str]:
        """Return the global names that anything in the file refers to, at once or when it is called."""
        bodies_of = (body.names for unit in self.units for body in unit.methods.values())
        return set().union(*(unit.now for unit in self.units), *bodies_of)

    def everything(self) -> set[int]:
        """Return all units."""
        return set(range(len(self.units)))

    def closure(self, names: Iterable[str], *, forward: bool = True) -> Closure:
        """Return what some names need, directly or through others, work included.

        Args:
            names: The names.
            forward: Whether forward needs it too, and not only the constructor.
        """
        found: set[int] = set()
        wanted = frozenset(names)
        end = len(self.units)
        live = set(_ALWAYS_LIVE) if forward else set()
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
                        heads = (head_names(self._headers[each]) for each in unit.headers)
                        waiting.extend((name, unit.index) for name in unit.now.union(*heads))
            if not waiting:
                for method in self._newly_live(found, live, called):
                    live |= method.attributes
                    waiting.extend((name, end) for name in method.names)
        return Closure(found, {name for name, _ in seen if name not in self._binding})

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
            # What is not work may come later too: cfg = _C; _C.width = 4.
            is_before = unit.index < before or not unit.works
            if is_before and not is_training and not (is_wanted and unit.works):
                yield unit

    def program(self, chosen: set[int]) -> Iterator[tuple[ast.Module, frozenset[int]]]:
        """Give each statement of the file that has chosen units in it, cut down to these, and which."""
        inside = {id(self.units[index].origin): self.units[index] for index in chosen}
        for node in self._tree.body:
            used: set[int] = set()
            kept = _prune(node, inside, used)
            if kept is not None:
                yield ast.Module(body=[*self._future, kept], type_ignores=[]), frozenset(used)


def _prune(node: ast.stmt, inside: Mapping[int, Unit], used: set[int]) -> ast.stmt | None:
    """Return a statement without the units that are not inside; None if nothing is left."""
    if (unit := inside.get(id(node))) is not None:
        used.add(unit.index)
        return unit.node
    if not isinstance(node, Branching):
        return None
    before = len(used)
    bare = copy(node)
    for name in BODIES:
        if hasattr(node, name):
            setattr(bare, name, _prune_all(getattr(node, name), inside, used))
    if isinstance(bare, (ast.Try, ast.TryStar)):
        bare.handlers = []
        for handler in node.handlers:  # type: ignore[union-attr]
            less = copy(handler)
            less.body = _prune_all(handler.body, inside, used) or [nothing(handler)]
            bare.handlers.append(less)
    bare.body = bare.body or [nothing(node)]
    return bare if len(used) > before else None


def _prune_all(statements: list[ast.stmt], inside: Mapping[int, Unit], used: set[int]) -> list[ast.stmt]:
    return [kept for node in statements if (kept := _prune(node, inside, used)) is not None]
