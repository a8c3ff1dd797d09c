"""Hints for errors of user code during its import or the construction of a model."""

from __future__ import annotations

import argparse
import ast
import json
import os
import re
import socket
import sys
import types
import urllib.error
from collections.abc import Iterator, Mapping
from inspect import Parameter
from pathlib import Path
from typing import Any

from netinspect._utils.classes import ancestors, defining_module, is_a
from netinspect._utils.signatures import signature_of
from netinspect._utils.version_faults import version_note
from netinspect.errors import LACKS_GPU, class_name, message_of
from netinspect.targets.definitions.side_effects import is_main_guard
from netinspect.tracing.source_lines import lines_of, raising_line

_DEBUG = "--debug shows the full traceback"
_FOLDERS_ABOVE = 6
"""Folders above the failing file in which a missing one is searched for."""

_DISTRIBUTION = re.compile(
    r"(?P<name>[A-Za-z0-9](?:[\w.-]{0,99}[A-Za-z0-9])?)(?:\[[\w, -]*\])?(?:\s*[<>=!~;][^'\"`]*)?"
)
_QUOTED_DISTRIBUTION = re.compile(rf"(?P<quote>['\"`]){_DISTRIBUTION.pattern}(?P=quote)")
"""The name of a distribution with its extras and versions, in quotes."""

_WEIGHTS = re.compile(
    r"(?!init|tie|tied|share|class|loss|reset|freeze|norm)(\w+_)?(pretrained|weights)(_\w+)?|"
    r"(load_|use_)?checkpoint(_path|_url)?"
)
"""Names of arguments that select pretrained weights."""

_NETWORK_ERRORS = (
    *("ConnectError", "ConnectTimeout", "LocalEntryNotFoundError", "MaxRetryError"),
    *("NameResolutionError", "NewConnectionError", "OfflineModeIsEnabled", "ProxyError"),
)
"""Names of exceptions of common clients."""

_NO_NETWORK = re.compile("Name or service not known|[nN]ame resolution|Network is unreachable")

_MOST_CAUSES = 100
"""Longest chain of causes whose messages are read."""


def hint_for(error: BaseException) -> str:
    """Return a hint for an exception of user code."""
    if any("operator torchvision::" in message_of(each) for each in _with_causes(error)):
        return (
            "torchvision was built for another torch: install both again from the same index, as in "
            "pip install --force-reinstall torch torchvision"
        )
    if (note := _version_note(error)) is not None:
        return note
    if isinstance(error, ModuleNotFoundError) and isinstance(error.name, str):
        module = error.name.partition(".")[0]
        return _missing_module(error, module) if module.isidentifier() else _missing_package(error)
    if isinstance(error, FileNotFoundError) and _is_relative(error.filename):
        return _missing_file(error, str(error.filename))
    if isinstance(error, NameError) and isinstance(error.name, str):
        return _missing_name(error, error.name)
    if isinstance(error, (IndexError, ValueError)) and "sys.argv" in _source_line(error):
        return command_line_hint("")
    if class_name(type(error)) == "UnparsedFlagAccessError":
        return (
            "absl reads its flags in app.run, which an import does not call: name a file of two lines "
            "instead of this one:\nimport absl.flags; from THIS_FILE import THE_CLASS\n"
            "absl.flags.FLAGS(['netinspect'])"
        )
    if LACKS_GPU.search(message_of(error)):
        return (
            "torch finds no GPU here: choose the device in the code by torch.cuda.is_available(), or "
            "run netinspect on a machine with a GPU"
        )
    return _DEBUG


def _version_note(error: BaseException) -> str | None:
    line = raising_line(error)
    if line is None or not is_a(error, (TypeError, AttributeError, ImportError)):
        return None
    if isinstance(error, ModuleNotFoundError) and str(error.name).partition(".")[0] not in sys.modules:
        return None  # it is not installed
    return version_note(class_name(type(error)), message_of(error), line.file, line.line)


def parser_message(error: SystemExit) -> str | None:
    """Return the message of the command line parser that ended the program; None without one.

    argparse and optparse call their `error` method; click prints one of its own exceptions.
    """
    traceback = error.__traceback__
    message: object = _message_of_click(error.__context__)
    while traceback is not None:
        code, variables = traceback.tb_frame.f_code, traceback.tb_frame.f_locals
        if code.co_filename in _PARSERS and code.co_name == "error":
            message = variables.get("message", variables.get("msg"))
        elif code.co_name in ("main", "_main"):
            for each in [*variables.values()]:
                owner = each.__self__ if type(each) is types.MethodType else each
                message = message or _message_of_click(owner)
        traceback = traceback.tb_next
    return message if isinstance(message, str) else None


def _message_of_click(error: object) -> str | None:
    """Return the message of a click exception about the command line; None for other exceptions."""
    names = [defining_module(cls).partition(".")[0] for cls in ancestors(type(error))]
    if not {"click", "typer"}.intersection(names) or not is_a(error, Exception):
        return None
    return message_of(error) or class_name(type(error))


