"""Code of a TorchScript archive: classes, methods and functions, parsed one by one and never run.

TorchScript is printed as a subset of Python, with two spaces for each level. So a file is cut at the
lines that begin a class, method or function, and only the parts that a model uses are parsed.
"""

from __future__ import annotations

import ast
import re
import warnings
from dataclasses import dataclass, field

from netinspect.checkpoints.formats.torch_zip import prefix_of
from netinspect.checkpoints.graphs.collector import GraphTooLarge
from netinspect.checkpoints.io.zip_archive import Archive
from netinspect.errors import CheckpointError

ROOT = "__torch__"
"""First part of the names of everything that the code defines."""

_LARGEST_FILE = 4 << 20
_MOST_CODE = 16 << 20
_LARGEST_PART = 300 << 10
"""Largest size of one method: the tree of its syntax takes 150 to 500 times as much memory."""

_MOST_PARSED = 300 << 10
_STARTS = re.compile(r"^(?P<inner>  )?(?P<kind>class|def) (?P<name>\w+)", re.MULTILINE)
_MANGLED = re.compile(r"\.___torch_mangle_\d+")


@dataclass
class ScriptClass:
    """One class: types of its attributes, constants and methods."""

    name: str
    """Name as in the code, `__torch__.lenet.LeNet`."""

    is_module: bool = False
    types: dict[str, str] = field(default_factory=dict)
    """Text of the type of each attribute."""

    constants: dict[str, str] = field(default_factory=dict)
    """Text of the value of each attribute that is a constant."""

    tensors: set[str] = field(default_factory=set)
    """Names of parameters and buffers."""


class ScriptCode:
    """Lazily parsed code of an archive."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._folder = f"{prefix_of(archive)}code/"
        self._files: dict[str, dict[str, str]] = {}
        self._classes: dict[str, ScriptClass | None] = {}
        self._functions: dict[str, tuple[ast.FunctionDef, int]] = {}
        self._parsed = 0
        self._left = _MOST_CODE
        self.unread: dict[str, None] = {}
        """Names that are not in the archive or cannot be parsed."""

    def find_class(self, name: str) -> ScriptClass | None:
        """Return a class by its full name; None if the code does not define it.

        Raises:
            GraphTooLarge: There is too much code.
        """
        if name not in self._classes:
            self._classes[name] = self._read_class(name)
        return self._classes[name]

    def find_function(self, name: str) -> ast.FunctionDef | None:
        """Return the syntax tree of a function, or of the method `class.method`; None without one.

        Raises:
            GraphTooLarge: There is too much code.
        """
        known = self._functions.get(name)
        if known is not None:
            return known[0]
        text = self._part(name)
        if text is None:
            return None
        while self._functions and self._parsed + len(text) > _MOST_PARSED:
            oldest = next(iter(self._functions))
            self._parsed -= self._functions.pop(oldest)[1]
        tree = self._parse(name, text)
        found = tree.body[0] if tree is not None and tree.body else None
        if not isinstance(found, ast.FunctionDef):
            self.unread.setdefault(name)
            return None
        self._functions[name] = (found, len(text))
        self._parsed += len(text)
        return found

    def _read_class(self, name: str) -> ScriptClass | None:
        text = self._part(name)
        tree = None if text is None else self._parse(name, text + "\n  pass")
        found = tree.body[0] if tree is not None and tree.body else None
        if not isinstance(found, ast.ClassDef):
            return None
        made = ScriptClass(name)
        made.is_module = any(isinstance(base, ast.Name) and base.id == "Module" for base in found.bases)
        for each in found.body:
            if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name):
                made.types[each.target.id] = dotted(each.annotation)
                if each.value is not None:
                    made.constants[each.target.id] = short_text(each.value)
            elif isinstance(each, ast.Assign) and len(each.targets) == 1:
                target = each.targets[0]
                if isinstance(target, ast.Name) and target.id in ("__parameters__", "__buffers__"):
                    made.tensors.update(_strings(each.value))
                elif isinstance(target, ast.Subscript):  # __annotations__["0"] = ...
                    made.types.update((key, dotted(each.value)) for key in _strings(target.slice))
        return made

    def _parse(self, name: str, text: str) -> ast.Module | None:
        if len(text) > _LARGEST_PART:
            raise GraphTooLarge(f"{plain_name(name)} has more than {_LARGEST_PART:,} letters of code")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # about odd escapes and comparisons in the text
                return ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            self.unread.setdefault(name)
            return None

    def _part(self, name: str) -> str | None:
        """Return the text of a function, of a method, or of a class without its methods."""
        module, _, own = name.rpartition(".")
        for place, within in ((module, own), (module.rpartition(".")[0], f"{_last(module)}.{own}")):
            if place and (text := self._file(place).get(within)) is not None:
                return text
        return None

    def _file(self, module: str) -> dict[str, str]:
        known = self._files.get(module)
        if known is None:
            known = self._files[module] = self._read_file(f"{self._folder}{module.replace('.', '/')}.py")
        return known

    def _read_file(self, member: str) -> dict[str, str]:
        found = self._archive.members.get(member)
        if found is None:
            return {}
        self._left -= found.size
        if found.size > _LARGEST_FILE or self._left < 0:
            raise GraphTooLarge("its code is too long")
        try:
            code = self._archive.read(member, _LARGEST_FILE).decode("utf-8", "replace")
        except CheckpointError:
            self.unread.setdefault(member)
            return {}
        return _parts(code)


def _parts(code: str) -> dict[str, str]:
    """Cut a file at the lines that begin a class, method or function."""
    parts: dict[str, str] = {}
    owner = ""
    marks = list(_STARTS.finditer(code))
    ends = [*(mark.start() for mark in marks[1:]), len(code)]
    for mark, end in zip(marks, ends, strict=False):
        text = code[mark.start() : end]
        if not mark["inner"]:
            owner = mark["name"] if mark["kind"] == "class" else ""
            parts.setdefault(mark["name"], text)
        elif owner:
            text = "\n".join(line[2:] for line in text.split("\n"))
            parts.setdefault(f"{owner}.{mark['name']}", text)
    return parts


def plain_name(name: str) -> str:
    """Return the name of a class or function without what TorchScript adds: `lenet.LeNet`."""
    return _MANGLED.sub("", name).removeprefix(f"{ROOT}.")


def dotted(node: ast.expr) -> str:
    """Return a dotted name, or the name in `Optional[...]` and the like; empty for anything else."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if isinstance(node, ast.Subscript):
        return dotted(node.value)
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""


def short_text(node: ast.expr, longest: int = 200) -> str:
    """Return the source text of a small constant expression; `...` for others."""
    if isinstance(node, ast.Constant):
        if isinstance(node.value, int) and not isinstance(node.value, bool):
            return str(node.value) if node.value.bit_length() < 64 else "..."
        return repr(node.value)[:longest]
    if isinstance(node, (ast.List, ast.Tuple)) and len(node.elts) <= 16:
        inner = ", ".join(short_text(each, longest) for each in node.elts)
        text = f"[{inner}]" if isinstance(node, ast.List) else f"({inner})"
        return text if len(text) <= longest else "..."
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return f"-{short_text(node.operand, longest)}"
    return dotted(node) or "..."


def _strings(node: ast.expr) -> list[str]:
    """Return the texts in a list, or one text."""
    items = node.elts if isinstance(node, (ast.List, ast.Tuple)) else [node]
    return [
        each.value for each in items if isinstance(each, ast.Constant) and isinstance(each.value, str)
    ]


def _last(name: str) -> str:
    return name.rpartition(".")[2]
