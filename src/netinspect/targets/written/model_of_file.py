"""Facts about the classes and functions of one file that decide which of them is its model."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path

from netinspect.targets.definitions.calls import walk_here, words
from netinspect.targets.definitions.side_effects import is_main_guard
from netinspect.targets.written.factories import FactoryReader, does_work
from netinspect.targets.written.parts import PartsReader
from netinspect.targets.written.reader import Reader, dotted_name
from netinspect.targets.written.roles import is_adversary, is_block, role_of

_TRYING = frozenset({"demo", "example", "main", "test", "tests", "try"})
"""Words in names of functions that try the model of their file."""

_MOST_SIBLINGS = 100
"""Files of the project that are read for calls of the classes of a file."""

_LARGEST_SIBLING = 1 << 18


class ModelOfFile:
    """Reads one file, and the files around it if it alone does not show which class contains the others.

    Args:
        file: The file.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._reader = Reader()
        self._factories = FactoryReader(self._reader)
        self._parts = PartsReader(self._reader, self._factories)
        self.left_out: list[str] = []
        """Building blocks that `tops` left out."""

    def models(self, names: Sequence[str]) -> list[str]:
        """Return the classes among names that are models: no losses, metrics and the like."""
        return [name for name in names if self.role(name) == "model"]

    def role(self, name: str) -> str:
        """Return the role of a class; `model` for one that is not in the text of the file."""
        known = (self.file, name)
        return "model" if self._reader.class_of(known) is None else role_of(self._reader, known)

    def tops(self, names: Sequence[str]) -> list[str]:
        """Return the classes among names that no other of them contains.

        Of several, building blocks that nothing builds are left out, and then those that only calls in
        other files of the project show as parts.
        """
        found = self._tops(names, [self.file])
        if len(found) > 1:
            plain = [name for name in found if not is_block(name) or name in self._built_names]
            self.left_out = [name for name in found if plain and name not in plain]
            found = plain or found
        if len(found) > 1:
            found = self._tops(found, self._siblings(found))
        return found

    def _tops(self, names: Sequence[str], files: Iterable[Path]) -> list[str]:
        for file in files:
            self._parts.read_calls(file)
        return [name for _, name in self._parts.tops((self.file, name) for name in names)]

    @cached_property
    def _built_names(self) -> set[str]:
        """Classes of the file that functions of the file return."""
        functions = self._reader.read(self.file).functions
        built = {each for name in functions for each in self._factories.built_by((self.file, name))}
        return {each[1] for each in built if isinstance(each, tuple) and each[0] == self.file}

    def main_class(self, models: Sequence[str], tops: Sequence[str]) -> str | None:
        """Return the class among several that is the model of the file; None if that is not clear.

        It is the only one that is named like the file, or the only top that functions of the file build.
        A generator and its discriminator are two models.

        Args:
            models: Classes that are models.
            tops: Those that no other of them contains.
        """
        if self.are_adversaries(tops):
            return None
        named = [each for each in models if self._is_named_like_file(each)]
        built = [each for each in tops if each in self._built_names]
        return next((found[0] for found in (named, built) if len(found) == 1), None)

    def are_adversaries(self, names: Iterable[str]) -> bool:
        """Return whether classes are the two models of a GAN."""
        return any(map(is_adversary, names))

    def factories(self) -> dict[str, tuple[str, ...]]:
        """Return the functions that only build a model, with the names of its classes."""
        content = self._reader.read(self.file)
        found = {}
        for name, node in content.functions.items():
            built = self._factories.built_by((self.file, name))
            if built and not does_work(content.tree, node):
                found[name] = tuple(each if isinstance(each, str) else each[1] for each in built)
        return found

    def preferred(self, factories: Sequence[str]) -> tuple[str, str]:
        """Return the factory among several of one class that is the main one, with the reason.

        It is the one that is named like the file; or else the only one that the file itself tries, below
        its main guard or in a test function; or else the first.

        Args:
            factories: The factories, in the order of the file.
        """
        named = [name for name in factories if self._is_named_like_file(name)]
        if len(named) == 1:
            return named[0], "named like the file"
        tried = self._tried(frozenset(factories))
        if len(tried) == 1:
            return next(iter(tried.items()))
        return factories[0], "the first in the file"

    def _tried(self, names: frozenset[str]) -> dict[str, str]:
        found: dict[str, str] = {}
        for node in self._reader.read(self.file).tree.body:
            if isinstance(node, ast.If) and is_main_guard(node.test):
                where = "built below the main guard"
            elif isinstance(node, ast.FunctionDef) and words(node.name) & _TRYING:
                where = f"built by {node.name}()"
            elif isinstance(node, (ast.Assign, ast.Expr, ast.For, ast.With)):
                where = "built when the file runs"
            else:
                continue
            for each in walk_here(node.body if isinstance(node, ast.FunctionDef) else [node]):
                called = dotted_name(each.func) if isinstance(each, ast.Call) else None
                if isinstance(each, ast.Call) and called is not None and called in names:
                    found.setdefault(called, f"{where}, line {each.lineno}")
        return found

    def _is_named_like_file(self, name: str) -> bool:
        return _plain(name) == _plain(self.file.stem)

    def _siblings(self, names: Sequence[str]) -> list[Path]:
        """Return the files of the folder, and of that above a package, that mention some names."""
        folders = [self.file.parent]
        if os.path.isfile(self.file.parent / "__init__.py"):
            folders.append(self.file.parent.parent)
        found = []
        for folder in folders:
            try:
                entries = sorted(each for each in os.listdir(folder) if each.endswith(".py"))
            except OSError:
                continue
            for entry in entries[:_MOST_SIBLINGS]:
                path = folder / entry
                if path != self.file and _mentions_all(path, names):
                    found.append(path)
        return found


def _mentions_all(path: Path, names: Sequence[str]) -> bool:
    try:
        if not path.is_file() or path.stat().st_size > _LARGEST_SIBLING:
            return False
        text = path.read_bytes()
    except OSError:
        return False
    return all(name.encode() in text for name in names[:2])


def _plain(name: str) -> str:
    plain = name.replace("_", "").lower()
    return plain.removesuffix("model") or plain
