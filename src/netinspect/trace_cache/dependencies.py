"""Dependencies of a cached run: user files by content, installed files by times, folders by names."""

from __future__ import annotations

import functools
import hashlib
import importlib.machinery
import os
import re
import stat
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from typing import Literal as OneOf

from netinspect._utils.code_owners import is_installed, is_users, owner
from netinspect._utils.opened_files import only_read
from netinspect.records.base import record, replace

if TYPE_CHECKING:
    from netinspect.trace_cache.audit_recorder import AuditRecorder

_MAXIMUM_BYTES = 64 * 2**20
"""Limit for all user files together: hashing them must cost far less than a run."""

_STARTERS = ("sitecustomize", "usercustomize", "__main__", "__mp_main__")
"""Modules that Python imports itself at startup."""

_SUFFIXES = (*importlib.machinery.all_suffixes(), ".zip", ".egg")

_UNSEEN_READS = (
    rb"\b(?:l?exists|is_?file|is_?dir|safetensors|safe_open|from_pretrained|from_file|jit\.load|h5py|cv2|"
    rb"lmdb|pyarrow|ctypes)\b"
)
"""Words for questions about files that raise no audit event, and for compiled code that reads files."""


@record
class Dependencies:
    """Everything that a run depends on in addition to its key, as absolute paths."""

    files: tuple[str, ...]
    """User files, which may not exist."""

    installed: tuple[str, ...]
    """Files of installed packages."""

    listed: tuple[str, ...]
    """Folders that were listed."""

    searched: tuple[str, ...]
    """Folders that were searched for modules."""

    digest: str
    """Digest of the state of all of them."""

    def holds(self) -> bool:
        """Return whether nothing has changed."""
        try:
            return self.digest == self.current_digest()
        except NotCacheable:
            return False

    def current_digest(self) -> str:
        """Return the digest of the state that the files and folders have now.

        Raises:
            NotCacheable: A file is a pipe or a device, or too large.
        """
        real = functools.cache(os.path.realpath)
        states = (
            *(_content(path, real) for path in self.files),
            *map(_times, self.installed),
            *(_names_in(path, _format_any) for path in self.listed),
            *(_names_in(path, _format_importable) for path in self.searched),
        )
        return _digest("\0".join(states))


class NotCacheable(Exception):
    """A run cannot be cached; the message is the reason."""


def gather(recorder: AuditRecorder, extra: Iterable[str] = ()) -> Dependencies:
    """Collect the dependencies of a run after it has ended.

    Args:
        recorder: The record of the run.
        extra: Absolute paths of files that are always dependencies, such as the target.

    Raises:
        NotCacheable: A dependency cannot be checked later, or has already changed.
    """
    for reason in recorder.refusals:
        raise NotCacheable(reason)
    modules = [_attributes(module) for module in list(sys.modules.values())]
    imported = filter(os.path.isabs, (_file(each) for each in modules))
    paths = dict.fromkeys([*extra, *recorder.opened, *imported])
    found = Dependencies(
        files=tuple(path for path in paths if _kind(path) == "user"),
        installed=tuple(path for path in paths if _kind(path) == "installed"),
        listed=tuple(path for path in recorder.listed if _kind(path + os.sep) != "python"),
        searched=tuple(_searched(recorder, modules)),
        digest="",
    )
    if sum(os.path.getsize(each) for each in found.files if os.path.isfile(each)) > _MAXIMUM_BYTES:
        raise NotCacheable("it reads more than 64 MiB")
    found = replace(found, digest=found.current_digest())
    # After the files were read: later writes change the digest.
    for path in (*found.files, *found.installed):
        _check_age(path, recorder.started)
    starters = {_file(_attributes(sys.modules.get(name))) for name in _STARTERS}
    not_run = only_read.difference(map(_file, modules))
    for path in found.files:
        if path.endswith(".py") and path not in starters and path not in not_run and is_users(path):
            _check_source(path)
    return found


