"""Writing files: whole, or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from netinspect.errors import UsageError


def refuse_to_replace(file: Path | None, sources: Iterable[str | os.PathLike[str]]) -> None:
    """Make sure that what is written does not replace what is read.

    Args:
        file: Where to write; None for nowhere.
        sources: Files that are read; others than files are no matter.

    Raises:
        UsageError: It would.
    """
    if file is None or not file.is_file():
        return
    for source in sources:
        if os.path.isfile(source) and os.path.samefile(file, source):
            raise UsageError(
                f"{file} would be replaced, and it is what is looked at", hint="name another file"
            )


def write_whole(file: Path, text: str) -> None:
    """Write a text file so that it is never seen half written.

    Raises:
        UsageError: It cannot be written; an old file stays as it was.
    """
    try:
        if file.exists() and not file.is_file():
            if file.is_dir():
                raise IsADirectoryError(21, "Is a directory")
            file.write_text(text, encoding="utf-8")  # a device or pipe, such as /dev/stdout
            return
        part = file.with_name(f".{file.name}.{os.getpid()}.part")
        try:
            part.write_text(text, encoding="utf-8")
            part.replace(file)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(
            f"cannot write {file}",
            cause=error.strerror,
            hint="name a file in a folder that exists and may be written to",
        ) from error
