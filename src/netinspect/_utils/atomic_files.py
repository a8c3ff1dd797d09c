"""Atomic writing of text files."""

from __future__ import annotations

import errno
import itertools
import os
import re
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from netinspect._utils import opened_files
from netinspect.errors import UsageError

_FOLDER_REFUSES = (errno.EACCES, errno.EPERM, errno.EBUSY, errno.EROFS, errno.EXDEV)
"""Errors with which a folder refuses to replace a file that can still be written in place."""

_NO_UNNAMED_FILES = (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL, errno.ENOENT)
_HINTS = {
    errno.ENOSPC: "make room for it",
    errno.EDQUOT: "make room for it",
    errno.EFBIG: "raise the limit on the size of files (ulimit -f)",
    errno.EROFS: "name a file on a disk that may be written to",
}
_LABELS = frozenset(("security.selinux",))
"""Extended attributes that the system also gives to a new file."""

_BINARY: int = getattr(os, "O_BINARY", 0)
"""Flag without which Windows translates line ends that are written."""

_PART = r"\.netinspect-\d+-\d+\.part"
_numbers = itertools.count()


def refuse_to_replace(file: Path | None, sources: Iterable[str | os.PathLike[str]] = ()) -> None:
    """Check that writing a file does not replace a file that is or was read.

    Args:
        file: Path to write; None to skip the check.
        sources: Files that are read, in addition to those that this process has opened; paths that are
            not files are ignored.

    Raises:
        UsageError: Writing would replace such a file.
    """
    if file is None or (identity := _identity(file)) is None:
        return
    hint = "name another file"
    for source in sources:
        if _identity(source) == identity:
            raise UsageError(f"{file} would be replaced, but it is the target", hint=hint)
    opener = opened_files.opener(file)
    if opener == "this process" or any(
        _identity(each) == identity for each in opened_files.opened_paths()
    ):
        raise UsageError(f"{file} would be replaced, but it was read in this run", hint=hint)
    if opener is not None:
        raise UsageError(f"{file} would be replaced, and {opener} opened it in this run", hint=hint)


def was_read(descriptor: int) -> bool:
    """Return whether this process has read an open regular file that is not empty."""
    identity = _identity(descriptor)
    if identity is None or os.fstat(descriptor).st_size == 0:
        return False
    return any(_identity(each) == identity for each in opened_files.opened_paths())


def _identity(file: str | os.PathLike[str] | int) -> tuple[int, int] | None:
    """Return a key that all names of a regular file share; None for anything else."""
    try:
        status = os.stat(file)
    except (OSError, ValueError):
        return None
    return (status.st_dev, status.st_ino) if stat.S_ISREG(status.st_mode) else None


def write_whole(file: Path, content: str | bytes) -> None:
    """Write a file atomically; a string gets the line ends of the system.

    A new file replaces the old one and has its mode and owner; links are followed. A file that cannot
    be replaced, because it has several names, attributes, another owner or a read-only folder, is
    written in place after its disk space has been reserved.

    Raises:
        BrokenPipeError: The file is a pipe that its reader has closed.
        UsageError: The file cannot be written; an old file is unchanged.
    """
    if isinstance(content, str):
        content = content.replace("\n", os.linesep).encode("utf-8", "backslashreplace")
    try:
        try:
            status = os.stat(file)
        except FileNotFoundError:
            status = None
        if status is None or stat.S_ISREG(status.st_mode):
            if status is not None:
                _refuse_read_only(file, status)
            _write_regular(os.path.realpath(file), content, status)
        else:  # a device or a pipe
            _write_to(os.open(file, os.O_WRONLY | _BINARY | getattr(os, "O_NOCTTY", 0)), content)
    except BrokenPipeError:
        raise
    except (OSError, ValueError) as error:
        raise _unwritable(file, error) from error


def refuse_unwritable(file: Path) -> None:
    """Check that a file is in a folder that exists, and is not one itself, before a long run.

    Raises:
        UsageError: The file could not be written.
    """
    if os.path.isdir(file):
        raise _unwritable(file, IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR)))
    if not os.path.isdir(os.path.dirname(os.path.realpath(file))):
        raise _unwritable(file, FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT)))


def _unwritable(file: Path, error: Exception) -> UsageError:
    return UsageError(
        f"cannot write {file}",
        cause=getattr(error, "strerror", None) or str(error),
        hint=hint_for(error, "name a file in a folder that exists and may be written to"),
    )


def hint_for(error: BaseException, otherwise: str) -> str:
    """Return the hint for an error of writing.

    Args:
        error: The error.
        otherwise: The hint for an error that has no specific one.
    """
    return _HINTS.get(getattr(error, "errno", None) or 0, otherwise)


def write_all(descriptor: int, content: bytes | memoryview) -> None:
    """Write all bytes, in several calls if necessary; wait for a pipe that is full.

    Raises:
        OSError: The bytes cannot be written.
    """
    left = memoryview(content).cast("B")
    while left:
        try:
            left = left[os.write(descriptor, left) :]
        except BlockingIOError:
            import select

            if not hasattr(select, "poll"):
                raise
            waiting = select.poll()
            waiting.register(descriptor, select.POLLOUT)
            waiting.poll()