def has_user_modules() -> bool:
    """Return whether user modules are already imported, which may differ from their files."""
    return any(
        is_users(file)
        for name, module in list(sys.modules.items())
        if name not in _STARTERS and os.path.isabs(file := _file(_attributes(module)))
    )


def _attributes(module: object) -> dict[str, Any]:
    """Return the attributes of a module; `getattr` may import or invent attributes."""
    return getattr(module, "__dict__", {})


def _file(attributes: dict[str, Any]) -> str:
    file = attributes.get("__file__")
    return file if isinstance(file, str) else ""


def _kind(path: str) -> OneOf["user", "installed", "python"]:
    if is_installed(path) or owner(path) == "torch":
        return "installed"
    return "python" if owner(path) == "python" else "user"


def _searched(recorder: AuditRecorder, modules: list[dict[str, Any]]) -> Iterator[str]:
    """Yield the folders in which a new module could hide an imported one, or a package be installed."""
    entries = dict.fromkeys(map(os.path.abspath, (*sys.path, *recorder.searched)))
    packages: list[str] = []
    for attributes in modules:
        with suppress(Exception):  # an object in sys.modules that is not a module
            packages += map(os.path.abspath, attributes.get("__path__") or ())
    for path in dict.fromkeys((*entries, *packages)):
        if is_users(path + os.sep) or (path in entries and is_installed(path + os.sep)):
            yield path


def _content(path: str, real: Callable[[str], str]) -> str:
    """Return a digest of the content and the resolved path of a file."""
    try:
        status = os.stat(path)
    except OSError:
        return "absent"
    if stat.S_ISDIR(status.st_mode):
        return "folder"
    if not stat.S_ISREG(status.st_mode) or status.st_size > _MAXIMUM_BYTES:
        raise NotCacheable(f"{path} is not a regular file of at most 64 MiB")
    folder, name = os.path.split(path)
    resolved = os.path.realpath(path) if os.path.islink(path) else os.path.join(real(folder), name)
    with open(path, "rb") as file:
        return f"{_digest(resolved)} {hashlib.sha256(file.read()).hexdigest()}"


def _times(path: str) -> str:
    """Return times and size of a file, which any write changes."""
    try:
        status = os.stat(path)
    except OSError:
        return "absent"
    return f"{status.st_mtime_ns} {status.st_ctime_ns} {status.st_size}"


def _names_in(folder: str, format_entry: Callable[[os.DirEntry[str]], str]) -> str:
    try:
        with os.scandir(folder) as entries:
            return "/".join(sorted(filter(None, map(format_entry, entries))))
    except OSError as error:
        return f"error {error.errno}"


def _format_any(entry: os.DirEntry[str]) -> str:
    return entry.name + ":" * entry.is_dir() if entry.name != "__pycache__" else ""


def _format_importable(entry: os.DirEntry[str]) -> str:
    """Return the name of an entry, with times for metadata; empty if it cannot be imported."""
    name, path = entry.name, entry.path
    if name.endswith((".dist-info", ".egg-info", ".pth", ".egg-link")):
        return f"{name} {_times(f'{path}/METADATA' if name.endswith('.dist-info') else path)}"
    if not entry.is_dir():
        return name if name.endswith(_SUFFIXES) else ""
    is_package = name.isidentifier() and os.path.isfile(f"{path}/__init__.py")
    return f"{name}:" if is_package else ""


def _check_age(path: str, started: int) -> None:
    """Refuse a file that changed after the run began: the run may have read the old content."""
    try:
        status = os.stat(path)
    except OSError:
        return
    if stat.S_ISREG(status.st_mode) and max(status.st_mtime_ns, status.st_ctime_ns) >= started:
        raise NotCacheable(f"{path} has just been changed")


def _check_source(path: str) -> None:
    with open(path, "rb") as file:
        found = re.search(_UNSEEN_READS, file.read())
    if found is not None:
        name, word = os.path.basename(path), found[0].decode()
        raise NotCacheable(f"{name} may depend on files unseen by Python ({word})")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