_PARSERS = (argparse.__file__, argparse.__file__.replace("argparse", "optparse"))


def command_line_hint(message: str) -> str:
    """Return a hint for a file that reads its command line when it is imported.

    Args:
        message: Message of argparse; the hint includes the options that it requires.
    """
    _, _, listed = message.partition("are required: ")
    words = []
    for option in filter(None, listed.split(", ")):
        words += [option, "VALUE"] if option.startswith("-") else ["VALUE"]
    given = json.dumps(words or ["VALUE"])
    return (
        "the file reads its command line when it is loaded: give defaults, or read it below "
        'if __name__ == "__main__"\nor name a file of two lines instead of this one:\n'
        f"import sys; sys.argv += {given}\nfrom THIS_FILE import THE_CLASS"
    )


def _source_line(error: BaseException) -> str:
    line = raising_line(error)
    lines = [] if line is None else lines_of(line.file)
    return lines[line.line - 1] if line is not None and 0 < line.line <= len(lines) else ""


def _missing_name(error: NameError, name: str) -> str:
    """Return a hint for a missing name that is assigned below the main guard."""
    line = raising_line(error)
    try:
        tree = ast.parse(Path(line.file).read_bytes() if line else b"")
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return _DEBUG
    for guard in tree.body:
        if isinstance(guard, ast.If) and is_main_guard(guard.test):
            for each in ast.walk(guard):
                if isinstance(each, ast.Name) and each.id == name and isinstance(each.ctx, ast.Store):
                    return (
                        f'{name} is assigned below if __name__ == "__main__" (line {each.lineno}), '
                        "which an import does not run: assign it above"
                    )
    return _DEBUG


def is_failed_download(error: BaseException) -> bool:
    """Return whether an exception reports that the network cannot be reached, or may not be."""
    return any(
        is_a(each, (ConnectionError, socket.gaierror, urllib.error.URLError))
        or any(class_name(cls) in _NETWORK_ERRORS for cls in ancestors(type(each)))
        or _NO_NETWORK.search(message_of(each))
        for each in _with_causes(error)
    )


def download_hint(function: Any, arguments: Mapping[str, Any]) -> str:
    """Return a hint for a constructor that failed to download a file: the argument to build without.

    Args:
        function: The class or function.
        arguments: Arguments that it was called with.
    """
    try:
        parameters: Mapping[str, Parameter] = signature_of(function).parameters
    except (TypeError, ValueError):
        parameters = {}
    values = {
        name: arguments.get(name, each.default)
        for name, each in parameters.items()
        if name in arguments or each.default is not each.empty
    }
    passed = " ".join(
        f"--arg {name}={False if value is True else None}"
        for name, value in values.items()
        if _WEIGHTS.fullmatch(name) and (value is True or not isinstance(value, int | float | None))
    )
    if passed:
        return f"it downloads pretrained weights: {passed} builds it without"
    return (
        "it downloads a file when it is built, and the network cannot be reached: pass an argument that "
        "builds it without pretrained weights, or run it once with a network"
    )


def _with_causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and its causes and contexts."""
    current: BaseException | None = error
    for _ in range(_MOST_CAUSES):  # the chain may be circular
        if current is None:
            return
        yield current
        current = current.__cause__ or current.__context__


def _missing_module(error: ModuleNotFoundError, name: str) -> str:
    folder = _folder_above(error, (name, f"{name}.py"))
    if folder is None:
        return f"is {name} installed in this Python environment?"
    return f"{name} is in {folder}, which is not on the import path: set PYTHONPATH={folder}"


def _missing_package(error: ModuleNotFoundError) -> str:
    """Return a hint for a missing distribution; the error has its name or a text that quotes it."""
    name = error.name or ""
    found = _DISTRIBUTION.fullmatch(name) or _QUOTED_DISTRIBUTION.search(name)
    return f"is {found['name']} installed in this Python environment?" if found else _DEBUG


def _is_relative(file: object) -> bool:
    return isinstance(file, str) and bool(file) and not os.path.isabs(file)


def _missing_file(error: FileNotFoundError, file: str) -> str:
    folder = _folder_above(error, (file,))
    if folder is None:
        try:
            return f"relative paths start at the current folder, {Path.cwd()}"
        except OSError:
            return "relative paths start at the current folder, which no longer exists"
    return (
        f"relative paths start at the current folder, but {file} is below {folder}: run netinspect there"
    )


def _folder_above(error: BaseException, names: tuple[str, ...]) -> Path | None:
    """Return the first folder with one of some names, from the folder of the failing line upwards."""
    line = raising_line(error)
    if line is None or not os.path.isabs(line.file):
        return None
    for folder in list(Path(line.file).parents)[:_FOLDERS_ABOVE]:
        if any(os.path.exists(folder / name) for name in names):
            return folder
    return None
