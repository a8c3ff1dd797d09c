"""What the shell completes a target to; from file names and source text, nothing is imported."""

from __future__ import annotations

import ast
from pathlib import Path


def complete_target(incomplete: str) -> list[str]:
    """Complete samples, Python files, saved traces, and class names after `file.py:`."""
    from netinspect.sources.samples import sample_names

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
