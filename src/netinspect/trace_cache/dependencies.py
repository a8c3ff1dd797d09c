"""Dependencies of a cached trace: files, folders and packages with digests."""

from __future__ import annotations

import hashlib
import importlib.machinery
import os
import stat
import sys
from collections.abc import Iterable
from dataclasses import replace
from typing import Any
from typing import Literal as OneOf

from netinspect.records.base import record
from netinspect.trace_cache.audit_recorder import AuditRecorder
from netinspect.trace_cache.file_owners import FileOwners
from netinspect.trace_cache.impure_code import has_impure_code

_MAXIMUM_BYTES = 64 * 2**20
"""Limit for all files together: hashing them must cost far less than a run."""

_MAXIMUM_ENTRIES = 20_000
"""Limit for one folder."""

_TOO_MANY = "too many"
_FOLDER = "folder"

_STARTERS = ("sitecustomize", "usercustomize", "__main__", "__mp_main__")
"""Modules that Python imports itself at startup."""


@record
class File:
    """One user file."""

    path: str
    real: str
    """Path with all links resolved."""

    digest: str
    """Digest of the content; empty if the file did not exist, `folder` for a folder."""


@record
class Folder:
    """One folder that was listed or searched for imports."""

    path: str
    kind: OneOf["all", "importable", "installed"]
    """The entries that the digest covers."""

    digest: str


@record
class Package:
    """The files that were imported from one folder of installed packages."""

    root: str
    files: tuple[str, ...]
    digest: str
    """Digest of their times and sizes."""


@record
class Dependencies:
    """Everything that a trace depends on in addition to its key."""

    files: tuple[File, ...]
    folders: tuple[Folder, ...]
    packages: tuple[Package, ...]
    sought: tuple[str, ...]
    """Module names that a folder without `__init__.py` could satisfy: they were not found, or are such
    namespace packages."""

    def holds(self) -> bool:
        """Return whether nothing has changed."""
        sought = frozenset(self.sought)
        return (
            all(_list_digest(each.path, each.kind, sought) == each.digest for each in self.folders)
            and all(_state_digest(each.root, each.files) == each.digest for each in self.packages)
            and all(_is_unchanged(each) for each in self.files)
        )


class NotCacheable(Exception):
    """A trace cannot be cached; the message is the reason."""


def gather(recorder: AuditRecorder, extra: Iterable[str] = ()) -> Dependencies:
    """Collect the dependencies of a run after it has ended.

    Args:
        recorder: The record of the run.
        extra: Paths of files that are always dependencies, such as the target.

    Raises:
        NotCacheable: A dependency cannot be checked later, or has already changed.
    """
    for reason in recorder.refusals:
        raise NotCacheable(reason)
    extra = [os.path.abspath(path) for path in extra]
    places = FileOwners(user_folders=tuple({*recorder.own, *map(os.path.dirname, extra)}))
    files, installed, searched = _modules(recorder, places)
    for source, bytecode in recorder.compiled.items():
        if places.owner(source) == "user":
            files.append(source)
            if _is_stale(bytecode, source):
                raise NotCacheable(f"{source} has changed since its bytecode was written")
    files += extra
    files += [path for path in recorder.opened if places.owner(path) == "user"]
    installed += [path for path in recorder.opened if places.owner(path) == "installed"]
    installed += _missing(recorder, places)
    folders = [Folder(path=path, kind="importable", digest="") for path in searched]
    folders += [Folder(path=path, kind="installed", digest="") for path in places.installed]
    folders += [
        Folder(path=path, kind="all", digest="")
        for path in recorder.listed
        if places.owner(path + os.sep) in ("user", "installed")
    ]
    sought = _sought(recorder)
    dependencies = Dependencies(
        files=tuple(_read_files(dict.fromkeys(files), recorder.started, places)),
        folders=tuple(
            replace(each, digest=_list_digest(each.path, each.kind, sought))
            for each in dict.fromkeys(folders)
        ),
        packages=tuple(_packages(installed, places, recorder.started)),
        sought=tuple(sorted(sought)),
    )
    for each in dependencies.folders:
        if each.digest == _TOO_MANY:
            raise NotCacheable(f"{each.path} has more than {_MAXIMUM_ENTRIES:,} entries")
    return dependencies


