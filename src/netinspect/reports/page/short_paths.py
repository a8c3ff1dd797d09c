"""Short paths of source files, for a page that others may read."""

from __future__ import annotations

import os

from netinspect.rendering.format_values import short_path


class ShortPaths:
    """Short paths of files, a different one for each file.

    A path starts at the installed package, or at the current folder; otherwise it is the last two parts.
    """

    def __init__(self) -> None:
        self._short: dict[str, str] = {}
        self._taken: set[str] = set()

    def of(self, file: str) -> str:
        """Return the short path of a file."""
        found = self._short.get(file)
        if found is None:
            found = short_path(file)
            number = 1
            while found in self._taken:
                number += 1
                found = f"{short_path(file)} ({number})"
            self._taken.add(found)
            self._short[file] = found
        return found

    def of_place(self, place: str | None) -> str | None:
        """Return a place, `file:line`, with the short path of its file."""
        if place is None:
            return None
        file, colon, line = place.rpartition(":")
        return f"{self.of(file)}{colon}{line}" if file else place


def without_home(text: str) -> str:
    """Replace the path of the user's home folder by `~`."""
    home = os.path.expanduser("~")
    return text if len(home) < 2 else text.replace(home + os.sep, "~" + os.sep)
