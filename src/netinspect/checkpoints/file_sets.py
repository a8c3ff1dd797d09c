"""Where the files of a model are together: a folder on the disk, or (see `hub`) a repository."""

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
    """Files with plain names, next to each other."""

    @property
    def name(self) -> str:
        """What to call it in an error."""

    @property
    def remote(self) -> bool:
        """Whether opening a file takes a journey, so that several should be under way at once."""

    def names(self) -> list[str]:
        """Return the names of what is in it, sorted.

        Raises:
            LoadError: It cannot be read.
        """

    def walk(self) -> Iterator[tuple[str, str | None]]:
        """Iterate over all that is in it and in the folders in it, in the order of their names.

        Yields:
            A path with slashes, for `open`; and why it is not to be opened, None for a regular file.

        Raises:
            LoadError: It cannot be read.
        """

    def folders(self) -> dict[str, list[str]]:
        """Return the names of what is in each folder in it, as far as that can be read."""

    def open(self, name: str) -> AbstractContextManager[ByteSource]:
        """Open one file; on leaving it is made sure that it did not change meanwhile.

        Raises:
            LoadError: It is not there, or cannot be read.
        """

    def contains(self, name: str) -> bool:
        """Return whether a file that is there really is there, and is not a link to one elsewhere."""

    def subfolder(self, name: str) -> FileSet:
        """Return one of the folders in it.

        Raises:
            CheckpointError: It is a link to a folder elsewhere.
        """


@contextmanager
def open_file(path: str, name: str) -> Iterator[ByteSource]:
    """Open a file of the disk; on leaving it is made sure that it did not change meanwhile.

    Args:
        path: Where it is.
        name: What to call it.

    Raises:
        LoadError: It cannot be read, or changed.
    """
    with LocalSource(path, name) as source:
        try:
            yield source
        except CheckpointError:
            # One that is still being written looks damaged, and is not.
            source.check_unchanged()
            raise
        source.check_unchanged()


class Folder:
    """A folder on the disk."""

    remote = False

    def __init__(self, path: str, name: str) -> None:
        self.path = path
        self.name = name

    def names(self) -> list[str]:
        """Return the names of what is in it; see `FileSet`."""
        try:
            return sorted(os.listdir(self.path))
        except OSError as error:
            raise LoadError(f"cannot read the folder {self.name}", cause=error.strerror) from error

    def walk(self) -> Iterator[tuple[str, str | None]]:
        """Iterate over all that is in it; see `FileSet`."""
        self.names()  # with which the folder itself can be read
        yield from walk_folder(self.path)

    def folders(self) -> dict[str, list[str]]:
        """Return the names of what is in each folder in it; see `FileSet`."""
        found: dict[str, list[str]] = {}
        for name in self.names():
            with suppress(OSError):
                found[name] = sorted(os.listdir(os.path.join(self.path, name)))
        return found

    def open(self, name: str) -> AbstractContextManager[ByteSource]:
        """Open one file; see `FileSet`."""
        return open_file(os.path.join(self.path, name), name)

    def contains(self, name: str) -> bool:
        """Follow links; those of the hub's own cache lead to its blobs."""
        return resolve_sibling(self.path, name) is not None

    def subfolder(self, name: str) -> Folder:
        """Return one of the folders in it; see `FileSet`."""
        if not self.contains(name):
            raise CheckpointError(f"{self.name}/{name} is a link to a folder elsewhere")
        return Folder(os.path.join(self.path, name), f"{self.name.rstrip('/')}/{name}")
