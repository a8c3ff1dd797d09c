"""Guard that refuses child processes, connections and file writes while a project is imported.

Python raises an audit event before each of these actions.
"""

from __future__ import annotations

import errno
import os
import sys
import tempfile
from collections.abc import Iterable
from types import FrameType
from typing import Any

from netinspect._utils.code_owners import asking_frame, is_users

_PROCESSES = frozenset(
    {
        *("subprocess.Popen", "os.system", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn"),
        *("os.spawn", "os.startfile", "pty.spawn", "os.kill", "os.killpg"),
    }
)
_NETWORK = frozenset(
    {
        *("socket.connect", "socket.bind", "socket.getaddrinfo", "socket.gethostbyname"),
        *("socket.gethostbyaddr", "socket.getnameinfo", "socket.sendto", "socket.sendmsg"),
        *("urllib.Request", "ftplib.connect", "http.client.connect", "smtplib.connect"),
        *("poplib.connect", "imaplib.open", "webbrowser.open"),
    }
)
_WRITES = frozenset(
    {
        *("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.truncate"),
        *("os.chmod", "os.chown", "os.utime", "os.chflags", "os.setxattr", "os.removexattr"),
        *("shutil.rmtree", "sqlite3.connect", "tempfile.mkstemp", "tempfile.mkdtemp"),
    }
)
EVENTS = _PROCESSES | _NETWORK | _WRITES | {"open"}
_WRITE_FLAGS = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CHANGES: dict[str, tuple[tuple[int, int | None], ...]] = {
    "os.mkdir": ((0, 2),),
    "os.remove": ((0, 1),),
    "os.rmdir": ((0, 1),),
    "os.rename": ((0, 2), (1, 3)),
    "os.link": ((1, 3),),
    "os.symlink": ((1, 2),),
    "os.chmod": ((0, 2),),
    "os.chown": ((0, 3),),
    "os.utime": ((0, 3),),
    "shutil.rmtree": ((0, 1),),
}
"""Positions of the changed paths among the arguments of an event, each with the position of the
descriptor of the folder that a relative path starts from."""

_TEMPFILE = tempfile.__file__
_LONGEST = 200


class RefusedError(PermissionError):
    """Raised when project code requests a refused action during its import.

    It is a PermissionError, so that code that handles missing permissions handles it too.
    """

    def __init__(self, what: str, file: str, line: int) -> None:
        super().__init__(errno.EACCES, f"{what} is refused while the project is imported")
        self.what = what
        self.file = file
        self.line = line

    def __str__(self) -> str:
        return str(self.strerror)


class Guard:
    """Refuses actions of a project, and records them.

    Writing in temporary folders is allowed, except in the folders of the project and the current folder.

    Args:
        folders: Folders of the project's code.
        current: The current folder.
    """

    def __init__(self, folders: Iterable[str], current: str) -> None:
        self._code = with_links(folders)
        self._folders = with_links([*folders, current])
        self._temporary = tuple({os.path.realpath(each) + os.sep for each in _temporary_folders()})
        self._made: list[str] = []
        self.refused: list[RefusedError] = []

    def check(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Check an audit event, one of `EVENTS`.

        Raises:
            RefusedError: A line of the project requested an action that is refused.
        """
        if event in _PROCESSES:
            what = f"a child process ({_short(arguments)})"
            if event in ("os.kill", "os.killpg"):
                what = f"a signal to a process ({_short(arguments)})"
        elif event in _NETWORK:
            what = f"a network connection ({_short(arguments)})"
        else:
            path = self._written(event, arguments)
            if path is None:
                return
            what = f"writing {path}"
        # Actions that the project requests by calling a package are refused too.
        frame = asking_frame(self._is_code)
        if frame is not None:
            error = RefusedError(what, frame.f_code.co_filename, frame.f_lineno)
            self.refused.append(error)
            raise error

    def _is_code(self, file: str) -> bool:
        return file.startswith(self._code) and is_users(file)

    def _written(self, event: str, arguments: tuple[Any, ...]) -> str | None:
        """Return the path that an event changes, if that is not allowed."""
        if event == "open" and not _opens_for_writing(arguments):
            return None
        for position, folder in _CHANGES.get(event, ((0, None),)):
            given = arguments[position] if position < len(arguments) else None
            if not isinstance(given, (str, bytes, os.PathLike)):
                continue  # an open file
            text = os.fsdecode(given)
            if folder is not None and folder < len(arguments):
                text = os.path.join(_folder_of(arguments[folder]), text)
            path = os.path.realpath(text)
            if os.path.join(path, "").startswith(self._temporary) and _is_in_tempfile():
                if event != "open":
                    self._made.append(path)
            elif event == "os.mkdir" and os.path.isdir(path):
                continue  # it exists: mkdir fails, or exist_ok is set
            elif not self._is_allowed(text, path):
                return text
        return None

    def _is_allowed(self, text: str, path: str) -> bool:
        if text.startswith(("/dev/", "/proc/")) or text in (":memory:", "", os.devnull):
            return True
        if any(path == each or path.startswith(each + os.sep) for each in self._made):
            return True
        return path.startswith(self._temporary) and not (path + os.sep).startswith(self._folders)


def _folder_of(descriptor: object) -> str:
    """Return the path of the folder of a descriptor; the empty string for the current folder."""
    if not isinstance(descriptor, int) or descriptor < 0:
        return ""
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}")
    except OSError:  # no /proc: the root, which is not temporary
        return os.sep


def _temporary_folders() -> list[str]:
    names = ("TMPDIR", "TEMP", "TMP")
    return [tempfile.gettempdir(), *filter(None, map(os.environ.get, names)), "/tmp", "/var/tmp"]


def _opens_for_writing(arguments: tuple[Any, ...]) -> bool:
    _, mode, flags = arguments
    if isinstance(mode, str):
        return not {"w", "a", "x", "+"}.isdisjoint(mode)
    return isinstance(flags, int) and bool(flags & _WRITE_FLAGS)


def _is_in_tempfile() -> bool:
    frame: FrameType | None = sys._getframe(4)
    while frame is not None and frame.f_code.co_filename.startswith(("<", os.__file__)):
        frame = frame.f_back
    return frame is not None and frame.f_code.co_filename == _TEMPFILE


def with_links(folders: Iterable[str]) -> tuple[str, ...]:
    """Return folders with a trailing separator, both as named and with links resolved."""
    both = (path for folder in folders for path in (os.path.abspath(folder), os.path.realpath(folder)))
    return tuple(dict.fromkeys(os.path.join(path, "") for path in both))


def _short(arguments: tuple[Any, ...]) -> str:
    """Return the arguments of an event as a short text, without running user code."""
    words = []
    for each in arguments:
        if isinstance(each, (list, tuple)):
            words += [word for word in each if type(word) in (str, bytes, int)]
        elif type(each) in (str, bytes, int):
            words.append(each)
    text = " ".join(os.fsdecode(each) if isinstance(each, (str, bytes)) else str(each) for each in words)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