def _write_to(descriptor: int, content: bytes) -> None:
    """Write and close; some systems report a failed write only on close."""
    try:
        write_all(descriptor, content)
    except BaseException:  # close it on Ctrl-C too
        with suppress(OSError):
            os.close(descriptor)
        raise
    os.close(descriptor)


def _refuse_read_only(file: Path, status: os.stat_result) -> None:
    """Refuse a read-only file, also for root, who could write it."""
    effective = os.access in os.supports_effective_ids
    if not status.st_mode & 0o222 or not os.access(file, os.W_OK, effective_ids=effective):
        raise UsageError(
            f"cannot write {file}",
            cause="it is read-only",
            hint="name another file, or make this one writable",
        )


def _write_regular(path: str, content: bytes, old: os.stat_result | None) -> None:
    if old is None:
        _replace(path, content, None)
        return
    if old.st_nlink > 1 or _has_attributes(path):
        _write_in_place(path, content)
        return
    try:
        _replace(path, content, old)
    except OSError as error:
        if error.errno not in _FOLDER_REFUSES:
            raise
        _write_in_place(path, content)


def _has_attributes(path: str) -> bool:
    """Return whether a file has access lists or other attributes that a new file would lack."""
    try:
        return not _LABELS.issuperset(os.listxattr(path))
    except (OSError, AttributeError):
        return False


def _write_in_place(path: str, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | _BINARY)
    try:
        size = os.fstat(descriptor).st_size
        if content and hasattr(os, "posix_fallocate"):
            try:
                os.posix_fallocate(descriptor, 0, len(content))
            except OSError as error:
                os.ftruncate(descriptor, size)
                if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):
                    raise
        write_all(descriptor, content)
        os.ftruncate(descriptor, len(content))
    finally:
        os.close(descriptor)


class _CannotName(Exception):
    """The system can open unnamed files in this folder, but cannot name them."""


def _replace(path: str, content: bytes, old: os.stat_result | None) -> None:
    """Create a file, or replace an old one."""
    try:
        _put(path, content, old, unnamed=True)
    except _CannotName:
        _put(path, content, old, unnamed=False)


def _put(path: str, content: bytes, old: os.stat_result | None, *, unnamed: bool) -> None:
    folder = os.path.dirname(path)
    descriptor, part = _open_part(folder, unnamed=unnamed)
    try:
        try:
            if old is not None:
                _copy_attributes(descriptor, old)
            write_all(descriptor, content)
            if part is None:
                # An unnamed file disappears if the process is killed; it is named when it is complete.
                part = path if old is None else _part_name(folder)
                try:
                    _name(descriptor, part)
                except FileExistsError:  # another process was faster
                    part = _part_name(folder)
                    _name(descriptor, part)
        finally:
            os.close(descriptor)
        if part != path:
            os.replace(part, path)
    except BaseException:  # remove the part on Ctrl-C too
        if part not in (None, path):
            with suppress(OSError):
                os.unlink(part)
        raise


def _name(descriptor: int, path: str) -> None:
    # Python follows the link only if a descriptor is given, although an absolute path does not need one.
    try:
        os.link(f"/proc/self/fd/{descriptor}", path, src_dir_fd=descriptor, follow_symlinks=True)
    except OSError as error:
        if error.errno in (errno.EEXIST, errno.ENOSPC, errno.EDQUOT, errno.ENAMETOOLONG):
            raise
        raise _CannotName from error


def _copy_attributes(descriptor: int, old: os.stat_result) -> None:
    """Give a new file the owner and mode of an old one.

    Raises:
        PermissionError: This user may not change the owner.
    """
    if not hasattr(os, "fchown"):
        return
    new = os.fstat(descriptor)
    if (new.st_uid, new.st_gid) != (old.st_uid, old.st_gid):
        os.fchown(descriptor, old.st_uid, old.st_gid)
    os.fchmod(descriptor, stat.S_IMODE(old.st_mode))


def _part_name(folder: str) -> str:
    return os.path.join(folder, f".netinspect-{os.getpid()}-{next(_numbers)}.part")


def _open_part(folder: str, *, unnamed: bool) -> tuple[int, str | None]:
    """Open a new file without a name, or with one if the system does not support that; return both."""
    if unnamed and hasattr(os, "O_TMPFILE") and os.path.isdir("/proc/self/fd"):
        try:
            return os.open(folder, os.O_TMPFILE | os.O_WRONLY, 0o666), None
        except OSError as error:
            if error.errno not in _NO_UNNAMED_FILES:
                raise
    _remove_parts(folder)
    part = _part_name(folder)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY, 0o666)
    _lock(descriptor)
    return descriptor, part


def _remove_parts(folder: str) -> None:
    """Remove parts of killed processes, which are those that are not locked."""
    with suppress(OSError):
        for name in os.listdir(folder):
            if not re.fullmatch(_PART, name):
                continue
            path = os.path.join(folder, name)
            with suppress(OSError):
                descriptor = os.open(path, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
                try:
                    if _lock(descriptor):
                        os.unlink(path)
                finally:
                    os.close(descriptor)


def _lock(descriptor: int) -> bool:
    """Try to lock an open file; return whether this process holds the lock."""
    try:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (OSError, ImportError):
        return False
    return True
