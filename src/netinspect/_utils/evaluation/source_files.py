"""Python files of a project: bounded parsing, and the files that imports refer to."""

from __future__ import annotations

import ast
import os
import sys
import warnings
from pathlib import Path

from netinspect._utils.opened_files import only_read

LARGEST_FILE = 512 << 10
"""Largest file in bytes."""

_MOST_FILES = 150
"""Most files that are parsed for one question."""


class SourceFiles:
    """Parsed files, each read once.

    Args:
        roots: Folders in which absolute imports are searched for, next to the folder of the file.
        only: The only package of which modules are read, such as an installed one; None for all.
    """

    def __init__(self, roots: tuple[str, ...] = (), only: str | None = None) -> None:
        self._roots = roots
        self._only = only
        self._trees: dict[str, ast.Module | None] = {}

    def parse(self, path: str) -> ast.Module | None:
        """Return the syntax tree of a file; None if it cannot be read or parsed."""
        path = os.path.realpath(path)
        if path not in self._trees:
            self._trees[path] = None
            if len(self._trees) <= _MOST_FILES:
                self._trees[path] = _parse(path)
        return self._trees[path]

    def find_module(self, file: str, level: int, module: str) -> str | None:
        """Return the file of a module that a file imports; None if it is not in the project.

        Args:
            file: The importing file.
            level: Number of dots of a relative import.
            module: Dotted name; empty for the package itself.
        """
        parts = module.split(".") if module else []
        folder = Path(file).parent
        if level:
            starts = [folder.parents[level - 2] if level > 1 else folder] if level < 10 else []
        else:
            starts = [folder, *map(Path, self._roots)]
            if self._only is not None:
                starts = starts[1:] if parts[:1] == [self._only] else []
        for start in starts:
            base = start.joinpath(*parts)
            for found in (base.with_suffix(".py") if parts else base, base / "__init__.py"):
                if found.suffix == ".py" and found.is_file():
                    return str(found)
        return None


def _parse(path: str) -> ast.Module | None:
    try:
        with open(path, "rb") as file:
            data = file.read(LARGEST_FILE + 1)
        if not any(
            getattr(each, "__dict__", {}).get("__file__") == path for each in list(sys.modules.values())
        ):
            only_read.add(path)
        return parse_source(data) if len(data) <= LARGEST_FILE else None
    except OSError:
        return None


def parse_source(source: str | bytes) -> ast.Module | None:
    """Return the syntax tree of source code; None if it cannot be parsed."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escapes in strings
            return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
