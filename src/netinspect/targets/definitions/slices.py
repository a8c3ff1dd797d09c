"""Slicing of a Python file: the units that define a model, without the work done on import.

A file is split into units: its statements, and those inside its `if`, `try` and `with` statements. The
names that a unit binds and needs are read from its bytecode. Nothing is run here.
"""

from __future__ import annotations

import ast
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass, field
from typing import NamedTuple

from netinspect.targets.definitions.bound_names import Body, as_module, mutated, read_names
from netinspect.targets.definitions.calls import imports_module
from netinspect.targets.definitions.side_effects import WorkReader, is_main_guard
from netinspect.targets.definitions.statements import (
    BODIES,
    BRANCHING,
    Branching,
    bodies,
    builds_layer,
    head_names,
    pass_at,
    run_parts,
)

_ALWAYS_LIVE = frozenset({"forward", "extra_repr"})
FACTORIES = frozenset(
    {"build", "build_model", "create_model", "get_model", "make_model", "model", "net"}
)
"""Names of functions that build the model of their file."""

_INSTANCES = frozenset({"model", "net", "network"})
_DEFINITIONS = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_LOOPS = (ast.For, ast.While, ast.AsyncFor)


@dataclass(slots=True)
class Unit:
    """One statement that is run or skipped as a whole."""

    index: int
    node: ast.stmt
    """Statement to run; a class without those of its statements that do work."""

    origin: ast.stmt
    """Original statement in the file."""

    headers: tuple[int, ...]
    """Positions of the enclosing `if`, `try` and `with` statements, among all in the file."""

    works: bool
    unknown: bool
    """True if it contains a call that is not known to only compute or configure."""

    binds: frozenset[str] = frozenset()
    mutates: frozenset[str] = frozenset()
    now: frozenset[str] = frozenset()
    """Global names that are needed to run it."""

    methods: Mapping[str, Body] = field(default_factory=dict)
    """Names that its functions, or the methods of a class, refer to when called; by function name."""

    @property
    def defines(self) -> bool:
        """True for an import, a function or a class."""
        return isinstance(self.node, _DEFINITIONS)


class Closure(NamedTuple):
    """Units that some names need."""

    units: set[int]
    unbound: set[str]
    """Names that no unit binds: builtins, and names of star imports."""


