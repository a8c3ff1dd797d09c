"""Audit recorder: files, folders and output of a run, and reasons not to cache it.

Python raises an audit event for every opened file, listed folder, process and connection.
"""

from __future__ import annotations

import importlib.util
import os
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from types import FrameType
from typing import Any, TextIO, cast

from netinspect._utils.audit_events import listening
from netinspect._utils.process import keep_alive
from netinspect.trace_cache.file_owners import FileOwners
from netinspect.trace_cache.impure_code import has_impure_code

_MOST_OUTPUT = 64 * 1024
_WILDCARD = re.compile(r"[*?[]")
_WRITES = frozenset("wax+")
_WRITE_FLAGS = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_IMPORTER = "<frozen importlib"
_METADATA = os.path.join(os.path.dirname(os.__file__), "importlib", "metadata")

_RULED_OUT = {
    "it starts another process": (
        "subprocess.Popen", "os.system", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn",
        "os.spawn", "os.startfile", "pty.spawn",
    ),
    "it uses the network": (
        "socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr",
        "socket.getnameinfo", "socket.sendto", "socket.sendmsg", "urllib.Request",
    ),
    "it opens a database": ("sqlite3.connect",),
    "it asks what files there are": ("os.getxattr", "os.listxattr"),
    "it asks for something to be typed": ("builtins.input",),
    "it changes files": (
        "os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.truncate",
        "os.chmod", "os.chown", "os.utime", "shutil.copyfile", "shutil.move", "shutil.rmtree",
        "tempfile.mkstemp", "tempfile.mkdtemp",
    ),
}  # fmt: skip
_REASONS = {event: reason for reason, events in _RULED_OUT.items() for event in events}


