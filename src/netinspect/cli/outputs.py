"""Output files of a command: checks before the run, and writing."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from netinspect._utils import opened_files
from netinspect._utils.atomic_files import (
    refuse_to_replace,
    refuse_unwritable,
    was_read,
    write_all,
    write_whole,
)
from netinspect.cli.console import is_terminal, write_out
from netinspect.cli.options import SETTINGS
from netinspect.cli.pager import show_long
from netinspect.cli.streams import result_stream
from netinspect.errors import UsageError

_DESCRIPTOR = r"(?:/dev|/proc/(?P<process>\d+|self|thread-self)(?:/task/\d+)?)/fd/(?P<number>\d+)"
_MOST_LINKS = 40

_folder = ""
"""Current folder at the start of the command; user code may change to another."""

_written: list[Path] = []
"""Files that the command has written so far."""

_STDOUT = Path("-")

_trace_is_on_stdout = False
"""True after a trace was saved to stdout, where a view would make it unreadable."""


def begin_here() -> None:
    """Resolve output paths from the current folder, from now on."""
    global _folder, _trace_is_on_stdout
    _written.clear()
    _trace_is_on_stdout = False
    try:
        _folder = os.getcwd()
    except OSError:  # it was removed
        _folder = ""


def check_outputs(*files: Path | None, sources: Iterable[str | os.PathLike[str]]) -> None:
    """Refuse outputs that are also inputs, before the run, and watch for files that it reads.

    Args:
        files: Paths to write; None entries are skipped.
        sources: Files that will be read, in addition to the settings.

    Raises:
        UsageError: An output is one of the sources, a standard stream, or another output.
    """
    given = [file for file in files if file is not None]
    for file in given:
        if not _folder and not file.is_absolute():
            raise UsageError(
                f"cannot write {file}",
                cause="the current folder was removed",
                hint="name it by an absolute path, or change to another folder",
            )
    read = [*sources, *SETTINGS.get().files]
    for file in given:
        if file == _STDOUT:
            continue
        refuse_to_replace(_absolute(file), read)
        if _descriptor(file) is None:
            _refuse_stream(file)
            refuse_unwritable(_absolute(file))
        opened_files.watch(_absolute(file))
    real = [os.path.realpath(_absolute(file)) for file in given]
    if len(real) == 2 and (real[0] == real[1] or _is_same(*real)) and real[0] != os.devnull:
        raise _one_file(*given)


def refuse_trace_on_terminal(file: Path | None) -> None:
    """Refuse to save a trace to a terminal.

    Raises:
        UsageError: The file is stdout, and that a terminal.
    """
    if file is not None and _descriptor(file) == 1 and is_terminal(result_stream()):
        raise UsageError(
            f"--save {file} writes the trace to stdout, which is a terminal",
            hint="netinspect trace net.py:Net --save - | netinspect summary -",
        )


def save_trace(file: Path, text: str, pack: Callable[[str], str | bytes]) -> bool:
    """Write a trace; return whether it was written to stdout, where no view is written then.

    Raises:
        UsageError: The file cannot be written, or was read in this run.
    """
    global _trace_is_on_stdout
    write_output(file, text, pack=pack)
    _trace_is_on_stdout = _descriptor(file) == 1
    return _trace_is_on_stdout


def write_stdout(text: str, *, paged: bool = False) -> None:
    """Write a result to stdout, unless the shell appends it to a file that was read.

    Args:
        text: The result.
        paged: Show it in the pager if it is longer than the terminal.

    Raises:
        UsageError: It would change that file.
    """
    try:
        number = result_stream().fileno()  # type: ignore[union-attr]
    except (AttributeError, OSError, ValueError):
        number = None
    if number is not None and was_read(number):
        raise UsageError("stdout is a file that was read in this run", hint="write to another file")
    if _trace_is_on_stdout:
        return
    if paged:
        show_long(text)
    else:
        write_out(text)


def write_output(
    file: Path,
    text: str | bytes,
    sources: Iterable[str | os.PathLike[str]] = (),
    pack: Callable[[str], str | bytes] | None = None,
) -> None:
    """Write one output, unless it would replace a file that was read.

    Args:
        file: As typed.
        text: The content; bytes of an image.
        sources: Files that the result depends on, in addition to those that this process opened.
        pack: Returns the content of a file for the text; a stream gets the text itself.

    Raises:
        UsageError: The file cannot be written, or was read in this run.
    """
    number = _descriptor(file)
    if number == 1 and isinstance(text, str):
        write_stdout(text)
        return
    if number is not None:
        try:
            write_all(
                number, text if isinstance(text, bytes) else text.encode("utf-8", "backslashreplace")
            )
        except BrokenPipeError:
            raise
        except OSError as error:
            raise UsageError(
                f"cannot write {file}", cause=error.strerror, hint="name an open descriptor, or a file"
            ) from error
        return
    refuse_to_replace(_absolute(file), sources)
    for other in _written:
        if _is_same(_absolute(other), _absolute(file)):  # known only once both exist
            raise _one_file(other, file)
    write_whole(_absolute(file), pack(text) if pack and isinstance(text, str) else text)
    _written.append(file)


def _absolute(file: Path) -> Path:
    """Return a path as seen from the folder in which the command began."""
    with suppress(OSError):
        if os.getcwd() == _folder:
            return file
    return Path(_folder, file)


def _one_file(one: Path, other: Path) -> UsageError:
    return UsageError(
        f"{one} and {other} are the same file, but two outputs", hint="name two different files"
    )


def _is_same(one: str | Path, other: str | Path) -> bool:
    try:
        return os.path.isfile(one) and os.path.samefile(one, other)
    except OSError:
        return False


def _refuse_stream(file: Path) -> None:
    """Refuse a file to which the shell redirects a standard stream: both would overwrite each other."""
    result = result_stream()
    for name, stream in (("stdin", sys.stdin), ("stdout", result), ("stderr", sys.stderr)):
        try:
            number = stream.fileno()  # type: ignore[union-attr]
            same = file.is_file() and os.path.samestat(os.fstat(number), os.stat(_absolute(file)))
        except (AttributeError, OSError, ValueError):
            continue
        if same:
            raise UsageError(f"{file} is also {name}", hint="name another file")


def _descriptor(file: Path) -> int | None:
    """Return the descriptor of this process that `-` or a path such as /dev/stdout leads to, or None.

    Opening such a path again would begin at the start of the file, and our stdout has another number by
    then.
    """
    if file == _STDOUT:
        return 1
    path = os.path.join(_folder or os.sep, file)
    for _ in range(_MOST_LINKS):
        folder, name = os.path.split(path)
        real = os.path.join(os.path.realpath(folder), name)
        found = re.fullmatch(_DESCRIPTOR, path) or re.fullmatch(_DESCRIPTOR, real)
        if found and found["process"] in (None, "self", "thread-self", str(os.getpid())):
            return int(found["number"])
        try:
            path = os.path.normpath(os.path.join(folder, os.readlink(path)))
        except (OSError, ValueError):
            return None
    return None
