"""Import of the Python file or package of a target, alone with its siblings or in its package."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import os
import re
import sys
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from netinspect._utils.code_owners import is_installed
from netinspect.errors import LoadError
from netinspect.targets.isolation.process_state import current_folder
from netinspect.targets.isolation.project_imports import Project, ProjectLoader


def import_file(path: Path, project: Project, name: str | None = None) -> ModuleType:
    """Import a file under its own name, or as part of the package that its imports need.

    The file and its package are loaded again each time.

    Args:
        path: Resolved path of the file.
        project: Project of the file.
        name: Name in the target; None for the main model of the file.

    Raises:
        LoadError: It is not a Python file.
    """
    project.begin()
    dots = _most_dots(path)
    folder = str(path.parent)
    # As for a script, files in its folder are found first. Then those next to its package, whose
    # absolute imports begin with its own name.
    root = _root(path.parent, 0)
    project.add([folder, *([str(root.parent)] if root != path.parent or _is_package(root) else [])])
    here = current_folder()
    if here is not None and path.is_relative_to(here):
        # Imports in a project often start at its root, which is the current folder of its commands. It
        # comes last, so that it does not shadow installed packages.
        project.add([here], first=False)
    sys.argv[:] = [str(path)]
    _forget_siblings(folder)
    target = _FileTarget(path, project, name)
    if dots or path.name == "__init__.py":
        return _import_in_package(target, dots)
    return _import_alone(target, folder, here or "")


def import_package(name: str, project: Project, wanted: str | None) -> ModuleType:
    """Import a module by its dotted name, from the environment or from a folder of the project.

    Args:
        name: Name of the module.
        project: Project that it may belong to.
        wanted: Name in the target; None for the main model of the module.
    """
    project.begin()
    project.targets[name] = wanted
    sys.argv[:] = [name]
    return importlib.import_module(name)


class _FileTarget(NamedTuple):
    """The file of a target."""

    path: Path
    project: Project
    name: str | None
    """Name in the target; None for the main model of the file."""

    def specify(self, name: str) -> ModuleSpec | None:
        """Return the import specification of the file as a module of a name."""
        path = str(self.path)
        loader = None
        if self.path.suffix == ".py":
            loader = ProjectLoader(
                name, path, self.project, wanted=self.name, is_target=True, fresh=True
            )
        return spec_from_file_location(name, path, loader=loader)


def _import_alone(target: _FileTarget, folder: str, here: str) -> ModuleType:
    name = _module_name(target.path)
    specification = target.specify(name)
    if specification is None or specification.loader is None:
        raise LoadError(f"{target.path} is not a Python file")
    before = set(sys.modules)
    module = importlib.util.module_from_spec(specification)
    replaced = sys.modules.get(name)
    sys.modules[name] = module
    try:
        specification.loader.exec_module(module)
    except BaseException:  # Ctrl-C too must not leave a half-imported module
        del sys.modules[name]
        if replaced is not None:
            sys.modules[name] = replaced
        raise
    finally:
        _siblings.setdefault(folder, set()).update(
            each
            for each in sys.modules.keys() - before - {name}
            if any(
                _is_in(folder, file) or (here and _is_found(each, here, file))
                for file in _files(sys.modules[each])
            )
        )
    return module


_siblings: dict[str, set[str]] = {}
"""Names of the modules that targets imported from their own folder and the current one, by folder."""


def _files(module: ModuleType) -> list[str]:
    """Return the file of a module, or the folders of a package without a file."""
    namespace = vars(module) if isinstance(module, ModuleType) else {}
    file = namespace.get("__file__")
    return [file] if isinstance(file, str) else [*map(str, namespace.get("__path__") or ())]


def _is_in(folder: str, file: str) -> bool:
    """Return whether a file belongs to a folder, not to a virtual environment inside it."""
    inside = file.removeprefix(folder + os.sep)
    return inside != file and not is_installed(os.sep + inside)


def _is_found(name: str, folder: str, file: str) -> bool:
    """Return whether a module of that name and file was found in a folder."""
    top = os.path.join(folder, name.partition(".")[0])
    return file in (top, f"{top}.py") or file.startswith(top + os.sep)


def _forget_siblings(folder: str) -> None:
    """Forget the modules of other folders, which may have the same names as siblings of a file."""
    for other in _siblings.keys() - {folder}:
        for name in _siblings.pop(other):
            sys.modules.pop(name, None)


def _module_name(path: Path) -> str:
    """Return the module name of a file: its own, unless another module has it."""
    name = path.stem
    if not name.isidentifier() or name in sys.stdlib_module_names:
        name = f"netinspect_target_{name}"
    free, number = name, 1
    while free in sys.modules and getattr(sys.modules[free], "__file__", None) != str(path):
        number += 1
        free = f"netinspect_target_{path.stem}_{number}"
    return free


def _most_dots(path: Path) -> int:
    """Return the most dots in a relative import of a file; 0 without relative imports.

    A file that imports its own package by name counts as a part of it, so that it is imported once.
    """
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return 0  # reported when it is imported
    imported: set[str] = set()
    dots = 0
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            dots = max(dots, node.level)
            imported.add("" if node.level else (node.module or "").partition(".")[0])
        elif isinstance(node, ast.Import):
            imported.update(each.name.partition(".")[0] for each in node.names)
    is_own = _is_package(path.parent) and _root(path.parent, 0).name in imported
    return max(dots, 1) if is_own else dots


def _is_package(folder: Path) -> bool:
    return os.path.isfile(folder / "__init__.py")  # false, not an error, for an unreadable folder


def _root(folder: Path, dots: int) -> Path:
    """Return the outermost folder of the package that contains a folder, or that its imports need."""
    root, depth = folder, 1
    while root.parent != root.parent.parent and (_is_package(root.parent) or depth < dots):
        if not _is_package(root) and depth >= dots:
            break
        root, depth = root.parent, depth + 1
    return root


def _import_in_package(target: _FileTarget, dots: int) -> ModuleType:
    """Import a file as part of its package; folders without `__init__.py` count as packages."""
    path = target.path
    root = _root(path.parent, dots)
    top = _package_name(root)
    for known in [name for name in sys.modules if name == top or name.startswith(f"{top}.")]:
        del sys.modules[known]
    name, folder = top, root
    module = _import_package(name, folder, target)
    for part in path.parent.relative_to(root).parts:
        name, folder = f"{name}.{part}", folder / part
        module = sys.modules.get(name) or _import_package(name, folder, target)
    if path.name == "__init__.py":
        return module
    name = f"{name}.{path.stem}"
    if name not in sys.modules:  # the package may have imported it already
        _execute(name, target.specify(name))
    return sys.modules[name]


_packages: dict[str, Path] = {}
"""Folders of the outermost packages of imported targets, by name."""


def _package_name(root: Path) -> str:
    """Return the module name of the outermost package: its own, unless another module has it."""
    own = root.name
    taken = own in sys.modules and _packages.get(own) is None
    if not own.isidentifier() or own in sys.stdlib_module_names or taken:
        own = f"netinspect_target_{re.sub(r'[^0-9A-Za-z_]', '_', own)}"
    _packages[own] = root
    return own


def _import_package(name: str, folder: Path, target: _FileTarget) -> ModuleType:
    file = folder / "__init__.py"
    specification: ModuleSpec | None
    if os.path.isfile(file):
        is_target = file == target.path
        loader = ProjectLoader(
            name,
            str(file),
            target.project,
            wanted=target.name if is_target else None,
            is_target=is_target,
        )
        specification = spec_from_file_location(
            name, file, loader=loader, submodule_search_locations=[str(folder)]
        )
    else:
        specification = ModuleSpec(name, None, is_package=True)
        specification.submodule_search_locations = [str(folder)]
    return _execute(name, specification)


def _execute(name: str, specification: ModuleSpec | None) -> ModuleType:
    if specification is None:
        raise LoadError(f"{name} cannot be imported")
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module
    try:
        if specification.loader is not None:
            specification.loader.exec_module(module)
    except BaseException:  # see `_import_alone`
        del sys.modules[name]
        raise
    parent, _, last = name.rpartition(".")
    if parent:
        setattr(sys.modules[parent], last, module)
    return module
