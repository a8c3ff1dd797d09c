"""A project's code while it is inspected: what of each file is run, and what the process is for it.

Asked for a model, netinspect must not run the project: of a file that does work when it is imported,
only the definitions and what they need are run. For the project, the process is as for a script:
`sys.argv` and `sys.path` are the file's own. Afterwards the process is as before.
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
from netinspect.errors import LoadError
from netinspect.records.trace import RUN_FILE
from netinspect.targets.definitions.partial_file import Program, line_in, shown
from netinspect.targets.definitions.slices import Slicer
from netinspect.targets.isolation.import_guard import Guard, RefusedError, guarded, with_links
from netinspect.targets.isolation.process_state import current_folder, preserved_process
from netinspect.tracing.code_owners import is_users

_IMPORTLIB = ("<frozen importlib", os.path.join(os.path.dirname(os.__file__), "importlib", ""))
_MOST_BLAMED = 20


class Project:
    """The code of one project, and what was left out of it.

    Args:
        whole: Run files whole, and refuse nothing.
    """

    def __init__(self, *, whole: bool) -> None:
        self.whole = whole
        self.entries: list[str] = []
        """Entries of `sys.path` that are the project's."""

        self.programs: list[Program] = []
        """The files that were not run whole."""

        self.refused: list[RefusedError] = []
        """What lines of it asked for while it was imported."""

        self.targets: dict[str, str | None] = {}
        """Modules that a target names, each with what is wanted from it."""

        self._begun = False
        self._folders: list[str] = []
        self.code_folders: tuple[str, ...] = ()
        """The folders of its code, each with a separator at its end."""

    @property
    def notes(self) -> list[str]:
        """One sentence for each file that was not run whole, and for each line that was refused."""
        notes = [note for program in self.programs if (note := program.note())]
        return notes + [
            f"{shown(error.file)}:{error.line}: {error.what} was refused while it was imported; "
            f"{RUN_FILE}"
            for error in self.refused
        ]

    def begin(self) -> None:
        """Forget what was loaded for an earlier target, once, so that each file is read again."""
        if not self._begun:
            self._begun = True
            _forget_loaded()

    def add(self, entries: list[str], *, first: bool = True) -> None:
        """Search for modules in some folders of the project.

        Args:
            entries: The folders.
            first: Whether before all others, as for a script; otherwise after them.
        """
        self.entries += [entry for entry in entries if entry not in self.entries]
        self._folders += entries
        self.code_folders = with_links(self._folders)
        if first:
            sys.path[:] = [*entries, *(entry for entry in sys.path if entry not in entries)]
        else:
            sys.path += [entry for entry in entries if entry not in sys.path]

    def guard(self) -> Guard:
        """Return what is refused while the project is imported."""
        return Guard(self._folders, current_folder() or os.sep)

    @contextmanager
    def guarding(self) -> Iterator[None]:
        """Refuse it, and note what was refused."""
        guard = self.guard()
        try:
            with guarded(guard):
                yield
        finally:
            self.refused += guard.refused

    def is_code(self, file: str) -> bool:
        """Return whether a file is the project's own."""
        return file.startswith(self.code_folders) and is_users(file)

    def is_asked_for(self, name: str) -> bool:
        """Return whether a module of that name may be the project's, by what its folders hold."""
        return any(
            os.path.isfile(os.path.join(entry, f"{name}.py")) or os.path.isdir(os.path.join(entry, name))
            for entry in self.entries
        )


class ProjectLoader(SourceFileLoader):
    """Runs a file of a project: all of it, or only its definitions where it does work.

    Args:
        name: Of the module.
        path: Of the file.
        project: What it belongs to.
        wanted: What a target names in it; None for whatever the file is about.
        is_target: Whether it is the file that was asked for.
        fresh: Compile the source as it is: Python takes bytecode for that of the same time and size.
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
        """Whether only a part of the file was run."""

    def path_stats(self, path: Any) -> Mapping[str, Any]:
        """Know nothing of a fresh file, so that neither is bytecode looked for nor written."""
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
        blamed: frozenset[int] = frozenset()
        clean = dict(vars(module))
        with guarded(guard):
            while True:
                slicer = Slicer(tree, blamed)
                try:
                    if slicer.is_plain:
                        super().exec_module(module)
                    else:
                        slicer.analyze()
                        self._run_part(module, slicer)
                    break
                except RefusedError as error:
                    # The statement does work after all: without it then.
                    line = line_in(error.__traceback__, self.path)
                    if line is None or line in blamed or len(blamed) >= _MOST_BLAMED:
                        raise
                    if slicer.is_import(line):
                        raise
                    blamed |= {line}
                    vars(module).clear()
                    vars(module).update(clean)
        # What a blamed statement asked for is a part of the note about the file.
        self._project.refused += [
            error
            for error in guard.refused
            if error.file != self.path or not (blamed or error.line in slicer.blamed)
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
    """Finds the project's modules for its own code, and those of the environment for everyone else."""

    def __init__(self, project: Project) -> None:
        self._project = project

    def find_spec(
        self, name: str, path: Any = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find a module. Called by Python."""
        project = self._project
        if path is None:
            if not project.is_asked_for(name):
                return None
            if not self._is_target(name) and not self._is_asked_by_project():
                # A rich.py next to the model is not the rich that somebody else imports.
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

    def _is_asked_by_project(self) -> bool:
        frame: FrameType | None = sys._getframe(2)
        while frame is not None and frame.f_code.co_filename.startswith(_IMPORTLIB):
            frame = frame.f_back
        return frame is not None and self._project.is_code(frame.f_code.co_filename)


_current: Project | None = None


@contextmanager
def project_code(*, whole: bool = False) -> Iterator[Project]:
    """Be the process that a project's code expects, and none of it afterwards.

    Args:
        whole: Run files whole, including statements that do work.

    Yields:
        The project, whose folders are to be added; that of an outer block, where there is one.
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
        # What is missing may be what was left out.
        error.hint = "\n".join([*filter(None, [error.hint]), *project.notes])
        raise
    finally:
        _current = None
        with suppress(ValueError):
            sys.meta_path.remove(finder)
        _set_aside(project, before)
        if not process.is_ours:
            # Who imports such a file later wants all of it.
            _forget_loaded(in_part=True)


def _forget_loaded(*, in_part: bool = False) -> None:
    """Forget the modules that were loaded for targets.

    Args:
        in_part: Only those of which not all was run.
    """
    for name, module in list(sys.modules.items()):
        loader = getattr(getattr(module, "__dict__", {}).get("__spec__"), "loader", None)
        if isinstance(loader, ProjectLoader) and (loader.in_part or not in_part):
            sys.modules.pop(name, None)


def _set_aside(project: Project, before: set[str]) -> None:
    """Forget modules of the project that have the name of one that others import."""
    for name in sys.modules.keys() - before:
        top = name.partition(".")[0]
        file = getattr(sys.modules.get(top), "__file__", None)
        if not isinstance(file, str) or not project.is_code(file):
            continue
        other = PathFinder.find_spec(top, sys.path)
        if top in sys.stdlib_module_names or (other is not None and other.origin != file):
            sys.modules.pop(name, None)
