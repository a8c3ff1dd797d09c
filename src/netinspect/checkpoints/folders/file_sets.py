"""Sets of files of one model: a local folder, or a folder of a repository (see `hub`)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Protocol

from netinspect.checkpoints.io.folder_files import walk_folder
from netinspect.checkpoints.io.sibling_path import resolve_sibling
from netinspect.checkpoints.io.source import ByteSource, LocalSource
from netinspect.errors import CheckpointError, LoadError


class FileSet(Protocol):
    """Files in one folder."""

    @property
    def name(self) -> str:
        """Name for messages."""

    @property
    def remote(self) -> bool:
        """True if opening a file is a network request, so that several should be opened concurrently."""

    def names(self) -> list[str]:
        """Return the sorted names of the entries.

        Raises:
            LoadError: The folder cannot be read.
        """

    def walk(self) -> Iterator[tuple[str, str | None]]:
        """Iterate over the files of the folder and all subfolders, sorted by name.

        Yields:
            The path with slashes, for `open`, and the reason not to open it, None for a regular file.

        Raises:
            LoadError: The folder cannot be read.
        """

    def folders(self) -> dict[str, list[str]]:
        """Return the names of the entries of each subfolder that can be read."""

    def open(self, name: str) -> AbstractContextManager[ByteSource]:
        """Open one file; on exit, check that it did not change meanwhile.

        Raises:
            LoadError: The file does not exist, cannot be read, or has changed.
        """

    def contains(self, name: str) -> bool:
        """Return True unless an existing file is a link to a file outside the folder."""

    def subfolder(self, name: str) -> FileSet:
        """Return a subfolder.

        Raises:
            CheckpointError: It is a link to a folder outside this one.
        """


@contextmanager
def open_file(path: str, name: str) -> Iterator[ByteSource]:
    """Open a local file; on exit, check that it did not change meanwhile.

    Args:
        path: Path of the file.
        name: Name for messages.

    Raises:
        LoadError: The file cannot be read, or has changed.
    """
    with LocalSource(path, name) as source:
        try:
            yield source
        except CheckpointError:
            # A file that is still being written may appear damaged.
            source.check_unchanged()
            raise
        source.check_unchanged()


class Folder:
    """A local folder."""

    remote = False

    def __init__(self, path: str, name: str) -> None:
        self.path = path
        self.name = name

    def names(self) -> list[str]:
        """Return the sorted names of the entries; see `FileSet`."""
        try:
            return sorted(os.listdir(self.path))
        except OSError as error:
            raise LoadError(f"cannot read the folder {self.name}", cause=error.strerror) from error

    def walk(self) -> Iterator[tuple[str, str | None]]:
        """Iterate over the files of the folder and all subfolders; see `FileSet`."""
        self.names()  # raises if the folder itself cannot be read
        yield from walk_folder(self.path)

    def folders(self) -> dict[str, list[str]]:
        """Return the names of the entries of each subfolder; see `FileSet`."""
        found: dict[str, list[str]] = {}
        for name in self.names():
            with suppress(OSError):
                found[name] = sorted(os.listdir(os.path.join(self.path, name)))
        return found

    def open(self, name: str) -> AbstractContextManager[ByteSource]:
        """Open one file; see `FileSet`."""
        return open_file(os.path.join(self.path, name), name)

    def contains(self, name: str) -> bool:
        """Check a file and follow links; those of the hub's own cache lead to its blobs."""
        return resolve_sibling(self.path, name) is not None

    def subfolder(self, name: str) -> Folder:
        """Return a subfolder; see `FileSet`."""
        if not self.contains(name):
            raise CheckpointError(f"{self.name}/{name} is a link to a folder outside {self.name}")
        return Folder(os.path.join(self.path, name), f"{self.name.rstrip('/')}/{name}")
