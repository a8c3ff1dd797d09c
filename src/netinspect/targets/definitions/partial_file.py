"""Partial execution of a file: its definitions and what they need, with a note on the rest."""

from __future__ import annotations

import ast
import linecache
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, suppress
from importlib.util import resolve_name
from inspect import CO_OPTIMIZED
from types import CodeType, ModuleType, TracebackType
from typing import Any, NoReturn

from netinspect.records.trace import RUN_FILE
from netinspect.targets.definitions.slices import Slicer
from netinspect.targets.isolation.import_guard import RefusedError
from netinspect.targets.isolation.process_state import current_folder

_LONGEST_LINE = 60


class Program:
    """Runs the units of one file, and records which have run.

    Args:
        module: Module in which the file runs.
        slicer: Units of the file.
        path: Path of the file.
        is_target: Whether the file is the target, not one that the target imports.
        guarding: Returns a context that refuses actions of the project during its import.
    """

    def __init__(
        self,
        module: ModuleType,
        slicer: Slicer,
        path: str,
        *,
        is_target: bool,
        guarding: Callable[[], AbstractContextManager[object]],
    ) -> None:
        self._module = module
        self._guarding = guarding
        self._slicer = slicer
        self.path = path
        self._is_target = is_target
        self._done: set[int] = set()
        self._failed: dict[int, BaseException] = {}

    def run_for(self, wanted: set[str]) -> None:
        """Run the definitions and the units that some names need.

        Raises:
            BaseException: Any exception of a needed statement. A refused statement that only forward
                needs is left out instead.
        """
        slicer = self._slicer
        if not slicer.does_work:
            unbound = slicer.closure(wanted).unbound.union(*(unit.now for unit in slicer.units))
            self._run(slicer.everything(), slicer.everything(), unbound)
            return
        needed = slicer.closure(wanted)
        built = slicer.closure(wanted, forward=False)
        definitions = slicer.definitions(needed.units, is_target=self._is_target)
        self._run(definitions | needed.units, needed.units, needed.unbound, built.units)

    def _run(
        self,
        chosen: set[int],
        required: set[int],
        unbound: set[str],
        strict: set[int] | None = None,
    ) -> None:
        """Run units.

        Args:
            chosen: Units to run.
            required: Units whose failure is raised.
            unbound: Names that may come from star imports.
            strict: Units of which a refusal is raised too; None for `required`.
        """
        namespace = vars(self._module)
        for statement, units in self._slicer.program(chosen - self._done):
            code: CodeType = compile(statement, self.path, "exec", dont_inherit=True)
            try:
                exec(code, namespace)
            except KeyboardInterrupt:
                raise
            except BaseException as error:
                line = line_in(error.__traceback__, self.path)
                if isinstance(error, RefusedError) and line and self._slicer.leave_out(units, line):
                    self._run(set(units), required, unbound, strict)
                    continue
                must_pass = required if strict is None or not isinstance(error, RefusedError) else strict
                if not must_pass.isdisjoint(units):
                    self._raise(error)
                self._failed.update(dict.fromkeys(units, error))
            else:
                self._done |= units
                for source in self._star_sources(units):
                    self._take(source, unbound)

    def _take(self, source: Program, required: set[str]) -> None:
        """Bind names that another file left out; a name that work binds only if it is required here."""
        namespace = vars(self._module)
        for name in sorted(self._slicer.mentioned() - namespace.keys()):
            if name in required and source.offers(name):
                namespace[name] = source.provide(name)
            elif source.offers(name, work=False):
                with suppress(Exception):  # no required unit mentions it
                    namespace[name] = source.provide(name)

    def _star_sources(self, units: Iterable[int]) -> Iterator[Program]:
        """Yield the partially run files from which some units import `*`."""
        for index in units:
            node = self._slicer.units[index].node
            if isinstance(node, ast.ImportFrom) and self._slicer.imports_all(index):
                name = "." * node.level + (node.module or "")
                with suppress(ImportError, ValueError):
                    name = resolve_name(name, self._module.__package__ or None)
                source = program_of(sys.modules.get(name))
                if source is not None:
                    yield source

    def offers(self, name: str, *, work: bool = True) -> bool:
        """Return whether a name was left out of this file, or of one from which it imports `*`.

        Args:
            name: The name.
            work: Whether to include names that work binds.
        """
        left = (unit for unit in self._slicer.units if unit.index not in self._done)
        if any(name in unit.binds and (work or not unit.works) for unit in left):
            return True
        return any(source.offers(name, work=work) for source in self._star_sources(self._done))

    def _raise(self, error: BaseException) -> NoReturn:
        """Raise the error of a required statement; for a missing name, the error of its definition."""
        if isinstance(error, NameError):
            for index, reason in self._failed.items():
                binds = self._slicer.units[index].binds
                if error.name in binds or self._slicer.imports_all(index):
                    raise reason
        raise error

    def provide(self, name: str) -> Any:
        """Run the units that bind a name that was left out. This is the `__getattr__` of the module.

        Raises:
            AttributeError: No unit of the file binds it.
        """
        binding = [unit.index for unit in self._slicer.units if name in unit.binds]
        if not binding:
            for source in self._star_sources(self._done):
                if source.offers(name):
                    return source.provide(name)
        if not binding or self._done.issuperset(binding):
            raise AttributeError(f"module {self._module.__name__!r} has no attribute {name!r}")
        needed = self._slicer.closure([name])
        with self._guarding():  # it may run as late as in forward
            self._run(needed.units, needed.units, needed.unbound)
        try:
            return vars(self._module)[name]
        except KeyError:
            raise AttributeError(
                f"{name} of {self.path} is bound by a statement that was not run"
            ) from None

    def prepare(self, name: str) -> None:
        """Run the units that calling a name needs, as if the target had named it.

        Raises:
            BaseException: Any exception of a needed statement.
        """
        with self._guarding():
            self.run_for({name})

    def note(self) -> str | None:
        """Return a sentence about the statements that were not run; None if they have no effect."""
        left = [unit for unit in self._slicer.units if unit.index not in self._done]
        works = [unit for unit in left if unit.works or self._is_refused(unit.index)]
        # A name of an imported file is bound on its first access.
        unknown = [unit for unit in left if unit.unknown and (self._is_target or not unit.binds)]
        if not works and not unknown:
            return None
        first = min(unit.node.lineno for unit in works or unknown)
        verb = "does" if works else "may do"
        others = len(left) - 1
        more = f" and {others} more {'statement' if others == 1 else 'statements'}" if others else ""
        path = display_path(self.path)
        return (
            f"{path} {verb} work when it is imported: line {first} ({self._line(first)})"
            f"{more} not run, only definitions and what they need; {RUN_FILE}"
        )

    def _is_refused(self, index: int) -> bool:
        return isinstance(self._failed.get(index), RefusedError)

    def _line(self, number: int) -> str:
        text = linecache.getline(self.path, number).strip()
        return text if len(text) <= _LONGEST_LINE else f"{text[: _LONGEST_LINE - 3]}..."


def program_of(module: ModuleType | None) -> Program | None:
    """Return the program of a module whose file ran in part; None for any other."""
    namespace = {} if module is None else vars(module)
    program = getattr(namespace.get("__getattr__"), "__self__", None)
    return program if isinstance(program, Program) else None


def line_in(traceback: TracebackType | None, path: str) -> int | None:
    """Return the line of the top-level or class-level statement of a file that raised an exception."""
    line = None
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if (
            code.co_filename == path and not code.co_flags & CO_OPTIMIZED
        ):  # optimized: the code of a function
            line = traceback.tb_lineno
        elif line is not None:
            break
        traceback = traceback.tb_next
    return line


def display_path(path: str) -> str:
    """Return a path relative to the current folder, if it is inside; otherwise unchanged."""
    current = current_folder()
    return os.path.relpath(path, current) if current and path.startswith(current + os.sep) else path
