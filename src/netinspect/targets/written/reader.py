"""Reader of Python files, which resolves names across the files of a project.

Names are followed through imports to other files of the project. Names in installed libraries are
known by their text only.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from netinspect.targets.definitions.side_effects import is_main_guard

_LARGEST_FILE = 2 << 20
_MOST_STEPS = 20
"""Imports, or bases, from one file to the next."""

_NOT_MODULES = frozenset({"Parameter", "UninitializedParameter", "Buffer", "UninitializedBuffer"})
"""Classes of torch.nn that are not modules."""

_MODULES = frozenset({"LightningModule", "PreTrainedModel", "ModelMixin", "PyTorchModelHubMixin"})
"""Module classes of other libraries; of torchvision and timm, all classes count."""

_NO_MODULES = ("datasets.", "data.", "optim.", "scheduler.", "utils.")
"""Parts of torchvision and timm without module classes."""

Known = tuple[Path, str]
"""File and name of a class, a function or a constant of the project."""


@dataclass(slots=True)
class WrittenFile:
    """Definitions and imports in the text of one file."""

    classes: dict[str, ast.ClassDef] = field(default_factory=dict)
    functions: dict[str, ast.FunctionDef] = field(default_factory=dict)
    values: dict[str, ast.expr] = field(default_factory=dict)
    """Values of constants, such as a table of classes."""

    imports: dict[str, tuple[int, str, str | None]] = field(default_factory=dict)
    """Level, module and name of each imported name; no name for a module."""

    stars: list[tuple[int, str]] = field(default_factory=list)
    tree: ast.Module = field(default_factory=lambda: ast.Module(body=[], type_ignores=[]))


class Reader:
    """Reads files once, and resolves names across them."""

    def __init__(self) -> None:
        self.errors: dict[Path, str] = {}
        """Why files cannot be read."""

        self._files: dict[Path, WrittenFile] = {}
        self._kinds: dict[Known, bool] = {}
        self._resolved: dict[tuple[Path, str], Known | str] = {}
        self._mentions: dict[Known, frozenset[Known]] = {}

    def read(self, file: Path) -> WrittenFile:
        """Return what a file defines; nothing if it cannot be read."""
        if file not in self._files:
            self._files[file] = WrittenFile()  # for imports in a circle
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
                self._files[file].tree = tree
                _collect(tree.body, self._files[file])
        return self._files[file]

    def class_of(self, known: Known | str | None) -> ast.ClassDef | None:
        """Return the statement of a class; None for anything else."""
        return self.read(known[0]).classes.get(known[1]) if isinstance(known, tuple) else None

    def function_of(self, known: Known | str | None) -> ast.FunctionDef | None:
        """Return the statement of a function; None for anything else."""
        if not isinstance(known, tuple) or self.class_of(known) is not None:
            return None
        return self.read(known[0]).functions.get(known[1])

    def is_module(self, known: Known) -> bool:
        """Return whether a name is an nn.Module class, as far as the text of the project shows."""
        if known not in self._kinds:
            self._kinds[known] = False  # for bases in a circle
            node = self.class_of(known)
            bases = [] if node is None else node.bases
            self._kinds[known] = any(self._is_module_base(known[0], base) for base in bases)
        return self._kinds[known]

    def _is_module_base(self, file: Path, base: ast.expr) -> bool:
        dotted = base_name(base)
        if dotted is None:
            return False
        found = self.resolve(file, dotted)
        return self.is_module(found) if isinstance(found, tuple) else is_library_module(found)

    def resolve(self, file: Path, dotted: str, depth: int = _MOST_STEPS) -> Known | str:
        """Return what a dotted name in a file refers to: a definition, or its full name in a library."""
        key = (file, dotted)
        if key not in self._resolved:
            self._resolved[key] = dotted  # for imports in a circle
            self._resolved[key] = self._search(file, dotted, depth)
        return self._resolved[key]

    def _search(self, file: Path, dotted: str, depth: int) -> Known | str:
        first, _, rest = dotted.partition(".")
        content = self.read(file)
        if not rest and (first in content.classes or first in content.functions):
            return file, first
        if depth == 0:
            return dotted
        if first in content.imports:
            level, module, name = content.imports[first]
            parts = [each for each in (name, rest) if each]
            return self._resolve_in(file, level, module, ".".join(parts), depth)
        if first in content.values:
            value = dotted_name(content.values[first])  # another name of a class, as in Net = Small
            if value is not None and value != first:
                return self.resolve(file, f"{value}.{rest}" if rest else value, depth - 1)
            return dotted if rest else (file, first)
        for level, module in content.stars:
            found = self._resolve_in(file, level, module, dotted, depth)
            if isinstance(found, tuple) or found != ".".join([*filter(None, [module]), dotted]):
                return found
            if found.startswith("torch.nn.") and first[:1].isupper():
                return found  # a star import of a library may bind any name
        return dotted

    def _resolve_in(self, file: Path, level: int, module: str, dotted: str, depth: int) -> Known | str:
        """Resolve a name in a module that a file imports; `a.b` may be a submodule and a class in it."""
        parts = dotted.split(".") if dotted else []
        is_torch = not level and module.partition(".")[0] == "torch"
        for count in range(0 if is_torch else len(parts)):
            place = ".".join([*filter(None, [module]), *parts[:count]])
            found = _find_file(file, level, place)
            if found is None:
                continue
            resolved = self.resolve(found, ".".join(parts[count:]), depth - 1)
            if isinstance(resolved, tuple) or resolved != ".".join(parts[count:]):
                return resolved
        return ".".join([*filter(None, [module]), *parts])

    def mentioned_in(self, file: Path, *nodes: ast.AST) -> set[Known]:
        """Return the definitions of the project that nodes of a file refer to."""
        names = {name for node in nodes for name in _names(node, frozenset())}
        resolved = (self.resolve(file, dotted) for dotted in names)
        return {each for each in resolved if isinstance(each, tuple)}

    def mentions(self, known: Known) -> frozenset[Known]:
        """Return the definitions that a definition refers to, bases and defaults included."""
        if known not in self._mentions:
            file, name = known
            content = self.read(file)
            node = content.classes.get(name) or content.functions.get(name) or content.values.get(name)
            found = set() if node is None else self.mentioned_in(file, node)
            self._mentions[known] = frozenset(found - {known})
        return self._mentions[known]

    def bases(self, known: Known) -> Iterator[Known]:
        """Yield a class and the classes of the project that it inherits from, the nearest first."""
        waiting, seen = [known], {known}
        while waiting:
            current = waiting.pop(0)
            node = self.class_of(current)
            if node is None:
                continue
            yield current
            for base in node.bases:
                dotted = base_name(base)
                found = None if dotted is None else self.resolve(current[0], dotted)
                if isinstance(found, tuple) and found not in seen:
                    seen.add(found)
                    waiting.append(found)

    def needed_arguments(self, known: Known) -> tuple[str, ...] | None:
        """Return the arguments of a constructor or function without a default; None if not known."""
        if (function := self.function_of(known)) is not None:
            return needed(function.args)
        for _ in range(_MOST_STEPS):
            file = known[0]
            node = self.class_of(known)
            if node is None:
                return None
            for each in node.body:
                if isinstance(each, ast.FunctionDef) and each.name == "__init__":
                    return needed(each.args, skipped=1)
            bases = [each for each in map(base_name, node.bases) if each not in (None, "object")]
            if len(bases) != 1 or node.decorator_list:
                return None
            dotted = bases[0]
            base = self.resolve(file, dotted) if dotted else ""
            if isinstance(base, str):
                return () if base in ("torch.nn.Module", "torch.nn.modules.Module") else None
            known = base
        return None


def is_library_module(full_name: str) -> bool:
    """Return whether the full name of something in a library is that of an nn.Module class."""
    top, _, rest = full_name.partition(".")
    name = rest.rpartition(".")[2]
    if top == "torch":
        return rest.startswith(("nn.", "jit.")) and name[:1].isupper() and name not in _NOT_MODULES
    is_class = top in ("torchvision", "timm") and name[:1].isupper()
    return name in _MODULES or (is_class and not rest.startswith(_NO_MODULES))


def needed(arguments: ast.arguments, *, skipped: int = 0) -> tuple[str, ...]:
    """Return the names of the arguments without a default.

    Args:
        arguments: The arguments.
        skipped: Number of first arguments to leave out, such as `self`.
    """
    positional = [*arguments.posonlyargs, *arguments.args]
    without = positional[: len(positional) - len(arguments.defaults)][skipped:]
    pairs = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    return tuple(each.arg for each in [*without, *(each for each, default in pairs if default is None)])


_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


def _names(node: ast.AST, local: frozenset[str]) -> Iterator[str]:
    """Yield the dotted names in a node, without local variables of the functions in it."""
    dotted = dotted_name(node)
    if dotted is not None and dotted.partition(".")[0] not in local:
        yield dotted
    if isinstance(node, _FUNCTIONS):
        every = (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
        stored = {
            each.id
            for each in ast.walk(node)
            if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)
        }
        for child in ast.iter_child_nodes(node.args):  # defaults and annotations
            yield from _names(child, local)
        inner = local | {each.arg for each in every} | stored
        for child in ast.iter_child_nodes(node):
            if child is not node.args:
                yield from _names(child, inner)
    elif not isinstance(node, ast.Attribute) or dotted is None:
        for child in ast.iter_child_nodes(node):
            yield from _names(child, local)


def _collect(statements: list[ast.stmt], into: WrittenFile) -> None:
    """Collect the definitions and imports of statements, also below `if`, `try` and `with`.

    What runs only as a script, below the main guard, does not count.
    """
    for node in statements:
        if isinstance(node, ast.If) and is_main_guard(node.test):
            _collect(node.orelse, into)
            continue
        if isinstance(node, ast.ClassDef):
            into.classes[node.name] = node
        elif isinstance(node, ast.FunctionDef):
            into.functions[node.name] = node
        elif isinstance(node, ast.Assign):
            into.values.update(
                {each.id: node.value for each in node.targets if isinstance(each, ast.Name)}
            )
        elif isinstance(node, ast.AnnAssign):
            if isinstance(node.target, ast.Name) and node.value is not None:
                into.values[node.target.id] = node.value
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
        elif not isinstance(node, ast.AsyncFunctionDef):
            for part in ("body", "orelse", "finalbody"):
                _collect(getattr(node, part, []), into)
            for handler in getattr(node, "handlers", []):
                _collect(handler.body, into)


def base_name(base: ast.expr) -> str | None:
    """Return the dotted name of a base; of `Base[T]`, that of `Base`."""
    return dotted_name(base.value if isinstance(base, ast.Subscript) else base)


def dotted_name(node: ast.AST) -> str | None:
    """Return the dotted name that an expression consists of; None for any other."""
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
