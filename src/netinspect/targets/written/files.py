"""Python files of a folder, without environments and caches."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

_SKIPPED = frozenset({"__pycache__", "node_modules", "site-packages", "venv", "env", "build", "dist"})
MOST_FILES = 5_000
_MOST_ENTRIES = 100_000
"""Entries of folders that are listed."""

_EXAMPLE = re.compile(
    r"(?:tests?|testing|docs?|examples?|benchmarks?)|(?:setup|conftest|test_.*|.*_test)\.py"
)
"""Folders and files that show or test the models of a project."""


def python_files(root: Path, notes: list[str], most_files: int = MOST_FILES) -> Iterator[Path]:
    """Yield the Python files of a folder; links to folders are not followed.

    Args:
        root: The folder.
        notes: List to which limits that were reached are added.
        most_files: Maximum number of files.
    """
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
            if files >= most_files:
                notes.append(f"only the first {most_files:,} files were read")
                return
            files += 1
            yield Path(path)
        if entries > _MOST_ENTRIES:
            notes.append(f"only the first {files:,} files were read: the folder has too many entries")
            return


def is_example(file: Path, root: Path) -> bool:
    """Return whether a file below a folder belongs to its tests, its docs or its set-up."""
    inside = file.relative_to(root).parts if file.is_relative_to(root) else file.parts[-1:]
    return any(_EXAMPLE.fullmatch(part) for part in inside)
