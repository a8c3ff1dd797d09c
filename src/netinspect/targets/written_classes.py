"""nn.Module classes of a file or folder, found by reading: nothing is imported or run.

Bases are followed through imports to other files of the project. Bases in installed libraries are known
by name only.
"""

from __future__ import annotations

import ast
import os
import warnings
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from netinspect._utils.process import begin_phase
from netinspect.errors import LoadError
from netinspect.records.model_list import FoundClass

_SKIPPED = frozenset({"__pycache__", "node_modules", "site-packages", "venv", "env", "build", "dist"})
_MOST_FILES = 5_000
_MOST_ENTRIES = 100_000
"""Entries of folders that are listed."""

_LARGEST_FILE = 2 << 20
_MOST_STEPS = 20
"""Imports, or bases, from one file to the next."""

_MOST_NOTES = 5

_NOT_MODULES = frozenset({"Parameter", "UninitializedParameter", "Buffer", "UninitializedBuffer"})
"""Classes of torch.nn that are not modules."""

_MODULES = frozenset({"LightningModule", "PreTrainedModel", "ModelMixin", "PyTorchModelHubMixin"})
"""Module classes of other libraries; of torchvision and timm, all classes count."""

_Class = tuple[Path, str]
"""File and name of a class."""


@dataclass(slots=True)
class _File:
    """Definitions and imports in the text of one file."""

    classes: dict[str, ast.ClassDef] = field(default_factory=dict)
    imports: dict[str, tuple[int, str, str | None]] = field(default_factory=dict)
    """Level, module and name of each imported name; no name for a module."""

    stars: list[tuple[int, str]] = field(default_factory=list)


def find_classes(place: str) -> tuple[tuple[FoundClass, ...], int, tuple[str, ...]]:
    """List the nn.Module classes of a file or folder.

    Args:
        place: Path, as the user typed it.

    Returns:
        The classes in the order of files and lines, the number of files read, and notes.

    Raises:
        LoadError: The path does not exist.
    """
    root = Path(place)
    notes: list[str] = []
    if root.is_dir():
        files = list(_python_files(root, notes))
    elif root.is_file():
        files = [root]
    else:
        raise LoadError(f"the file {place} does not exist", hint="name a Python file or a folder")
    reader = _Reader()
    shown = {file.resolve(): str(file) for file in files}
    found = [
        (file, name)
        for number, file in enumerate(shown, start=1)
        if reader.has_class(file, f"reading file {number:,} of {len(shown):,}")
        for name, node in sorted(reader.read(file).classes.items(), key=lambda each: each[1].lineno)
        if reader.is_module((file, name))
    ]
    used = {each for known in found for each in reader.used_by(known)}
    unread = [
        f"cannot read {shown[file]}: {reader.errors[file]}" for file in shown if file in reader.errors
    ]
    notes += unread[:_MOST_NOTES]
    if len(unread) > _MOST_NOTES:
        notes.append(f"{len(unread) - _MOST_NOTES:,} more files cannot be read")
    classes = []
    for file, name in found:
        node = reader.read(file).classes[name]
        classes.append(
            FoundClass(
                target=f"{shown[file]}:{name}",
                bases=tuple(map(ast.unparse, node.bases)),
                arguments=reader.arguments((file, name)),
                is_top=(file, name) not in used,
                file=shown[file],
                line=node.lineno,
            )
        )
    return tuple(classes), len(files), tuple(notes)


def _python_files(root: Path, notes: list[str]) -> Iterator[Path]:
    """Yield the Python files of a folder; links to folders are not followed."""
    files = entries = 0
    for folder, folders, names in os.walk(root):
        entries += len(folders) + len(names)
        folders[:] = sorted(
            each
            for each in folders
            if not each.startswith(".")
            and each not in _SKIPPED
            and not os.path.exists(os.path.join(folder, each, "pyvenv.cfg"))
        )
        for name in sorted(names):
            path = os.path.join(folder, name)
            if not name.endswith(".py") or not os.path.isfile(path):
                continue
            if files >= _MOST_FILES:
                notes.append(f"only the first {_MOST_FILES:,} files were read")
                return
            files += 1
            yield Path(path)
        if entries > _MOST_ENTRIES:
            notes.append(f"only the first {files:,} files were read: the folder has too many entries")
            return


