"""Files that another file names: only those beside it, or below its folder, are ever opened."""

from __future__ import annotations

import os


def place_beside(folder: str, name: str) -> str | None:
    """Return where a named file really lies; None where that is not in the folder or below it.

    Links are followed. They may lead to the `blobs` of the hub's own cache, which keeps its files there.

    Args:
        folder: Of the file that names it.
        name: A relative path with slashes.
    """
    if not name or "\0" in name or "\\" in name or os.path.isabs(name) or ".." in name.split("/"):
        return None
    home = os.path.realpath(folder)
    place = os.path.realpath(os.path.join(folder, name))
    if os.path.dirname(place) == _blobs(home) or place.startswith(os.path.join(home, "")):
        return place
    return None


def _blobs(home: str) -> str | None:
    """The folder of files of the hub's cache: models--org--name/blobs beside snapshots/REVISION."""
    while os.path.dirname(home) != home:
        home = os.path.dirname(home)
        if os.path.basename(home) == "snapshots":
            return os.path.join(os.path.dirname(home), "blobs")
    return None
