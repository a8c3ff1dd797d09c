"""Import of a user's project: which parts of each file run, in which process state.

Inspecting a model must not run the project. If a file does work when it is imported, only its
definitions and what they need are run. The project sees the process of a script, with its own `sys.argv`
and `sys.path`. The process state is restored afterwards.
"""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import FrameType, ModuleType
from typing import Any

from netinspect._utils import process
from netinspect._utils.audit_events import listening
from netinspect._utils.code_owners import IMPORTER, is_users
from netinspect.errors import LoadError
from netinspect.records.trace import RUN_FILE
from netinspect.targets.definitions.partial_file import Program, display_path, line_in
from netinspect.targets.definitions.slices import Slicer
from netinspect.targets.isolation.import_guard import EVENTS, Guard, RefusedError, with_links
from netinspect.targets.isolation.process_state import current_folder, preserved_process

_IMPORTLIB = (IMPORTER, os.path.join(os.path.dirname(os.__file__), "importlib", ""))
_MOST_WORK_LINES = 20


class Project:
    """The code of one project, with the files that ran in part and the refused actions.

    Args:
        whole: Run files whole, and refuse no action.
    """

    def __init__(self, *, whole: bool) -> None:
        self.whole = whole
        self.entries: list[str] = []
        """Entries of `sys.path` that belong to the project."""

        self.programs: list[Program] = []
        """Files that were run in part."""

        self.refused: list[RefusedError] = []
        """Actions that its lines requested during the import and that were refused."""

        self.targets: dict[str, str | None] = {}
        """Modules that a target names, each with the name in the target."""

        self.choices: list[str] = []
        """Sentences about the models that were chosen among several."""

        self._begun = False
        self._folders: list[str] = []
        self.code_folders: tuple[str, ...] = ()
        """Folders of its code, each with a trailing separator."""

    @property
    def notes(self) -> list[str]:
        """One sentence for each choice, file that ran in part and refused action."""
        notes = [note for program in self.programs if (note := program.note())]
        refused = [
            f"{display_path(error.file)}:{error.line}: {error.what} was refused while it was imported; "
            f"{RUN_FILE}"
            for error in self.refused
        ]
        return [*dict.fromkeys(self.choices), *notes, *refused]

    def begin(self) -> None:
        """Forget the modules of an earlier target, once, so that each file is loaded again."""
        if not self._begun:
            self._begun = True
            _forget_loaded()

    def add(self, entries: list[str], *, first: bool = True) -> None:
        """Add folders of the project to the import path.

        Args:
            entries: The folders.
            first: Whether to put them before all others, as for a script, or after them.
        """
        self.entries += [entry for entry in entries if entry not in self.entries]
        self._folders += entries
        self.code_folders = with_links(self._folders)
        if first:
            sys.path[:] = [*entries, *(entry for entry in sys.path if entry not in entries)]
        else:
            sys.path += [entry for entry in entries if entry not in sys.path]

    def guard(self) -> Guard:
        """Return a guard for an import of the project."""
        return Guard(self._folders, current_folder() or os.sep)

    @contextmanager
    def guarding(self) -> Iterator[None]:
        """Refuse actions in the block, and record them in `refused`."""
        guard = self.guard()
        try:
            with listening(guard.check, EVENTS):
                yield
        finally:
            self.refused += guard.refused

    def is_code(self, file: str) -> bool:
        """Return whether a file is code of the project."""
        return file.startswith(self.code_folders) and is_users(file)

    def has_module(self, name: str) -> bool:
        """Return whether a folder of the project contains a module or package of a name."""
        return any(
            os.path.isfile(os.path.join(entry, f"{name}.py")) or os.path.isdir(os.path.join(entry, name))
            for entry in self.entries
        )


