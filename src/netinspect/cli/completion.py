"""Shell completion of targets, from file names and source text; no torch."""

from __future__ import annotations

import ast
import os
import shlex
from collections.abc import Iterable, Sequence
from contextvars import ContextVar
from pathlib import Path

_BEFORE: ContextVar[str] = ContextVar("before", default="")
"""Text before the colon of `file.py:Class` or `timm:name`, if the shell completes only the text after
it."""


def complete_target(incomplete: str) -> list[str]:
    """Complete samples and files; classes after `file.py:`, models after `timm:`."""
    from netinspect.targets.libraries.names import LIBRARIES
    from netinspect.targets.samples import sample_names

    if before := _BEFORE.get():
        names = _library_names(before) if before in LIBRARIES else _class_names(Path(before))
        return [each for each in names if each.startswith(incomplete)]
    library, colon, name = incomplete.partition(":")
    if colon and library in LIBRARIES:
        return [f"{library}:{each}" for each in _library_names(library) if each.startswith(name)]
    file, colon, name = incomplete.rpartition(":")
    if colon and file.endswith(".py"):
        return [f"{file}:{each}" for each in _class_names(Path(file)) if each.startswith(name)]
    folder, _, start = incomplete.rpartition("/")
    offered = [] if folder else [*sample_names(), *(f"{each}:" for each in LIBRARIES)]
    found = [each for each in offered if each.startswith(start)]
    try:
        entries = sorted(Path(folder or ("/" if incomplete.startswith("/") else ".")).iterdir())
    except OSError:
        return found
    prefix = incomplete[: len(incomplete) - len(start)]
    suffixes = _file_suffixes()
    for entry in entries:
        if entry.name.startswith(start) and not entry.name.startswith("."):
            if os.path.isdir(entry):
                found.append(f"{prefix}{entry.name}/")
            elif entry.suffix in suffixes:
                found.append(f"{prefix}{entry.name}")
    return found


def complete_first_word(incomplete: str, commands: Iterable[str]) -> list[str]:
    """Complete a command, or a target of `summary`."""
    found = [] if _BEFORE.get() else [each for each in commands if each.startswith(incomplete)]
    return found + [each for each in complete_target(incomplete) if each not in found]


def complete_pattern(incomplete: str) -> list[str]:
    """Complete what `models` lists: samples, libraries and their models, Python files and folders."""
    ignored = tuple(each for each in _file_suffixes() if each != ".py")
    found = complete_target(incomplete)
    return [each for each in found if not each.endswith(ignored) and ".py:" not in each]


def _file_suffixes() -> tuple[str, ...]:
    """Return the usual suffixes of files that can be targets; their content decides."""
    from netinspect.runner.stored_files import checkpoint_suffixes

    return (".py", ".json", *checkpoint_suffixes())


def _library_names(library: str) -> Sequence[str]:
    from netinspect.errors import LoadError
    from netinspect.targets.libraries.names import known_names

    try:
        return known_names(library)
    except LoadError:
        return ()


def _class_names(file: Path) -> list[str]:
    if not os.path.isfile(file):  # nothing may ever come out of a pipe
        return []
    try:
        tree = ast.parse(file.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    return [node.name for node in tree.body if isinstance(node, ast.ClassDef)]


def join_words_of_bash() -> None:
    """Join the three words into which Bash splits `net.py:Ne`, of which it replaces only the last.

    Typer reads the words from the environment. The file or library before the name that is being typed
    is stored in `_BEFORE`.
    """
    from netinspect.targets.libraries.names import LIBRARIES

    try:
        parts = shlex.split(os.environ["COMP_WORDS"])
        current = int(os.environ["COMP_CWORD"])
    except (KeyError, ValueError):
        return
    words: list[str] = []
    # If the cursor is after a blank or a colon, the empty word at the end may be missing.
    for position, part in enumerate([*parts, ""] if current == len(parts) else parts):
        before = words[-1] if words else ""
        splits = before.removesuffix(":").endswith(".py") or before.removesuffix(":") in LIBRARIES
        if splits and (before.endswith(":") or part == ":"):
            words[-1] += part
            current -= position <= int(os.environ["COMP_CWORD"])
        else:
            words.append(part)
    if 0 <= current < len(words):
        before, colon, name = words[current].partition(":")
        if not colon or before not in LIBRARIES:
            before, colon, name = words[current].rpartition(":")
        if colon and (before in LIBRARIES or before.endswith(".py")):
            _BEFORE.set(before)
            words[current] = name
    os.environ["COMP_WORDS"] = shlex.join(words)
    os.environ["COMP_CWORD"] = str(current)
