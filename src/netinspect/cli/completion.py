"""What the shell completes a target to; from file names and source text, nothing is imported."""

from __future__ import annotations

import ast
import os
import shlex
from contextvars import ContextVar
from pathlib import Path

_FILE: ContextVar[str] = ContextVar("file", default="")
"""What stands before the colon of `file.py:Class`, where the shell asks only for what is behind it."""


def complete_target(incomplete: str) -> list[str]:
    """Complete samples, Python files, saved traces, and class names after `file.py:`."""
    from netinspect.sources.samples import sample_names

    if file := _FILE.get():
        return [each for each in _class_names(Path(file)) if each.startswith(incomplete)]
    file, colon, name = incomplete.rpartition(":")
    if colon and file.endswith(".py"):
        return [f"{file}:{each}" for each in _class_names(Path(file)) if each.startswith(name)]
    folder, _, start = incomplete.rpartition("/")
    found = [] if folder else [each for each in sample_names() if each.startswith(start)]
    try:
        entries = sorted(Path(folder or ("/" if incomplete.startswith("/") else ".")).iterdir())
    except OSError:
        return found
    prefix = incomplete[: len(incomplete) - len(start)]
    for entry in entries:
        if entry.name.startswith(start) and not entry.name.startswith("."):
            if entry.is_dir():
                found.append(f"{prefix}{entry.name}/")
            elif entry.suffix in (".py", ".json"):
                found.append(f"{prefix}{entry.name}")
    return found


def _class_names(file: Path) -> list[str]:
    try:
        tree = ast.parse(file.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError):
        return []
    return [node.name for node in tree.body if isinstance(node, ast.ClassDef)]


def join_words_of_bash() -> None:
    """Put together what Bash takes apart: to it, `net.py:Ne` is three words, of which it replaces one.

    The words are in the environment, where Typer reads them; the file before a name that is being
    typed is kept aside.
    """
    try:
        parts = shlex.split(os.environ["COMP_WORDS"])
        current = int(os.environ["COMP_CWORD"])
    except (KeyError, ValueError):
        return
    words: list[str] = []
    # An empty word at the end, where the cursor stands after a blank or a colon, may be left out.
    for position, part in enumerate([*parts, ""] if current == len(parts) else parts):
        before = words[-1] if words else ""
        if before.endswith(".py:") or (part == ":" and before.endswith(".py")):
            words[-1] += part
            current -= position <= int(os.environ["COMP_CWORD"])
        else:
            words.append(part)
    if 0 <= current < len(words) and ".py:" in words[current]:
        file, _, words[current] = words[current].rpartition(":")
        _FILE.set(file)
    os.environ["COMP_WORDS"] = shlex.join(words)
    os.environ["COMP_CWORD"] = str(current)