def preloaded_user_modules(places: FileOwners) -> list[str]:
    """Return the names of user modules that are already imported, and may differ from the files."""
    return [
        name
        for name, module in list(sys.modules.items())
        if name not in _STARTERS
        and isinstance(file := _own(module, "__file__"), str)
        and os.path.isabs(file)
        and places.owner(file) == "user"
    ]


def _own(module: object, name: str) -> Any:
    """Return an attribute from the module's `__dict__`; `getattr` may import or invent attributes."""
    return getattr(module, "__dict__", {}).get(name)


def _sought(recorder: AuditRecorder) -> frozenset[str]:
    names = [name for name in recorder.sought if name not in sys.modules]
    names += [
        name
        for name, module in list(sys.modules.items())
        if _own(module, "__path__") is not None and _own(module, "__file__") is None
    ]
    return frozenset(name.rpartition(".")[2] for name in names)


def _missing(recorder: AuditRecorder, places: FileOwners) -> Iterable[str]:
    """Yield the files that would satisfy failed imports within installed packages."""
    for name in recorder.sought:
        parent, dot, leaf = name.rpartition(".")
        if dot and name not in sys.modules and (package := sys.modules.get(parent)) is not None:
            for folder in _own(package, "__path__") or ():
                if places.owner(folder + os.sep) == "installed":
                    path = os.path.join(folder, leaf)
                    yield from (path, *(path + each for each in importlib.machinery.all_suffixes()))


def _modules(recorder: AuditRecorder, places: FileOwners) -> tuple[list[str], list[str], list[str]]:
    """Return user files and installed files of all modules, and the searched folders."""
    users: list[str] = []
    installed: list[str] = []
    searched = [os.path.abspath(entry) for entry in (*sys.path, *recorder.searched)]
    for name, module in list(sys.modules.items()):
        file = _own(module, "__file__")
        if isinstance(file, str) and os.path.isabs(file):
            owner = places.owner(file)
            if owner == "installed":
                installed.append(file)
            elif owner != "python":
                users.append(file)
                if owner == "user" and name not in _STARTERS and not _is_source(file):
                    raise NotCacheable(f"{file} is not a source file")
                if (
                    owner == "user"
                    and name not in _STARTERS
                    and recorder.preloaded.get(name) == id(module)
                ):
                    raise NotCacheable(f"{name} was imported before")
        try:
            searched += [os.path.abspath(entry) for entry in _own(module, "__path__") or ()]
        except Exception:  # an object in sys.modules that is not a module
            continue
    searched = [path for path in dict.fromkeys(searched) if places.owner(path + os.sep) == "user"]
    return users, installed, searched


def _is_source(file: str) -> bool:
    return file.endswith(".py") and os.path.isfile(file)


def _is_stale(cached: str, file: str) -> bool:
    """Return whether Python may have run bytecode of an earlier version of a file.

    Python accepts bytecode with the time and size of the source, which an edit may reproduce.
    """
    try:
        source, bytecode = os.stat(file), os.stat(cached)
        with open(cached, "rb") as opened:
            head = opened.read(16)
    except OSError:
        return False
    if bytecode.st_mtime_ns >= source.st_ctime_ns:
        return False
    recorded = tuple(int.from_bytes(head[start : start + 4], "little") for start in (4, 8, 12))
    here = (0, int(source.st_mtime) & 0xFFFFFFFF, source.st_size & 0xFFFFFFFF)
    return recorded[0] == 1 or recorded == here


def _read_files(paths: Iterable[str], started: int, places: FileOwners) -> Iterable[File]:
    left = _MAXIMUM_BYTES
    reals: dict[str, str] = {}
    starters = {_own(sys.modules.get(name), "__file__") for name in _STARTERS}
    for path in paths:
        try:
            status = os.stat(path)
        except OSError:
            yield File(path=path, real="", digest="")
            continue
        if not stat.S_ISREG(status.st_mode):
            if stat.S_ISDIR(status.st_mode):
                yield File(path=path, real="", digest=_FOLDER)
                continue
            raise NotCacheable(f"{path} is not a regular file")
        left -= status.st_size
        if left < 0:
            raise NotCacheable("it reads more than 64 MiB")
        with open(path, "rb") as file:
            content = file.read()
        # Checked after reading: later writes change the digest.
        _check_age(path, os.stat(path), started)
        if path.endswith(".py") and path not in starters and places.owner(path) == "user":
            reason = has_impure_code(content)
            if reason is not None:
                raise NotCacheable(f"{os.path.basename(path)} {reason}")
        yield File(path=path, real=_real(path, reals), digest=hashlib.sha256(content).hexdigest())


