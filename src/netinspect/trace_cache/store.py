"""Cache folder: entries are verified when read, written atomically, and limited in size."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import re
import stat
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from netinspect.records.cache_usage import Cache

LARGEST_ENTRY = 32 * 2**20
"""Maximum bytes of one entry; a larger trace is not cached."""

LIMIT = 256 * 2**20
"""Maximum bytes of all entries and partial files; the oldest entries are removed first."""

_MAGIC = b"netinspect-cached-trace 1 "
_KEY = re.compile(r"[0-9a-f]{64}")
_NAME = re.compile(r"[0-9a-f]{64}\.trace")
_PART = re.compile(r"\.[0-9a-f]{64}\.([0-9]+)\.[0-9]+\.[0-9]+\.part")
_STALE_PART = 3600.0
"""Seconds after which a partial file is considered abandoned."""

_numbers = itertools.count()


@dataclass(frozen=True, slots=True)
class Store:
    """Entries of text lines by key, in a folder that only the user can write."""

    folder: Path

    def read(self, key: str) -> list[str] | None:
        """Return the lines of an entry; None if it does not exist or is damaged."""
        try:
            if not _KEY.fullmatch(key) or not self._is_private():
                return None
            # Do not follow links or wait for pipes.
            flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
            descriptor = os.open(self._file(key), flags)
            with open(descriptor, "rb") as file:
                status = os.fstat(descriptor)
                if not stat.S_ISREG(status.st_mode) or not _is_ours(status):
                    return None
                if status.st_size > LARGEST_ENTRY:
                    return None
                content = file.read(LARGEST_ENTRY + 1)
            head, _, body = content.partition(b"\n")
            if head != _head(key, body):
                return None
            return body.decode("utf-8").split("\n")
        except (OSError, ValueError):
            return None

    def write(self, key: str, lines: list[str]) -> bool:
        """Write an entry atomically; return whether it was written.

        Many processes may write at once: the last one to finish wins.
        """
        body = "\n".join(lines).encode("utf-8")
        if len(body) > LARGEST_ENTRY:
            return False
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not self._is_private():
                return False
            # Unique names: no other process or thread writes to the same file.
            name = f".{key}.{os.getpid()}.{threading.get_ident()}.{next(_numbers)}.part"
            part = self.folder / name
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                with open(descriptor, "wb") as file:
                    file.write(_head(key, body) + b"\n" + body)
                part.replace(self._file(key))
            finally:
                part.unlink(missing_ok=True)
            self._make_room()
        except OSError:
            return False
        return True

    def size(self) -> tuple[int, int]:
        """Return the number of entries, and the bytes of all files of the store."""
        entries = self._entries()
        return len(entries), _bytes(entries) + _bytes(self._parts())

    def clear(self) -> tuple[int, int]:
        """Remove all entries; return their number and the bytes of all removed files.

        Files with other names are left alone.
        """
        removed = [each for each in self._entries() if _remove(each[0])]
        parts = [each for each in self._parts() if _remove(each[0])]
        return len(removed), _bytes(removed) + _bytes(parts)

    def _file(self, key: str) -> Path:
        return self.folder / f"{key}.trace"

    def _is_private(self) -> bool:
        """Return whether other users can neither write to the folder nor replace it by a link."""
        status, link = os.stat(self.folder), os.lstat(self.folder)
        return stat.S_ISDIR(status.st_mode) and _is_ours(status) and link.st_uid == status.st_uid

    def _entries(self) -> list[tuple[str, os.stat_result]]:
        return self._matching(_NAME)

    def _parts(self) -> list[tuple[str, os.stat_result]]:
        return self._matching(_PART)

    def _matching(self, pattern: re.Pattern[str]) -> list[tuple[str, os.stat_result]]:
        found = []
        with contextlib.suppress(OSError), os.scandir(self.folder) as entries:
            for entry in entries:
                if pattern.fullmatch(entry.name):
                    with contextlib.suppress(OSError):  # another process was faster
                        found.append((entry.path, entry.stat(follow_symlinks=False)))
        return found

    def _make_room(self) -> None:
        now = time.time()
        for path, status in self._parts():
            if abs(now - status.st_mtime) > _STALE_PART or _was_left(path):
                _remove(path)
        entries = sorted(self._entries(), key=lambda entry: entry[1].st_mtime_ns)
        excess = _bytes(entries) + _bytes(self._parts()) - LIMIT
        for path, status in entries:
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


def cache_usage(*, clear: bool = False) -> Cache:
    """Return the usage of this user's store.

    Args:
        clear: Remove all entries first.
    """
    store = find_store()
    if store is None:
        return Cache(folder=None, entries=0, bytes=0, limit=LIMIT, removed=0 if clear else None)
    removed = store.clear()[0] if clear else None
    entries, size = store.size()
    return Cache(folder=str(store.folder), entries=entries, bytes=size, limit=LIMIT, removed=removed)


def _head(key: str, body: bytes) -> bytes:
    return _MAGIC + hashlib.sha256(key.encode() + body).hexdigest().encode()


def _is_ours(status: os.stat_result) -> bool:
    if not hasattr(os, "geteuid"):
        return True
    return status.st_uid == os.geteuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _bytes(files: list[tuple[str, os.stat_result]]) -> int:
    return sum(status.st_size for _, status in files)


def _was_left(part: str) -> bool:
    """Return whether the process that wrote a partial file, named by its PID, has ended."""
    found = _PART.fullmatch(os.path.basename(part))
    if os.name != "posix" or found is None:
        return False
    try:
        os.kill(int(found[1]), 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        pass
    return False


def _remove(path: str) -> bool:
    try:
        os.unlink(path)
    except OSError:
        return False
    return True
