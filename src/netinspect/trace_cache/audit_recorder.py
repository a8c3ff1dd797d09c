"""Audit recorder: files, folders and output of a run, and reasons not to cache it.

Python raises an audit event for every opened file, listed folder, process and connection.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from typing import Any, TextIO, cast

from netinspect._utils.audit_events import listening
from netinspect._utils.code_owners import IMPORTER, asking_frame, is_users, owner
from netinspect._utils.process import keep_alive

_MOST_OUTPUT = 64 * 1024
_WRITES = frozenset("wax+")
_WRITE_FLAGS = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_METADATA = os.path.join(os.path.dirname(os.__file__), "importlib", "metadata")

_CHANGES_FILES = "it changes files"
_REFUSED = {
    "it starts another process": (
        "subprocess.Popen", "os.system", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn",
        "os.spawn", "os.startfile", "pty.spawn",
    ),
    "it uses the network": (
        "socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr",
        "socket.getnameinfo", "socket.sendto", "socket.sendmsg", "urllib.Request",
    ),
    "it opens a database": ("sqlite3.connect",),
    "it asks for something to be typed": ("builtins.input",),
    _CHANGES_FILES: (
        "os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.truncate",
        "os.chmod", "os.chown", "os.utime", "shutil.copyfile", "shutil.move", "shutil.rmtree",
        "tempfile.mkstemp", "tempfile.mkdtemp",
    ),
}  # fmt: skip
_REASONS = {event: reason for reason, events in _REFUSED.items() for event in events}


class AuditRecorder:
    """Record of the files and events of one run; complete when the run ends."""

    def __init__(self) -> None:
        self._thread = threading.get_ident()
        self._starter = str(getattr(sys.modules.get("__main__"), "__file__", ""))
        self._length = 0
        self.started = time.time_ns()
        self.opened: dict[str, None] = {}
        """Absolute paths that were opened for reading, even if missing; the source for bytecode."""

        self.listed: dict[str, None] = {}
        """Absolute paths of the folders that were listed, except by the import system."""

        self.searched: dict[str, None] = {}
        """Entries of `sys.path` during imports."""

        self.refusals: dict[str, None] = {}
        """Why this run cannot be cached; empty if it can."""

        self.output: list[str] = []
        self.handlers: dict[str, Callable[[str, tuple[Any, ...]], None]] = {
            "open": self._note_open,
            "import": self._note_import,
            "os.listdir": self._note_listing,
            "os.scandir": self._note_listing,
            "os.chdir": self._note_listing,
            "ctypes.dlopen": self._note_library,
            **dict.fromkeys(_REASONS, self._note_action),
        }

    def note(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Record one audit event, one of `handlers`."""
        try:
            self.handlers[event](event, arguments)
        except Exception as error:  # must not break the user's call
            self.refusals[f"{event} was not parsed ({type(error).__name__})"] = None

    def record_output(self, text: str) -> None:
        """Record printed text."""
        self._length += len(text)
        if self._length > _MOST_OUTPUT:
            self.refusals["it prints more than 64 KiB"] = None
        else:
            self.output.append(text)

    def _note_open(self, event: str, arguments: tuple[Any, ...]) -> None:
        path, mode, flags = arguments
        if isinstance(path, int):
            # Opened earlier: in an event of its own, or by the parent process.
            self._refuse_if_asked("it reads from a file that was open already")
            return
        path = os.path.abspath(os.fsdecode(path))
        writes = not _WRITES.isdisjoint(mode) if isinstance(mode, str) else flags & _WRITE_FLAGS
        if path.startswith(("/proc/", "/sys/", "/dev/")):
            if path != os.devnull:
                self._refuse_if_asked("it reads the state of the machine")
        elif writes:
            self._refuse_if_asked(_CHANGES_FILES, path)
        else:
            if path.endswith(".pyc"):
                with suppress(ValueError, NotImplementedError):  # a module without source
                    path = importlib.util.source_from_cache(path)
            self.opened[path] = None

    def _note_import(self, event: str, arguments: tuple[Any, ...]) -> None:
        _, compiled, searched, *_ = arguments
        self.searched.update(dict.fromkeys(searched or ()))
        if compiled is not None:
            self._note_library(event, (compiled,))

    def _note_library(self, event: str, arguments: tuple[Any, ...]) -> None:
        file = os.fsdecode(arguments[0] or "")
        # A bare name is a system library.
        if os.sep in file and not file.startswith("/usr/") and is_users(os.path.abspath(file)):
            self.refusals["it loads compiled code of its own"] = None

    def _note_listing(self, event: str, arguments: tuple[Any, ...]) -> None:
        path = arguments[0] if arguments[0] is not None else "."
        caller = sys._getframe(3).f_code.co_filename
        if isinstance(path, int):
            self.refusals["it lists a folder by its descriptor"] = None
        elif not caller.startswith((IMPORTER, _METADATA)) and owner(caller) != "ours":
            self.listed[os.path.abspath(os.fsdecode(path))] = None

    def _note_action(self, event: str, arguments: tuple[Any, ...]) -> None:
        paths = (os.fsdecode(each) for each in arguments if isinstance(each, (str, bytes, os.PathLike)))
        self._refuse_if_asked(_REASONS[event], *paths)

    def _refuse_if_asked(self, reason: str, *paths: str) -> None:
        if not any("__pycache__" in path for path in paths) and self._is_asked_for():
            self.refusals[reason] = None

    def _is_asked_for(self) -> bool:
        """Return whether user code caused the event, and not a library during its import."""
        if threading.get_ident() != self._thread:
            return True  # the code that started a thread is unknown
        return asking_frame(self._is_users) is not None

    def _is_users(self, file: str) -> bool:
        return file[:1] != "<" and file != self._starter and is_users(file)


class _CopiedStream:
    """Proxy of a stream that also records the text written to it."""

    def __init__(self, stream: TextIO, recorder: AuditRecorder) -> None:
        self._stream = stream
        self._recorder: AuditRecorder | None = recorder

    def write(self, text: str) -> int:
        if self._recorder is not None:
            self._recorder.record_output(text)
        return self._stream.write(text)

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def detach(self) -> None:
        self._recorder = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def audit_recording() -> Iterator[AuditRecorder]:
    """Record the events of the block."""
    recorder = AuditRecorder()
    out, err = (
        _CopiedStream(stream, recorder) if stream else stream for stream in (sys.stdout, sys.stderr)
    )
    try:
        with (
            listening(recorder.note, recorder.handlers),
            redirect_stdout(cast("TextIO", out)),
            redirect_stderr(cast("TextIO", err)),
        ):
            yield recorder
    finally:
        for stream in (out, err):
            if isinstance(stream, _CopiedStream):
                stream.detach()
                keep_alive(stream)
