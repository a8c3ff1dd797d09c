"""File owners, for dependencies of cached traces: Python, an installed package, netinspect or the user.

The runner uses them too, to find user modules that were imported before. `_utils/code_owners.py` is the
coarser question of the tracer: whose code a function is.
"""

from __future__ import annotations

import os
import sys
from functools import lru_cache
from typing import Literal

from netinspect._utils.own_folders import PACKAGE

Owner = Literal["python", "installed", "netinspect", "user"]

_INSTALLED = ("site-packages", "dist-packages")
_METADATA_SUFFIXES = (".dist-info", ".egg-info")
NETINSPECT_FOLDER = f"{PACKAGE}{os.sep}"


def standard_folders() -> tuple[str, ...]:
    """Return the folders of the standard library."""
    folder = os.path.dirname(os.path.abspath(os.__file__))
    dynamic = [entry for entry in sys.path if os.path.basename(entry) == "lib-dynload"]
    return tuple(dict.fromkeys(each + os.sep for each in (folder, os.path.realpath(folder), *dynamic)))


def installed_folders(user_folders: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Return the entries of `sys.path` with installed packages, recognised by their metadata.

    Args:
        user_folders: Folders whose files all belong to the user.
    """
    found = []
    for entry in sys.path:
        folder = os.path.abspath(entry)
        if folder in user_folders:
            continue
        if not set(_INSTALLED).isdisjoint(folder.split(os.sep)) or _has_metadata(folder):
            found.append(folder + os.sep)
    return tuple(dict.fromkeys(found))


def _has_metadata(folder: str) -> bool:
    try:
        return any(name.endswith(_METADATA_SUFFIXES) for name in os.listdir(folder))
    except OSError:
        return False


class FileOwners:
    """Lookup of file owners.

    Args:
        user_folders: Folders whose files all belong to the user: the current one, the target's.
    """

    def __init__(self, user_folders: tuple[str, ...] = ()) -> None:
        self.standard = standard_folders()
        self.installed = installed_folders(user_folders)
        self.owner = lru_cache(maxsize=None)(self._owner)

    def _owner(self, path: str) -> Owner:
        if path.startswith(self.installed) or not set(_INSTALLED).isdisjoint(path.split(os.sep)):
            return "installed"
        if path.startswith(NETINSPECT_FOLDER):
            return "netinspect"
        return "python" if path.startswith(self.standard) else "user"

    def root(self, path: str) -> str:
        """Return the folder into which the package of a file was installed."""
        for folder in self.installed:
            if path.startswith(folder):
                return folder
        return os.path.dirname(path) + os.sep
