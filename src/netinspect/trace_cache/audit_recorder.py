"""What a look touches while it runs: files, folders, words said, and what rules out keeping it.

Python tells its audit hooks of every file that is opened, every folder that is listed, every process
and connection. A hook cannot be taken away again, so ours is one for the process, added when the first
look is to be kept, and does nothing while no look runs.
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

from netinspect._utils.process import keep_alive
from netinspect.trace_cache.file_owners import Places
from netinspect.trace_cache.impure_code import has_impure_code

_LONGEST_SAYING = 64 * 1024
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
    """What one look touched; complete when it is over.

    Args:
        own: Folders that are the user's, whatever lies in them.
    """

    def __init__(self, own: tuple[str, ...]) -> None:
        self.own = own
        self.places = Places(own)
        self._thread = threading.get_ident()
        self._starter = str(getattr(sys.modules.get("__main__"), "__file__", ""))
        self.started = time.time_ns()
        self.preloaded = {name: id(module) for name, module in list(sys.modules.items())}
        self.opened: dict[str, None] = {}
        """Absolute paths that were opened for reading, whether they were there or not."""

        self.compiled: dict[str, str] = {}
        """Absolute paths of sources, which may not have been read, with those of their bytecode."""

        self.listed: dict[str, None] = {}
        """Absolute paths of the folders that were listed, but by the import system."""

        self.sought: dict[str, None] = {}
        """Dotted names of the modules that were looked for, found or not."""

        self.searched: dict[str, None] = {}
        """Entries that `sys.path` had while modules were looked for."""

        self.refusals: dict[str, None] = {}
        """Why this look cannot be kept; empty if it can."""

        self.said: list[str] = []
        self._length = 0
        self._handlers: dict[str, Callable[[str, tuple[Any, ...]], None]] = {
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
        """Rule out that this look is kept."""
        self.refusals[reason] = None

    def note(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Take up one event of Python's; called for each of them, so quick for most."""
        handler = self._handlers.get(event)
        if handler is not None:
            try:
                handler(event, arguments)
            except Exception as error:  # it must not break the user's call; a look half seen is not kept
                self.refuse(f"{event} was not understood ({type(error).__name__})")

    def hear(self, text: str) -> None:
        """Take up what was printed."""
        self._length += len(text)
        if self._length > _LONGEST_SAYING:
            self.refuse("it prints a great deal")
        else:
            self.said.append(text)

    def _note_open(self, event: str, arguments: tuple[Any, ...]) -> None:
        path, mode, flags = arguments
        if isinstance(path, int):
            # Opened before: by an event of its own, or by whoever started this process.
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
        """Whether a file is the import system's, which is watched in any case, or netinspect's own."""
        return _is_import_system(file) or self.places.owner(file) == "netinspect"

    def _note_pattern(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Where a part of a pattern has no wildcards, it is looked for, and no folder is listed."""
        pattern = os.fsdecode(arguments[0 if event == "glob.glob" else 1])
        parts = [part for part in pattern.split(os.sep) if part]
        if event == "glob.glob":
            parts = parts[-1:]  # a folder is listed by its name, whether it is there or not
        if not all(map(_WILDCARD.search, parts)) and self._is_asked_for():
            self.refuse(f"it asks what files there are ({pattern})")

    def _note_source(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Text that is run may say what a file of the user's may not."""
        source = arguments[0]
        if isinstance(source, (str, bytes)) and self._is_asked_for():
            content = source.encode("utf-8", "surrogatepass") if isinstance(source, str) else source
            if (reason := has_impure_code(content)) is not None:
                self.refuse(f"what it runs {reason}")

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        """Take up what the import system looks for, and leave it to others; called by Python."""
        self.sought[name] = None
        self.searched.update(dict.fromkeys(sys.path))

    def _note_library(self, event: str, arguments: tuple[Any, ...]) -> None:
        name = os.fsdecode(arguments[0] or "")
        # A bare name is one of the system's libraries.
        file = os.path.abspath(name) if os.path.basename(name) != name else ""
        if file and self.places.owner(file) == "user" and not file.startswith("/usr/"):
            self.refuse("it loads compiled code of its own")

    def _refuse_if_asked(self, event: str, arguments: tuple[Any, ...]) -> None:
        paths = [os.fsdecode(each) for each in arguments if isinstance(each, (str, bytes, os.PathLike))]
        if not any("__pycache__" in path for path in paths) and self._is_asked_for():
            self.refuse(_REASONS[event])

    def _is_asked_for(self) -> bool:
        """Whether what happens was begun by the user's code, and not by a library on being imported."""
        if threading.get_ident() != self._thread:
            return True  # who began a thread is not known
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
    """Where the source of a file of bytecode lies; None where Python would have no such file."""
    try:
        return importlib.util.source_from_cache(bytecode)
    except (ValueError, NotImplementedError):
        return None


def _is_import_system(file: str) -> bool:
    """Whether a file searches `sys.path`, for modules or metadata: that is watched in any case."""
    return file.startswith(_IMPORTER) or file.startswith(_METADATA)


class _Heard:
    """A stream that also tells a witness what is written to it; otherwise, it is the stream."""

    def __init__(self, stream: TextIO, witness: AuditRecorder) -> None:
        self._stream = stream
        self._witness: AuditRecorder | None = witness

    def write(self, text: str) -> int:
        if self._witness is not None:
            self._witness.hear(text)
        return self._stream.write(text)

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def let_go(self) -> None:
        self._witness = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


_current: AuditRecorder | None = None
_is_hooked = False


_EVENTS = frozenset(
    (
        *("open", "import", "os.listdir", "os.scandir", "os.chdir", "ctypes.dlopen", "compile"),
        *("glob.glob", "pathlib.Path.glob", "pathlib.Path.rglob"),
        *_REASONS,
    )
)
"""What a witness takes up; Python tells of some ten thousand other events in a look."""


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if _current is not None and event in _EVENTS:
        _current.note(event, arguments)


@contextmanager
def audit_recording(own: tuple[str, ...]) -> Iterator[AuditRecorder]:
    """Watch what the block does: one at a time, in the whole process.

    Args:
        own: Folders that are the user's, whatever lies in them.
    """
    global _current, _is_hooked
    if not _is_hooked:
        sys.addaudithook(_hook)
        _is_hooked = True
    witness = AuditRecorder(own)
    out, err = (_Heard(stream, witness) if stream else stream for stream in (sys.stdout, sys.stderr))
    before, _current = _current, witness
    sys.meta_path.insert(0, cast("Any", witness))
    try:
        with redirect_stdout(cast("TextIO", out)), redirect_stderr(cast("TextIO", err)):
            yield witness
    finally:
        _current = before
        if witness in sys.meta_path:
            sys.meta_path.remove(cast("Any", witness))
        for stream in (out, err):
            if isinstance(stream, _Heard):
                stream.let_go()
                keep_alive(stream)