class Slicer:
    """Selects the units of one file to run.

    Args:
        tree: Syntax tree of the file.
        work_lines: Lines of statements to treat as work regardless of their form.
    """

    def __init__(self, tree: ast.Module, work_lines: frozenset[int] = frozenset()) -> None:
        self._tree = tree
        self._reader = WorkReader(tree)
        self.work_lines = work_lines
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
        """True if some unit, or the head of a statement around it, does or may do work."""
        return any(unit.works or unit.unknown for unit in self.units)

    @property
    def is_plain(self) -> bool:
        """True if the file can be run whole: it contains no unknown calls."""
        parts = (part for unit in self.units if unit.defines for part in run_parts(unit.origin))
        return (
            not self.does_work
            and not self.has_star_imports
            and not any(map(self._reader.is_unknown, parts))
        )

    def is_import(self, line: int) -> bool:
        """Return whether a line belongs to an import statement."""
        imports = (unit.node for unit in self.units if isinstance(unit.node, _DEFINITIONS[:2]))
        return any(node.lineno <= line <= (node.end_lineno or line) for node in imports)

    def leave_out(self, units: Iterable[int], line: int) -> bool:
        """Remove the statement at a line from a class, as one that does work.

        Args:
            units: Units that contain the class.
            line: Line in the body of the class.

        Returns:
            Whether a statement was removed.
        """
        for unit in [self.units[index] for index in units]:
            node = unit.origin
            last = node.end_lineno or node.lineno
            if isinstance(node, ast.ClassDef) and node.lineno < line <= last:
                self.work_lines |= {line}
                before, unit.node = ast.dump(unit.node), self._without_work(node)
                return ast.dump(unit.node) != before
        return False

    @property
    def docstring(self) -> str | None:
        """Docstring of the file."""
        return ast.get_docstring(self._tree, clean=False)

    def analyze(self) -> None:
        """Read the names that each unit binds and needs; only needed for a file that does work."""
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
            if isinstance(node, Branching) and not self._is_work_line(node, header=True):
                position = len(self._headers)
                self._headers.append(node)
                inner = (*headers, position)
                for name, body in bodies(node):
                    if not (name == "body" and isinstance(node, ast.If) and is_main_guard(node.test)):
                        self._collect(body, inner)
                continue
            reduced = self._without_work(node) if isinstance(node, ast.ClassDef) else node
            works = (reduced is node and self._is_work_line(node)) or self._reader.does_work(node)
            works = works or self._under_work(headers)
            self._append(reduced, node, headers, works=works)

    def _append(
        self, node: ast.stmt, origin: ast.stmt, headers: tuple[int, ...], *, works: bool
    ) -> None:
        is_plain = isinstance(node, (*_DEFINITIONS, ast.Raise)) or imports_module(node)
        unknown = not is_plain and self._reader.is_unknown(node)
        if id(origin) in self._origins:
            return  # statements are removed from the class again
        self._origins.add(id(origin))
        unit = Unit(len(self.units), node, origin, headers, works=works, unknown=unknown)
        self.units.append(unit)

    def _without_work(self, node: ast.ClassDef) -> ast.ClassDef:
        """Return a class without the statements in its body that do work, which are never run."""
        body: list[ast.stmt] = []
        for each in node.body:
            is_effect = isinstance(each, (ast.Expr, *_LOOPS, *BRANCHING))
            if isinstance(each, ast.ClassDef):
                body.append(self._without_work(each))
            elif isinstance(each, _DEFINITIONS):
                body.append(each)
            elif self._is_work_line(each) or (is_effect and self._reader.does_work(each)):
                self._append(each, each, (), works=True)
            else:
                body.append(each)
        if body == node.body:
            return node
        reduced = copy(node)
        reduced.body = body or [pass_at(node)]
        return reduced

    def _is_work_line(self, node: ast.stmt, *, header: bool = False) -> bool:
        last = node.body[0].lineno - 1 if header and isinstance(node, Branching) else node.end_lineno
        return any(node.lineno <= line <= (last or node.lineno) for line in self.work_lines)

    def _under_work(self, headers: tuple[int, ...]) -> bool:
        """Return whether the head of an enclosing statement does work, such as `if download():`."""
        return any(self._head_works(self._headers[position]) for position in headers)

    def _head_works(self, node: Branching) -> bool:
        bare = copy(node)
        for name, _ in bodies(node):
            setattr(bare, name, [ast.Pass()] if name == "body" else [])
        if isinstance(bare, (ast.Try, ast.TryStar)):
            bare.handlers = []
        return self._reader.does_work(bare)

    def definitions(self, required: set[int], *, is_target: bool) -> set[int]:
        """Return the units that always run: definitions, and units that only compute or configure.

        A unit with an unknown call runs if it is required or if a definition mentions its names. In a
        target, functions that no required unit calls do not count: they train the model.

        Args:
            required: Units that run in any case.
            is_target: Whether the file is the target.
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
        """Return the names of candidates for the model of the file.

        Args:
            name: Name in the target, such as a class; None for the main model of the file.
            is_target: Whether the file is the target, not one that the target imports.
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
        assigned = [
            (unit, unit.node)
            for unit in self.units
            if isinstance(unit.node, (ast.Assign, ast.AnnAssign))
        ]
        instances = {
            name
            for unit, node in assigned
            for name in unit.binds
            if name in _INSTANCES or builds_layer(node)
        }
        unknown = (unit.binds for unit, _ in assigned if unit.unknown and not unit.works)
        return factories or instances or set().union(*unknown)

    def imports_all(self, index: int) -> bool:
        """Return whether a unit is `from x import *`, which binds unknown names."""
        node = self.units[index].node
        return isinstance(node, ast.ImportFrom) and any(each.name == "*" for each in node.names)

    @property
    def has_star_imports(self) -> bool:
        """True if the file has a star import."""
        return any(map(self.imports_all, range(len(self.units))))

    def mentioned(self) -> set[str]:
        """Return the global names that the file refers to, on import or in a later call."""
        bodies_of = (body.names for unit in self.units for body in unit.methods.values())
        return set().union(*(unit.now for unit in self.units), *bodies_of)

    def everything(self) -> set[int]:
        """Return all units."""
        return set(range(len(self.units)))

    def closure(self, names: Iterable[str], *, forward: bool = True) -> Closure:
        """Return the units that some names need, directly or indirectly, including work.

        Args:
            names: The names.
            forward: Whether to include what forward needs, not only the constructor.
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
        """Return the functions that may be called now; of a class, methods that live code mentions."""
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
        """Yield the units before a position that bind or change a name."""
        binding = [unit for unit in self._binding.get(name, ()) if unit.index < before]
        outside = [unit for unit in binding if not (isinstance(unit.node, _LOOPS) and unit.works)]
        # A loop that does work only runs for a name that no other unit binds.
        yield from outside or ([] if is_wanted else binding)
        for unit in self._changing.get(name, ()):
            is_training = unit.works and isinstance(unit.node, _LOOPS)
            # An instance is inspected without its training.
            # A change that is not work may come later too: cfg = _C; _C.width = 4.
            is_before = unit.index < before or not unit.works
            if is_before and not is_training and not (is_wanted and unit.works):
                yield unit

    def program(self, chosen: set[int]) -> Iterator[tuple[ast.Module, frozenset[int]]]:
        """Yield each top-level statement with chosen units, reduced to these, and their indices."""
        inside = {id(self.units[index].origin): self.units[index] for index in chosen}
        for node in self._tree.body:
            used: set[int] = set()
            pruned = _prune(node, inside, used)
            if pruned is not None:
                yield as_module(pruned, self._future), frozenset(used)


def _prune(node: ast.stmt, inside: Mapping[int, Unit], used: set[int]) -> ast.stmt | None:
    """Return a statement reduced to the chosen units inside it; None without any."""
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
            reduced = copy(handler)
            reduced.body = _prune_all(handler.body, inside, used) or [pass_at(handler)]
            bare.handlers.append(reduced)
    bare.body = bare.body or [pass_at(node)]
    return bare if len(used) > before else None


def _prune_all(statements: list[ast.stmt], inside: Mapping[int, Unit], used: set[int]) -> list[ast.stmt]:
    return [each for node in statements if (each := _prune(node, inside, used)) is not None]