class ProjectLoader(SourceFileLoader):
    """Loader that runs a file of a project whole, or only its definitions if it does work.

    Args:
        name: Name of the module.
        path: Path of the file.
        project: Project of the file.
        wanted: Name in the target; None for the main model of the file.
        is_target: Whether the file is the target.
        fresh: Whether to ignore cached bytecode, which Python matches by time and size only.
    """

    def __init__(
        self,
        name: str,
        path: str,
        project: Project,
        *,
        wanted: str | None = None,
        is_target: bool = False,
        fresh: bool = False,
    ) -> None:
        super().__init__(name, path)
        self._project = project
        self._wanted = wanted
        self._is_target = is_target
        self._fresh = fresh
        self.in_part = False
        """True if only a part of the file was run."""

    def path_stats(self, path: Any) -> Mapping[str, Any]:
        """Raise OSError for a fresh file, so that bytecode is neither read nor written."""
        if self._fresh:
            raise OSError(path)
        return super().path_stats(path)

    def exec_module(self, module: ModuleType) -> None:
        """Run the file in its module. Called by Python."""
        if self._project.whole:
            super().exec_module(module)
            return
        guard = self._project.guard()
        tree = self._parse()
        work_lines: frozenset[int] = frozenset()
        clean = dict(vars(module))
        with listening(guard.check, EVENTS):
            while True:
                slicer = Slicer(tree, work_lines)
                try:
                    if slicer.is_plain:
                        super().exec_module(module)
                    else:
                        slicer.analyze()
                        self._run_part(module, slicer)
                    break
                except RefusedError as error:
                    # The statement does work after all: run the file again without it.
                    line = line_in(error.__traceback__, self.path)
                    if line is None or line in work_lines or len(work_lines) >= _MOST_WORK_LINES:
                        raise
                    if slicer.is_import(line):
                        raise
                    work_lines |= {line}
                    vars(module).clear()
                    vars(module).update(clean)
        # The note about the file already covers the statements that were left out.
        self._project.refused += [
            error
            for error in guard.refused
            if error.file != self.path or not (work_lines or error.line in slicer.work_lines)
        ]

    def _parse(self) -> ast.Module:
        try:
            return ast.parse(self.get_data(self.path), self.path)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return ast.Module(body=[], type_ignores=[])  # reported by the import itself

    def _run_part(self, module: ModuleType, slicer: Slicer) -> None:
        self.in_part = True
        program = Program(
            module,
            slicer,
            self.path,
            is_target=self._is_target,
            guarding=self._project.guarding,
        )
        module.__doc__ = slicer.docstring
        others = [each for each in self._project.programs if each.path != self.path]
        self._project.programs[:] = [*others, program]
        program.run_for(slicer.wanted(self._wanted, is_target=self._is_target))
        if "__getattr__" not in vars(module):
            vars(module)["__getattr__"] = program.provide


class _Finder:
    """Finder that prefers modules of the project for its own code, and installed ones for other code."""

    def __init__(self, project: Project) -> None:
        self._project = project

    def find_spec(
        self, name: str, path: Any = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find a module. Called by Python."""
        project = self._project
        if path is None:
            if not project.has_module(name):
                return None
            if not self._is_target(name) and not self._is_imported_by_project():
                # A rich.py next to the model must not replace the installed rich for other code.
                others = [entry for entry in sys.path if entry not in project.entries]
                if (found := PathFinder.find_spec(name, others, target)) is not None:
                    return found
        elif not any(os.path.join(str(each), "").startswith(project.code_folders) for each in path):
            return None
        spec = PathFinder.find_spec(name, path, target)
        is_source = spec is not None and type(spec.loader) is SourceFileLoader
        if spec is not None and is_source and spec.origin and project.is_code(spec.origin):
            spec.loader = ProjectLoader(
                name,
                spec.origin,
                project,
                wanted=project.targets.get(name),
                is_target=name in project.targets,
            )
        return spec

    def _is_target(self, name: str) -> bool:
        return any(each == name or each.startswith(f"{name}.") for each in self._project.targets)

    def _is_imported_by_project(self) -> bool:
        frame: FrameType | None = sys._getframe(2)
        while frame is not None and frame.f_code.co_filename.startswith(_IMPORTLIB):
            frame = frame.f_back
        return frame is not None and self._project.is_code(frame.f_code.co_filename)


_current: Project | None = None


@contextmanager
def project_code(*, whole: bool = False) -> Iterator[Project]:
    """Provide the process state that project code expects, and restore the previous one at the end.

    Args:
        whole: Run files whole, including statements that do work.

    Yields:
        The project, without folders yet; inside an outer block, the project of that block.
    """
    global _current
    if _current is not None:
        yield _current
        return
    project = _current = Project(whole=whole)
    before = set(sys.modules)
    finder: Any = _Finder(project)
    sys.meta_path.insert(0, finder)
    try:
        with preserved_process():
            yield project
    except LoadError as error:
        # The error may be about a statement that was left out.
        error.hint = "\n".join([*filter(None, [error.hint]), *project.notes])
        raise
    finally:
        _current = None
        with suppress(ValueError):
            sys.meta_path.remove(finder)
        _forget_shadowing(project, before)
        if not process.is_ours:
            # A later import of the same file by other code must run it whole.
            _forget_loaded(in_part=True)


def _forget_loaded(*, in_part: bool = False) -> None:
    """Remove the modules that were loaded for targets from `sys.modules`.

    Args:
        in_part: Remove only those that ran in part.
    """
    for name, module in list(sys.modules.items()):
        loader = getattr(getattr(module, "__dict__", {}).get("__spec__"), "loader", None)
        if isinstance(loader, ProjectLoader) and (loader.in_part or not in_part):
            sys.modules.pop(name, None)


def _forget_shadowing(project: Project, before: set[str]) -> None:
    """Remove new modules of the project that shadow installed or standard modules."""
    for name in sys.modules.keys() - before:
        top = name.partition(".")[0]
        file = getattr(sys.modules.get(top), "__file__", None)
        if not isinstance(file, str) or not project.is_code(file):
            continue
        other = PathFinder.find_spec(top, sys.path)
        if top in sys.stdlib_module_names or (other is not None and other.origin != file):
            sys.modules.pop(name, None)
