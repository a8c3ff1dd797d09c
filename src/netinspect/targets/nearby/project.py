"""Files of the project of a model: scripts that may build it, and configuration files."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from netinspect._utils.code_owners import is_installed
from netinspect._utils.evaluation.config_files import SUFFIXES

_ROOT_MARKS = (".git", "setup.py", "pyproject.toml", "setup.cfg", "requirements.txt", "environment.yml")
_FOLDERS_ABOVE = 4
_DEEPEST = 4
_MOST_ENTRIES = 4_000
"""Most entries of folders that are listed."""

_MOST_SCRIPTS = 300
"""Most Python files that are searched for the name of the model."""

_MOST_FOLDER_ENTRIES = 1_000
"""A folder with more entries contains data, and is not searched."""

_SKIPPED = frozenset(
    [
        "__pycache__",
        "node_modules",
        "site-packages",
        "venv",
        "env",
        "build",
        "dist",
        "data",
        "dataset",
        "datasets",
        "checkpoints",
        "ckpt",
        "logs",
        "log",
        "runs",
        "wandb",
        "outputs",
        "output",
        "results",
        "images",
        "figures",
        "docs",
    ]
)
_TRAINS = re.compile(r"(^|_)(pre|fine_?)?(train|main|run|fit|learn)")
_TESTS = re.compile(r"(^|[/_])(tests?|bench\w*|demos?|debug|conftest|old|profile|flops|speed)([/_.]|$)")
_CONFIGS = re.compile(r"conf|param|option|setting|model|arch", re.IGNORECASE)
_NOT_CONFIGS = re.compile(r"(^|/)(package(-lock)?|tsconfig|mkdocs|environment\w*|\.|pyproject)[^/]*$")


@dataclass(frozen=True, slots=True)
class ProjectFiles:
    """Files of one project."""

    root: str
    scripts: tuple[str, ...]
    """Python files, the nearest to the model's file first, and of these those that train models."""

    configs: tuple[str, ...]
    """Configuration files, the likeliest first."""

    package: str | None
    """Name of the package if it is an installed one, whose own modules alone are read."""


def tier(path: str, own: str, root: str) -> int:
    """Return the rank of a file as evidence: the model's own file, training, others, tests."""
    if path == own:
        return 0
    relative = os.path.relpath(path, root)
    if _TESTS.search(relative):
        return 3
    return 1 if _TRAINS.search(os.path.basename(path)) else 2


def find_project(own: str) -> ProjectFiles:
    """Return the files of the project of a Python file, found by listing folders within bounds.

    Args:
        own: Absolute path of the file that defines the model.
    """
    root, package = _root(Path(own))
    scripts, configs = [], []
    for path in _files(root):
        if path.endswith(".py"):
            scripts.append(path)
        elif path.lower().endswith(SUFFIXES) and not _NOT_CONFIGS.search(path):
            configs.append(path)
    scripts.sort(key=lambda path: (_distance(path, own), tier(path, own, str(root)), path))
    del scripts[_MOST_SCRIPTS:]
    configs.sort(key=lambda path: (not _CONFIGS.search(os.path.relpath(path, root)), path))
    return ProjectFiles(str(root), tuple(scripts), tuple(configs), package)


def _distance(path: str, own: str) -> int:
    """Return the number of steps from the folder of one file to that of another."""
    relative = os.path.relpath(os.path.dirname(path), os.path.dirname(own))
    return 0 if relative == os.curdir else relative.count(os.sep) + 1


def _root(own: Path) -> tuple[Path, str | None]:
    """Return the top folder of a project, and the name of an installed package."""
    if is_installed(str(own)):
        folder = own.parent
        while (folder.parent / "__init__.py").is_file():
            folder = folder.parent
        return folder, folder.name
    above = list(own.parents)[: _FOLDERS_ABOVE + 1]
    for marks in (_ROOT_MARKS[:1], _ROOT_MARKS):
        for folder in above:
            if any((folder / mark).exists() for mark in marks) and folder != Path.home():
                return folder, None
    here = Path(os.path.realpath(os.getcwd()))
    return (here if here in above and here != Path.home() else own.parent), None


def _files(root: Path) -> list[str]:
    """List the files of a folder, nearest first."""
    found: list[str] = []
    waiting = [(root, 0)]
    entries = 0
    while waiting and entries < _MOST_ENTRIES:
        folder, depth = waiting.pop(0)
        try:
            # Listed by pathlib, so that the trace cache records the folder: a new file may matter.
            inside = sorted(folder.iterdir())
        except OSError:
            continue
        if len(inside) > _MOST_FOLDER_ENTRIES:
            continue
        entries += len(inside)
        for each in inside:
            name = each.name
            if name.startswith("."):
                continue
            if name.endswith((".py", *SUFFIXES)):
                if each.is_file():
                    found.append(os.path.realpath(each))
            elif depth < _DEEPEST and "." not in name and _is_searched(each):
                waiting.append((each, depth + 1))
    return found


def _is_searched(folder: Path) -> bool:
    return (
        folder.name.lower() not in _SKIPPED
        and folder.is_dir()
        and not folder.is_symlink()
        and not (folder / "pyvenv.cfg").exists()
    )
