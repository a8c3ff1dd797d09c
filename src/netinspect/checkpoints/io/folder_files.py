"""Recursive listing of a local folder; entries that are not regular files are not opened."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator

from netinspect._utils import units
from netinspect.checkpoints.io.sibling_path import resolve_sibling

_DEEPEST = 32
_MOST_ENTRIES = 200_000
_COUNTED = 10_000
_NOT_ENTERED = (".git",)
_KINDS = {
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFBLK: "a device",
    stat.S_IFCHR: "a device",
}


def walk_folder(path: str) -> Iterator[tuple[str, str | None]]:
    """Iterate over the files of a folder and its subfolders, sorted by name.

    Links are followed to files within the folder and to the blobs of the hub's own cache.

    Yields:
        The path relative to the folder, with slashes; and the reason not to open it, None for a file.
    """
    left = _MOST_ENTRIES
    waiting = [""]
    while waiting:
        name = waiting.pop()
        if name.endswith("/") or not name:
            found = _inside(path, name)
            if isinstance(found, str):
                yield name.rstrip("/"), found
                continue
            left -= len(found)
            if left < 0:
                yield name or ".", f"it and what follows: there are more than {_MOST_ENTRIES:,} entries"
                return
            waiting += sorted(found, reverse=True)
        elif not _leads_inside(path, name):
            yield name, _reason(path, name)


def _inside(path: str, folder: str) -> list[str] | str:
    """Return the entries of a folder, with a slash after each folder; or the reason not to enter it."""
    if folder.count("/") > _DEEPEST:
        return f"folders are nested deeper than {_DEEPEST}"
    directory = os.path.join(path, folder)
    base = folder.rstrip("/").rpartition("/")[2]
    if base in _NOT_ENTERED:
        count = 0
        for _, _, names in os.walk(directory):
            count += len(names)
            if count > _COUNTED:
                return f"it holds more than {_COUNTED:,} files"
        return f"it holds {units.plural(count, 'file')}"
    try:
        with os.scandir(directory) as entries:
            return [folder + each.name + "/" * each.is_dir(follow_symlinks=False) for each in entries]
    except OSError as error:
        return error.strerror or "it cannot be read"


def _leads_inside(path: str, name: str) -> bool:
    """Return whether an entry is a link to a folder that is listed under its own path."""
    target, home = os.path.realpath(os.path.join(path, name)), os.path.realpath(path)
    if not os.path.islink(os.path.join(path, name)) or not os.path.isdir(target):
        return False
    inside = target.startswith(os.path.join(home, ""))
    return inside and not set(_NOT_ENTERED) & set(os.path.relpath(target, home).split(os.sep))


def _reason(path: str, name: str) -> str | None:
    """Return the reason not to open an entry that is not a folder; None for a regular file."""
    entry = os.path.join(path, name)
    try:
        if os.path.islink(entry):
            target = os.readlink(entry)
            found = resolve_sibling(path, name)
            if found is None:
                return f"a link to {target!r:.200}, outside the folder"
            if not os.path.exists(found):
                return f"a link to {target!r:.200}, which is not there"
            if os.path.isdir(found):
                return f"a link to the folder {target!r:.200}"
        status = os.stat(entry)
    except (OSError, ValueError) as error:
        return str(getattr(error, "strerror", None) or error)
    if stat.S_ISREG(status.st_mode):
        return None
    return _KINDS.get(stat.S_IFMT(status.st_mode), "not a regular file")
