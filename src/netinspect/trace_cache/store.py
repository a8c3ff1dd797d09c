"""Cache folder: entries are verified when read, written atomically, and limited in size."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from netinspect.records.cache_usage import Cache
from netinspect.records.saved import pack, unpack

LARGEST_ENTRY = 32 * 2**20
"""Maximum bytes of one entry, compressed if it is large; a larger trace is not cached."""

LIMIT = 256 * 2**20
"""Maximum bytes of all entries and partial files; the oldest entries are removed first."""

_MAGIC = b"netinspect-cached-trace 2 "
_NAME = r"\.?[0-9a-f]{64}\..+"
"""Names of entries, also of those that earlier versions wrote; with a dot, of partial files."""


class Entry(NamedTuple):
    """One entry of the store."""

    text: str
    written: float
    """Time in seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class Store:
    """Entries of text by key, in a folder that only the user can write."""

    folder: Path

    def read(self, key: str) -> Entry | None:
        """Return an entry; None if it does not exist, is damaged or foreign."""
        try:
            if not self._is_private():
                return None
            # Do not follow links or wait for pipes.
            flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
            with open(os.open(self._file(key), flags), "rb") as file:
                status = os.fstat(file.fileno())
                if not stat.S_ISREG(status.st_mode) or not _is_ours(status):
                    return None
                content = file.read(LARGEST_ENTRY + 1)
            head, _, body = content.partition(b"\n")
            if len(body) > LARGEST_ENTRY or head != _head(key, body):
                return None
            return Entry(unpack(body), status.st_mtime)
        except (OSError, ValueError):
            return None

    def write(self, key: str, text: str) -> bool:
        """Write an entry of ASCII text atomically; return whether it was written.

        Many processes may write at once: the last one to finish wins.
        """
        packed = pack(text)
        body = packed.encode("ascii") if isinstance(packed, str) else packed
        if len(body) > LARGEST_ENTRY:
            return False
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not self._is_private():
                return False
            import tempfile  # which a command that only reads does not need

            descriptor, part = tempfile.mkstemp(".part", f".{key}.", self.folder)
            try:
                with open(descriptor, "wb") as file:
                    file.write(_head(key, body) + b"\n" + body)
                os.replace(part, self._file(key))
            finally:
                _remove(part)
            self._make_room()
        except OSError:
            return False
        return True

    def size(self) -> tuple[int, int]:
        """Return the number of entries, and the bytes of all files of the store."""
        files = self._files()
        entries = [path for path, _ in files if not os.path.basename(path).startswith(".")]
        return len(entries), sum(status.st_size for _, status in files)

    def clear(self) -> int:
        """Remove all entries, also those of earlier versions; return the number of removed files.

        Files with other names are left alone.
        """
        return sum(_remove(path) for path, _ in self._files())

    def problem(self) -> str | None:
        """Return why no entry can be written; None if the folder is usable, or can be made."""
        folder = self.folder
        try:
            if os.path.lexists(folder):
                if not self._is_private():
                    return "it is not a folder that only this user can write"
            else:
                folder = next(each for each in folder.parents if os.path.lexists(each))
            if not os.path.isdir(folder):
                return f"{folder} is not a folder"
            return (
                None if os.access(folder, os.W_OK | os.X_OK) else f"no permission to write in {folder}"
            )
        except OSError as error:
            return error.strerror or str(error)

    def _file(self, key: str) -> Path:
        return self.folder / f"{key}.trace"

    def _is_private(self) -> bool:
        """Return whether other users can neither write to the folder nor replace it by a link."""
        status, link = os.stat(self.folder), os.lstat(self.folder)
        return stat.S_ISDIR(status.st_mode) and _is_ours(status) and link.st_uid == status.st_uid

    def _files(self) -> list[tuple[str, os.stat_result]]:
        """Return the paths and states of all files of the store, the oldest first."""
        found = []
        with suppress(OSError), os.scandir(self.folder) as entries:
            for entry in entries:
                if re.fullmatch(_NAME, entry.name):
                    with suppress(OSError):  # another process was faster
                        found.append((entry.path, entry.stat(follow_symlinks=False)))
        return sorted(found, key=lambda file: file[1].st_mtime_ns)

    def _make_room(self) -> None:
        files = self._files()
        excess = sum(status.st_size for _, status in files) - LIMIT
        for path, status in files:
            if excess <= 0:
                break
            if _remove(path):
                excess -= status.st_size


def find_store() -> Store | None:
    """Return the store of this user: `$XDG_CACHE_HOME/netinspect`, else `~/.cache/netinspect`."""
    given = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(given):  # the XDG specification ignores relative paths
        return Store(Path(given, "netinspect"))
    # An empty HOME would be expanded to the root.
    home = os.path.expanduser("~") if os.environ.get("HOME") != "" else ""
    return Store(Path(home, ".cache", "netinspect")) if os.path.isabs(home) else None


def cache_problem() -> str | None:
    """Return why no trace can be cached in this user's store; None if it is usable."""
    store = find_store()
    if store is None:
        return "no home folder"
    return store.problem()


def cache_usage(*, clear: bool = False) -> Cache:
    """Return the usage of this user's store.

    Args:
        clear: Remove all entries first.
    """
    store = find_store()
    if store is None:
        return Cache(folder=None, entries=0, bytes=0, limit=LIMIT, removed=0 if clear else None)
    removed = store.clear() if clear else None
    entries, size = store.size()
    return Cache(folder=str(store.folder), entries=entries, bytes=size, limit=LIMIT, removed=removed)


def _head(key: str, body: bytes) -> bytes:
    return _MAGIC + hashlib.sha256(key.encode() + body).hexdigest().encode()


def _is_ours(status: os.stat_result) -> bool:
    if not hasattr(os, "geteuid"):
        return True
    return status.st_uid == os.geteuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _remove(path: str) -> bool:
    try:
        os.unlink(path)
    except OSError:
        return False
    return True