def _check_age(path: str, status: os.stat_result, started: int) -> None:
    """Refuse a file that changed after the run began: the run may have read the old content."""
    if max(status.st_mtime_ns, status.st_ctime_ns) >= started:
        raise NotCacheable(f"{path} has just been changed")


def _is_unchanged(file: File) -> bool:
    try:
        status = os.stat(file.path)
    except OSError:
        return not file.digest
    if file.digest == _FOLDER:
        return stat.S_ISDIR(status.st_mode)
    if not file.digest or not stat.S_ISREG(status.st_mode) or status.st_size > _MAXIMUM_BYTES:
        return False
    with open(file.path, "rb") as opened:
        content = opened.read(_MAXIMUM_BYTES + 1)
    return hashlib.sha256(content).hexdigest() == file.digest and _real(file.path, _reals) == file.real


_reals: dict[str, str] = {}


def _real(path: str, known: dict[str, str]) -> str:
    """Resolve all links; those of a folder once for all its files."""
    folder, name = os.path.split(path)
    if folder not in known:
        known[folder] = os.path.realpath(folder)
    return os.path.realpath(path) if os.path.islink(path) else os.path.join(known[folder], name)


def _packages(paths: Iterable[str], places: FileOwners, started: int) -> Iterable[Package]:
    by_root: dict[str, list[str]] = {}
    for path in sorted(set(paths)):
        by_root.setdefault(places.root(path), []).append(path)
    for root, members in by_root.items():
        files = tuple(path.removeprefix(root) for path in members)
        yield Package(root=root, files=files, digest=_state_digest(root, files, started))


def _state_digest(root: str, files: Iterable[str], started: int | None = None) -> str:
    """Return a digest of the times and sizes of installed files, which any write changes."""
    total = hashlib.sha256()
    for file in files:
        status = _status(root + file)
        if status is None:
            total.update(b"absent;")
            continue
        if started is not None:
            _check_age(root + file, status, started)
        total.update(b"%d %d %d;" % (status.st_mtime_ns, status.st_ctime_ns, status.st_size))
    return total.hexdigest()


def _status(path: str) -> os.stat_result | None:
    """Return the status of a file, or of the archive that contains it."""
    while path:
        try:
            return os.stat(path)
        except NotADirectoryError:
            path = os.path.dirname(path)
        except OSError:
            break
    return None


def _list_digest(folder: str, kind: str, sought: frozenset[str]) -> str:
    """Return a digest of the relevant entries of a folder."""
    try:
        with os.scandir(folder) as entries:
            found = []
            for entry in entries:
                if (text := _format_entry(entry, kind, sought)) is not None:
                    found.append(text)
                if len(found) > _MAXIMUM_ENTRIES:
                    return _TOO_MANY
    except OSError as error:
        return f"error {error.errno}"
    text = "\0".join(sorted(found))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _metadata_state(path: str) -> str:
    for each in (f"{path}/METADATA", f"{path}/PKG-INFO", path):
        try:
            status = os.stat(each)
        except OSError:
            continue
        return f"{status.st_mtime_ns} {status.st_ctime_ns} {status.st_size}"
    return "absent"


_SUFFIXES = (*importlib.machinery.all_suffixes(), ".zip", ".egg")


def _format_entry(entry: os.DirEntry[str], kind: str, sought: frozenset[str]) -> str | None:
    name = entry.name
    if name == "__pycache__":
        return None
    is_folder = entry.is_dir()
    if kind == "all":
        return f"{name}/" if is_folder else name
    if name.endswith((".dist-info", ".egg-info", ".pth", ".egg-link")):
        return f"{name} {_metadata_state(entry.path)}"
    if not is_folder:
        return name if name.endswith(_SUFFIXES) else None
    if not name.isidentifier():
        return None
    if kind == "installed" or any(
        os.path.isfile(os.path.join(entry.path, f"__init__{each}")) for each in _SUFFIXES
    ):
        return f"{name}/"
    # Any module or package of the same name takes precedence over a namespace package.
    return f"{name}:" if name in sought else None
