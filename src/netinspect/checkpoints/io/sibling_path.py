"""Paths of files that another file refers to; they must be within its folder."""

from __future__ import annotations

import os


def is_plain(name: str) -> bool:
    """Return whether a text can be the name of a file in the same folder."""
    return name not in ("", ".", "..") and not any(each in name for each in ("/", "\\", "\0"))


def resolve_sibling(folder: str, name: str) -> str | None:
    """Return the real path of a file that another file refers to; None if it is outside the folder.

    Links are followed. They may lead to the `blobs` folder of the hub's own cache.

    Args:
        folder: Folder of the referring file.
        name: Relative path with slashes.
    """
    if not name or "\0" in name or "\\" in name or os.path.isabs(name) or ".." in name.split("/"):
        return None
    home = os.path.realpath(folder)
    path = os.path.realpath(os.path.join(home, name))
    return path if path.startswith(os.path.join(home, "")) or _is_blob(home, path) else None


def _is_blob(home: str, path: str) -> bool:
    """Return whether a folder is in the hub's cache and a path is one of the cache's blobs.

    `models--org--name/snapshots/REVISION/file` links to `models--org--name/blobs/HASH`, which in newer
    caches links to `blobs/HA/HASH` next to all models.
    """
    while os.path.basename(os.path.dirname(home)) != "snapshots":
        if os.path.dirname(home) == home:
            return False
        home = os.path.dirname(home)
    model = os.path.dirname(os.path.dirname(home))
    shared = os.path.join(os.path.dirname(model), "blobs")
    target = os.path.dirname(path)
    return target == os.path.join(model, "blobs") or (
        os.path.basename(model).startswith("models--") and os.path.dirname(target) == shared
    )