class AuditRecorder:
    """Record of the files and events of one run; complete when the run ends.

    Args:
        own: Folders whose files all belong to the user.
    """

    def __init__(self, own: tuple[str, ...]) -> None:
        self.own = own
        self.places = FileOwners(own)
        self._thread = threading.get_ident()
        self._starter = str(getattr(sys.modules.get("__main__"), "__file__", ""))
        self.started = time.time_ns()
        self.preloaded = {name: id(module) for name, module in list(sys.modules.items())}
        self.opened: dict[str, None] = {}
        """Absolute paths that were opened for reading, whether they exist or not."""

        self.compiled: dict[str, str] = {}
        """Absolute paths of sources, which may not have been read, and of their bytecode."""

        self.listed: dict[str, None] = {}
        """Absolute paths of the folders that were listed, except by the import system."""

        self.sought: dict[str, None] = {}
        """Dotted names of the modules that imports searched for, found or not."""

        self.searched: dict[str, None] = {}
        """Entries of `sys.path` during these searches."""

        self.refusals: dict[str, None] = {}
        """Why this run cannot be cached; empty if it can."""

        self.output: list[str] = []
        self._length = 0
        self.handlers: dict[str, Callable[[str, tuple[Any, ...]], None]] = {
            "open": self._note_open,
            "import": self._note_import,
            "os.listdir": self._note_listing,
            "os.scandir": self._note_listing,
            "os.chdir": self._note_listing,
            "ctypes.dlopen": self._note_library,
            "glob.glob": self._note_pattern,
            "pathlib.Path.glob": self._note_pattern,
            "pathlib.Path.rglob": self._note_pattern,
            "compile": self._note_source,
            **dict.fromkeys(_REASONS, self._refuse_if_asked),
        }

    def refuse(self, reason: str) -> None:
        """Add a reason not to cache this run."""
        self.refusals[reason] = None

    def note(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Record one audit event, one of `handlers`."""
        try:
            self.handlers[event](event, arguments)
        except Exception as error:  # must not break the user's call
            self.refuse(f"{event} was not parsed ({type(error).__name__})")

    def record_output(self, text: str) -> None:
        """Record printed text."""
        self._length += len(text)
        if self._length > _MOST_OUTPUT:
            self.refuse("it prints more than 64 KiB")
        else:
            self.output.append(text)

    def _note_open(self, event: str, arguments: tuple[Any, ...]) -> None:
        path, mode, flags = arguments
        if isinstance(path, int):
            # Opened earlier: in an event of its own, or by the parent process.
            if self._is_asked_for():
                self.refuse("it reads from a file that was open already")
            return
        path = os.path.abspath(os.fsdecode(path))
        if path.endswith(".pyc") and (source := _source_of(path)) is not None:
            self.compiled[source] = path
            return
        if path == os.devnull:
            return
        writes = not _WRITES.isdisjoint(mode) if isinstance(mode, str) else flags & _WRITE_FLAGS
        if path.startswith(("/proc/", "/sys/", "/dev/")):
            if self._is_asked_for():
                self.refuse("it reads the state of the machine")
        elif writes:
            self._refuse_if_asked("os.rename", arguments)
        else:
            self.opened[path] = None

    def _note_import(self, event: str, arguments: tuple[Any, ...]) -> None:
        self.sought[arguments[0]] = None
        self.searched.update(dict.fromkeys(sys.path))

    def _note_listing(self, event: str, arguments: tuple[Any, ...]) -> None:
        path = arguments[0] if arguments[0] is not None else "."
        if isinstance(path, int):
            self.refuse("it lists a folder by its descriptor")
        elif not self._is_ours(sys._getframe(3).f_code.co_filename):
            self.listed[os.path.abspath(os.fsdecode(path))] = None

    def _is_ours(self, file: str) -> bool:
        """Return whether a file belongs to the import system, recorded elsewhere, or to netinspect."""
        return _is_import_system(file) or self.places.owner(file) == "netinspect"

    def _note_pattern(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Refuse a pattern with a literal part, which is tested for existence without a listing."""
        pattern = os.fsdecode(arguments[0 if event == "glob.glob" else 1])
        parts = [part for part in pattern.split(os.sep) if part]
        if event == "glob.glob":
            parts = parts[-1:]  # a folder is listed by its name, whether it is there or not
        if not all(map(_WILDCARD.search, parts)) and self._is_asked_for():
            self.refuse(f"it asks what files there are ({pattern})")

    def _note_source(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Refuse compiled text with impure code, as in user files."""
        source = arguments[0]
        if isinstance(source, (str, bytes)) and self._is_asked_for():
            content = source.encode("utf-8", "surrogatepass") if isinstance(source, str) else source
            if (reason := has_impure_code(content)) is not None:
                self.refuse(f"code that it compiles {reason}")

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        """Record a module search, and leave it to other finders; called by Python."""
        self.sought[name] = None
        self.searched.update(dict.fromkeys(sys.path))

    def _note_library(self, event: str, arguments: tuple[Any, ...]) -> None:
        name = os.fsdecode(arguments[0] or "")
        # A bare name is a system library.
        file = os.path.abspath(name) if os.path.basename(name) != name else ""
        if file and self.places.owner(file) == "user" and not file.startswith("/usr/"):
            self.refuse("it loads compiled code of its own")

    def _refuse_if_asked(self, event: str, arguments: tuple[Any, ...]) -> None:
        paths = [os.fsdecode(each) for each in arguments if isinstance(each, (str, bytes, os.PathLike))]
        if not any("__pycache__" in path for path in paths) and self._is_asked_for():
            self.refuse(_REASONS[event])

    def _is_asked_for(self) -> bool:
        """Return whether user code caused the event, and not a library during its import."""
        if threading.get_ident() != self._thread:
            return True  # the code that started a thread is unknown
        frame: FrameType | None = sys._getframe(1)
        while frame is not None:
            file = frame.f_code.co_filename
            if file.startswith(_IMPORTER):
                if frame.f_code.co_name == "exec_module":
                    return False
            elif file[:1] != "<" and file != self._starter and self.places.owner(file) == "user":
                return True
            frame = frame.f_back
        return False


def _source_of(bytecode: str) -> str | None:
    """Return the source path of a bytecode file; None if Python would not use such a file."""
    try:
        return importlib.util.source_from_cache(bytecode)
    except (ValueError, NotImplementedError):
        return None


def _is_import_system(file: str) -> bool:
    """Return whether a file searches `sys.path` for modules or metadata, which is recorded elsewhere."""
    return file.startswith(_IMPORTER) or file.startswith(_METADATA)


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
def audit_recording(own: tuple[str, ...]) -> Iterator[AuditRecorder]:
    """Record the events of the block; one block at a time per process.

    Args:
        own: Folders whose files all belong to the user.
    """
    recorder = AuditRecorder(own)
    out, err = (
        _CopiedStream(stream, recorder) if stream else stream for stream in (sys.stdout, sys.stderr)
    )
    sys.meta_path.insert(0, cast("Any", recorder))
    try:
        with (
            listening(recorder.note, recorder.handlers),
            redirect_stdout(cast("TextIO", out)),
            redirect_stderr(cast("TextIO", err)),
        ):
            yield recorder
    finally:
        if recorder in sys.meta_path:
            sys.meta_path.remove(cast("Any", recorder))
        for stream in (out, err):
            if isinstance(stream, _CopiedStream):
                stream.detach()
                keep_alive(stream)
