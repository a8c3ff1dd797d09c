"""Files that another file names: only those next to it, or below its folder, are ever opened."""

from __future__ import annotations

import os


def resolve_sibling(folder: str, name: str) -> str | None:
    """Return where a named file really is; None if that is not in the folder or below it.

    Links are followed. They may lead to the `blobs` of the hub's own cache, which keeps its files there.

    Args:
        folder: Of the file that names it.
        name: A relative path with slashes.
    """
    if not name or "\0" in name or "\\" in name or os.path.isabs(name) or ".." in name.split("/"):
        return None
    home = os.path.realpath(folder)
    place = os.path.realpath(os.path.join(home, name))
    return place if place.startswith(os.path.join(home, "")) or _is_blob(home, place) else None


def _is_blob(home: str, place: str) -> bool:
    """Return whether a folder is in the hub's cache, and a file among those that the cache links to.

    `models--org--name/snapshots/REVISION/file` links to `models--org--name/blobs/HASH`, and that, in
    newer caches, to `blobs/HA/HASH` next to all models.
    """
    while os.path.basename(os.path.dirname(home)) != "snapshots":
        if os.path.dirname(home) == home:
            return False
        home = os.path.dirname(home)
    model = os.path.dirname(os.path.dirname(home))
    shared = os.path.join(os.path.dirname(model), "blobs")
    target = os.path.dirname(place)
    return target == os.path.join(model, "blobs") or (
        os.path.basename(model).startswith("models--") and os.path.dirname(target) == shared
    )
