"""Exceptions of code that was written for another version of a library, and the versions concerned.

Everything is read from the message and from text files of the project; nothing is imported.
"""

from __future__ import annotations

import ast
import platform
import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from importlib import metadata
from pathlib import Path

_SIGNATURE = re.compile(
    r"(?P<name>[\w.<>]+)\(\) (?:got an unexpected keyword argument|got multiple values for|"
    r"takes (?:no|\d+|from \d+ to \d+) (?:positional |keyword )?arguments?|"
    r"missing \d+ required (?:positional|keyword-only) argument)"
)
_NO_ATTRIBUTE = re.compile(r"(?:partially initialized )?module '(?P<module>[\w.]+)' has no attribute")
_NO_NAME = re.compile(r"cannot import name '[\w.]+' from '(?P<module>[\w.]+)'")
_NO_MODULE = re.compile(r"No module named '(?P<module>\w+)\.[\w.]+'")

_LARGEST_FILE = 1 << 18
_LARGEST_SOURCE = 1 << 21
_FOLDERS_ABOVE = 5
_REQUIREMENTS = (
    "requirements*.txt", "requirements/*.txt", "pyproject.toml", "setup.cfg", "setup.py",
    "environment*.y*ml", "README*",
)  # fmt: skip
"""Files of a project that may state versions, in order of precedence."""

_MOST_FILES = 10
_PYTHON = "Python"


def version_note(kind: str, message: str, file: str | None, line: int) -> str | None:
    """Return a sentence on the installed and the wanted version of the library of an exception.

    Args:
        kind: Class name of the exception.
        message: Its message.
        file: File of the innermost line of the user; None without one.
        line: The line.

    Returns:
        The sentence; None if the exception is not about names or signatures of an installed library.
    """
    library = _library_at_fault(kind, message, file, line)
    installed = None if library is None else _installed(library)
    if library is None or installed is None:
        return None
    name, version = installed
    if file is not None:
        for place, wanted in _wanted(file, {library, name}):
            return f"{name} {version} is installed, and {place} asks for {wanted}"
    return f"written for another version of {name}? {version} is installed"


def _library_at_fault(kind: str, message: str, file: str | None, line: int) -> str | None:
    pattern = {
        "AttributeError": _NO_ATTRIBUTE, "ImportError": _NO_NAME, "ModuleNotFoundError": _NO_MODULE
    }.get(kind)  # fmt: skip
    if pattern is not None:
        found = pattern.match(message)
        return None if found is None else found["module"].partition(".")[0]
    signature = _SIGNATURE.match(message) if kind == "TypeError" else None
    if signature is None or file is None:
        return None
    parts = [each for each in signature["name"].split(".") if each not in ("__init__", "<locals>")]
    return _origin_of(file, line, parts)


def _origin_of(file: str, line: int, names: list[str]) -> str | None:
    """Return the top package from which a file imports what a call at a line names."""
    called = [dotted for call in _calls_at(file, line) if (dotted := _dotted(call.func))]
    wanted = [each for each in called if names and each.rpartition(".")[2] == names[-1]] or names[:1]
    imports = _imports(file)
    # A class that inherits from one of a library passes arguments on to it.
    for each in (*wanted, *names[:1]):
        if (origin := imports.get(each.partition(".")[0])) is not None:
            return origin
    return None


@cache
def _tree(file: str) -> ast.Module:
    with suppress(OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        if Path(file).stat().st_size <= _LARGEST_SOURCE:
            return ast.parse(Path(file).read_bytes())
    return ast.Module(body=[], type_ignores=[])


def _calls_at(file: str, line: int) -> Iterator[ast.Call]:
    """Yield the calls that include a line."""
    for node in ast.walk(_tree(file)):
        if isinstance(node, ast.Call) and node.lineno <= line <= (node.end_lineno or node.lineno):
            yield node


def _imports(file: str) -> dict[str, str]:
    """Return the top package of each name that a file imports absolutely."""
    found: dict[str, str] = {}
    for node in ast.walk(_tree(file)):
        if isinstance(node, ast.Import):
            found.update(
                {(each.asname or each.name.partition(".")[0]): each.name for each in node.names}
            )
        elif isinstance(node, ast.ImportFrom) and not node.level:
            for each in node.names:  # messages have the name of the library, not that of the file
                found[each.asname or each.name] = node.module or ""
                found.setdefault(each.name, node.module or "")
    return {name: module.partition(".")[0] for name, module in found.items()}


def _dotted(node: ast.expr) -> str | None:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else None


def _installed(library: str) -> tuple[str, str] | None:
    """Return the distribution of a top package and its version; None if it is not installed."""
    if library in sys.stdlib_module_names:
        return _PYTHON, platform.python_version()
    with suppress(Exception):  # a broken distribution of another package
        for name in [library, *metadata.packages_distributions().get(library, ())]:
            with suppress(metadata.PackageNotFoundError):
                return name, metadata.version(name)
    return None


def _wanted(file: str, names: set[str]) -> Iterator[tuple[str, str]]:
    """Yield files of the project that state a version of a library, and the requirement."""
    patterns = [re.escape(each).replace("_", "[-_]") for each in sorted(names)]
    if _PYTHON in names:
        patterns += ["python_requires", "requires-python"]
    requirement = re.compile(
        rf"(?<![\w./-])(?P<name>{'|'.join(patterns)})(?:\[[^\]\n]*\])?[\"']?(?:\s*[=:]\s*[\"'])?\s*"
        r"(?P<version>(?:[<>=!~]=?=?|\^)\s*\d[\w.*]*(?:\s*,\s*[<>=!~]=?\s*\d[\w.*]*)*)",
        re.IGNORECASE,
    )
    for folder in list(Path(file).parents)[: _FOLDERS_ABOVE + 1]:
        for pattern in _REQUIREMENTS:
            for path in sorted(folder.glob(pattern))[:_MOST_FILES]:
                with suppress(OSError):
                    if path.is_file() and path.stat().st_size <= _LARGEST_FILE:
                        found = requirement.search(path.read_text(encoding="utf-8", errors="replace"))
                        if found is not None:
                            version = re.sub(r"[\s\"']", "", found["version"])
                            yield path.name, f"{found['name']}{version}"
        if (folder / ".git").exists():
            return
