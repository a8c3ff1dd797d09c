"""Names that Python files define, and files of modules, read without importing anything."""

from __future__ import annotations

import ast
import dis
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec
from pathlib import Path
from types import CodeType

_MOST_FILES = 100
"""Files of star imports that are read for one file."""

_LARGEST_FILE = 4 << 20

_DYNAMIC = frozenset({"globals", "locals", "exec", "eval", "import_module"})
"""Functions that may bind names that the text of a file does not show."""


@dataclass(frozen=True, slots=True)
class WrittenNames:
    """Names that a file binds at its top level."""

    names: frozenset[str]
    defined: tuple[str, ...] = ()
    """Classes and functions of the file itself, in order."""

    is_complete: bool = True
    """False if running the file may bind other names too."""


def written_names(
    file: Path, module: str | None = None, path: Sequence[str] | None = None
) -> WrittenNames:
    """Return the names that a file and its star imports bind.

    Args:
        file: The file.
        module: Its dotted name, which relative star imports need; None for a file without a package.
        path: Folders to search for modules; None for the folder of the file and `sys.path`.
    """
    searched = [str(file.parent), *sys.path] if path is None else path
    names: set[str] = set()
    defined: tuple[str, ...] = ()
    waiting: list[tuple[Path, str | None]] = [(file, module)]
    seen = {file}
    is_complete = True
    while waiting and is_complete:
        current, name = waiting.pop()
        tree, code = _parse(current)
        if tree is None or code is None or len(seen) > _MOST_FILES:
            is_complete = False
            break
        names |= _bound_names(code)
        is_complete = not _is_dynamic(tree)
        if current == file:
            kinds = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
            defined = tuple(each.name for each in tree.body if isinstance(each, kinds))
        for star in _star_imports(tree):
            imported = _absolute(star, name, is_package=current.name == "__init__.py")
            found = None if imported is None else file_of_module(imported, searched)
            if found is None:
                is_complete = False
            elif found not in seen:
                seen.add(found)
                waiting.append((found, imported))
    return WrittenNames(frozenset(names), defined, is_complete)


def file_of_module(name: str, path: Sequence[str]) -> Path | None:
    """Return the source file of a module; None if it was not found, or has none.

    Args:
        name: Dotted name.
        path: Folders to search for its first part.
    """
    specification = find_module(name, path)
    origin = None if specification is None else specification.origin
    return Path(origin) if origin is not None and origin.endswith(".py") else None


def find_module(name: str, path: Sequence[str]) -> ModuleSpec | None:
    """Find a module without importing its packages; None if it was not found.

    Args:
        name: Dotted name.
        path: Folders to search for its first part.
    """
    found: ModuleSpec | None = None
    for count in range(1, name.count(".") + 2):
        part = ".".join(name.split(".")[:count])
        places = path if found is None else found.submodule_search_locations
        if places is None:
            return None
        found = None
        with suppress(ImportError, ValueError, AttributeError, OSError):
            found = PathFinder.find_spec(part, places) or (find_spec(part) if count == 1 else None)
        if found is None:
            return None
    return found


def _parse(file: Path) -> tuple[ast.Module | None, CodeType | None]:
    with suppress(OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        if os.path.getsize(file) <= _LARGEST_FILE and os.path.isfile(file):
            tree = ast.parse(file.read_bytes())
            return tree, compile(tree, str(file), "exec", dont_inherit=True)
    return None, None


def _bound_names(code: CodeType) -> set[str]:
    """Return the global names that code binds."""
    bound: set[str] = set()
    waiting = [code]
    while waiting:
        current = waiting.pop()
        stores = ("STORE_NAME", "STORE_GLOBAL") if current is code else ("STORE_GLOBAL",)
        bound.update(each.argval for each in dis.get_instructions(current) if each.opname in stores)
        waiting += [each for each in current.co_consts if isinstance(each, CodeType)]
    return bound


def _is_dynamic(tree: ast.Module) -> bool:
    """Return whether a file may bind names that its text does not show, as through `sys.modules`."""
    if any(isinstance(each, ast.FunctionDef) and each.name == "__getattr__" for each in tree.body):
        return True
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            found = node.id in _DYNAMIC
        elif isinstance(node, ast.Attribute):
            found = node.attr == "import_module" or (node.attr == "modules" and _is_sys(node.value))
        elif isinstance(node, ast.ImportFrom):
            found = node.module == "sys" and any(each.name == "modules" for each in node.names)
        elif isinstance(node, ast.Call):
            found = isinstance(node.func, ast.Name) and node.func.id == "vars" and not node.args
        else:
            found = False
        if found:
            return True
    return False


def _is_sys(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id in ("sys", "_sys")


def _star_imports(tree: ast.Module) -> Iterator[ast.ImportFrom]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and any(each.name == "*" for each in node.names):
            yield node


def _absolute(node: ast.ImportFrom, module: str | None, *, is_package: bool) -> str | None:
    """Return the dotted name that an import statement refers to; None if the text does not show it."""
    if not node.level:
        return node.module
    if module is None:
        return None
    parts = module.split(".")
    removed = node.level - is_package
    if removed >= len(parts):
        return None
    base = parts[: len(parts) - removed]
    return ".".join([*base, *([node.module] if node.module else [])])