class _Reader:
    """Reads files once, and resolves names across them."""

    def __init__(self) -> None:
        self.errors: dict[Path, str] = {}
        """Why files cannot be read."""

        self._files: dict[Path, _File] = {}
        self._kinds: dict[_Class, bool] = {}
        self._resolved: dict[tuple[Path, str], _Class | str] = {}

    def has_class(self, file: Path, phase: str) -> bool:
        """Return whether a file may define a class; most others need not be parsed."""
        begin_phase(phase)
        with suppress(OSError), file.open("rb") as opened:
            return b"class " in opened.read(_LARGEST_FILE)
        return True  # the error is reported when it is parsed

    def read(self, file: Path) -> _File:
        """Return what a file defines; nothing if it cannot be read."""
        if file not in self._files:
            self._files[file] = _File()  # for imports in a circle
            try:
                if file.stat().st_size > _LARGEST_FILE:
                    raise ValueError(f"larger than {_LARGEST_FILE >> 20} MiB")
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # invalid escapes in strings
                    tree = ast.parse(file.read_bytes())
            except SyntaxError as error:
                self.errors[file] = f"{error.msg} (line {error.lineno})"
            except (OSError, ValueError, RecursionError, MemoryError) as error:
                self.errors[file] = str(getattr(error, "strerror", None) or error)
            else:
                _collect(tree.body, self._files[file])
        return self._files[file]

    def is_module(self, known: _Class) -> bool:
        """Return whether a class is an nn.Module, as far as the text of the project shows."""
        if known not in self._kinds:
            self._kinds[known] = False  # for bases in a circle
            file, name = known
            bases = self.read(file).classes[name].bases
            self._kinds[known] = any(self._is_module_base(file, base) for base in bases)
        return self._kinds[known]

    def _is_module_base(self, file: Path, base: ast.expr) -> bool:
        if isinstance(base, ast.Subscript):  # Base[T]
            base = base.value
        dotted = _dotted(base)
        if dotted is None:
            return False
        found = self._resolve(file, dotted)
        if isinstance(found, tuple):
            return self.is_module(found)
        top, _, rest = found.partition(".")
        name = rest.rpartition(".")[2]
        if top == "torch":
            return rest.startswith(("nn.", "jit.")) and name[:1].isupper() and name not in _NOT_MODULES
        return name in _MODULES or (top in ("torchvision", "timm") and name[:1].isupper())

    def _resolve(self, file: Path, dotted: str, depth: int = _MOST_STEPS) -> _Class | str:
        """Return the class that a dotted name in a file refers to, or its full name in a library."""
        key = (file, dotted)
        if key not in self._resolved:
            self._resolved[key] = dotted  # for imports in a circle
            self._resolved[key] = self._search(file, dotted, depth)
        return self._resolved[key]

    def _search(self, file: Path, dotted: str, depth: int) -> _Class | str:
        first, _, rest = dotted.partition(".")
        content = self.read(file)
        if first in content.classes and not rest:
            return file, first
        if depth == 0:
            return dotted
        if first in content.imports:
            level, module, name = content.imports[first]
            parts = [each for each in (name, rest) if each]
            return self._resolve_in(file, level, module, ".".join(parts), depth)
        for level, module in content.stars:
            found = self._resolve_in(file, level, module, dotted, depth)
            if isinstance(found, tuple) or (found.startswith("torch.nn.") and first[:1].isupper()):
                return found
        return dotted

    def _resolve_in(self, file: Path, level: int, module: str, dotted: str, depth: int) -> _Class | str:
        """Resolve a name in a module that a file imports; `a.b` may be a submodule and a class in it."""
        parts = dotted.split(".") if dotted else []
        is_torch = not level and module.partition(".")[0] == "torch"
        for count in range(0 if is_torch else len(parts)):
            place = ".".join([*filter(None, [module]), *parts[:count]])
            found = _find_file(file, level, place)
            if found is None:
                continue
            resolved = self._resolve(found, ".".join(parts[count:]), depth - 1)
            if isinstance(resolved, tuple) or resolved != ".".join(parts[count:]):
                return resolved
        return ".".join([*filter(None, [module]), *parts])

    def used_by(self, known: _Class) -> set[_Class]:
        """Return the classes that the statement of a class refers to, its bases included."""
        file, name = known
        found = set()
        names = (_dotted(node) for node in ast.walk(self.read(file).classes[name]))
        for dotted in {each for each in names if each}:
            each = self._resolve(file, dotted)
            if isinstance(each, tuple) and each != known:
                found.add(each)
        return found

    def arguments(self, known: _Class) -> tuple[str, ...] | None:
        """Return the arguments of the constructor without a default; None if they are not known."""
        for _ in range(_MOST_STEPS):
            file, name = known
            node = self.read(file).classes[name]
            for each in node.body:
                if isinstance(each, ast.FunctionDef) and each.name == "__init__":
                    return _needed(each.args)
            bases = [each for each in map(_dotted, node.bases) if each not in (None, "object")]
            if len(bases) != 1 or node.decorator_list:
                return None
            dotted = bases[0]
            base = self._resolve(file, dotted) if dotted else ""
            if isinstance(base, str):
                return () if base in ("torch.nn.Module", "torch.nn.modules.Module") else None
            known = base
        return None


def _needed(arguments: ast.arguments) -> tuple[str, ...]:
    positional = [*arguments.posonlyargs, *arguments.args]
    needed = positional[: len(positional) - len(arguments.defaults)][1:]
    pairs = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    return tuple(each.arg for each in [*needed, *(each for each, default in pairs if default is None)])


def _collect(statements: list[ast.stmt], into: _File) -> None:
    """Collect the classes and imports of statements, also below `if`, `try` and `with`."""
    for node in statements:
        if isinstance(node, ast.ClassDef):
            into.classes[node.name] = node
        elif isinstance(node, ast.Import):
            for each in node.names:
                shown = each.name if each.asname else each.name.partition(".")[0]
                into.imports[each.asname or shown] = (0, shown, None)
        elif isinstance(node, ast.ImportFrom):
            for each in node.names:
                if each.name == "*":
                    into.stars.append((node.level, node.module or ""))
                else:
                    into.imports[each.asname or each.name] = (node.level, node.module or "", each.name)
        else:
            for part in ("body", "orelse", "finalbody"):
                if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                    _collect(getattr(node, part, []), into)
            for handler in getattr(node, "handlers", []):
                _collect(handler.body, into)


def _dotted(node: ast.AST) -> str | None:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else None


@cache
def _find_file(file: Path, level: int, module: str) -> Path | None:
    """Return the file of a module that a file imports, if it is in the same project."""
    folders = [*file.parents]
    # A relative import starts at one folder; an absolute one may start at any folder above.
    starts = folders[level - 1 : level] if level else folders[:6]
    parts = module.split(".") if module else []
    for start in starts:
        place = start.joinpath(*parts)
        for found in (place.with_name(f"{place.name}.py"), place / "__init__.py"):
            if (parts or found.name == "__init__.py") and found.is_file():
                return found
    return None
