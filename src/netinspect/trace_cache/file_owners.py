"""File owners: Python, an installed package, netinspect or the user."""

from __future__ import annotations

import os
import sys
from functools import lru_cache
from typing import Literal

Owner = Literal["python", "installed", "netinspect", "user"]

_INSTALLED = ("site-packages", "dist-packages")
_RECORDS = (".dist-info", ".egg-info")
OWN = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


def standard_folders() -> tuple[str, ...]:
    """Return the folders of the standard library."""
    folder = os.path.dirname(os.path.abspath(os.__file__))
    dynamic = [entry for entry in sys.path if os.path.basename(entry) == "lib-dynload"]
    return tuple(dict.fromkeys(each + os.sep for each in (folder, os.path.realpath(folder), *dynamic)))


def installed_folders(own: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Return the entries of `sys.path` with installed packages, recognised by their metadata.

    Args:
        own: Folders whose files all belong to the user.
    """
    found = []
    for entry in sys.path:
        folder = os.path.abspath(entry)
        if folder in own:
            continue
        if not set(_INSTALLED).isdisjoint(folder.split(os.sep)) or _has_metadata(folder):
            found.append(folder + os.sep)
    return tuple(dict.fromkeys(found))


def _has_metadata(folder: str) -> bool:
    try:
        return any(name.endswith(_RECORDS) for name in os.listdir(folder))
    except OSError:
        return False


class Places:
    """Lookup of file owners.

    Args:
        own: Folders whose files all belong to the user: the current one, the target's.
    """

    def __init__(self, own: tuple[str, ...] = ()) -> None:
        self.standard = standard_folders()
        self.installed = installed_folders(own)
        self.owner = lru_cache(maxsize=None)(self._owner)

    def _owner(self, path: str) -> Owner:
        if path.startswith(self.installed) or not set(_INSTALLED).isdisjoint(path.split(os.sep)):
            return "installed"
        if path.startswith(OWN):
            return "netinspect"
        return "python" if path.startswith(self.standard) else "user"

    def root(self, path: str) -> str:
        """Return the folder into which the package of a file was installed."""
        for folder in self.installed:
            if path.startswith(folder):
                return folder
        return os.path.dirname(path) + os.sep
