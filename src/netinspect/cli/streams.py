"""Standard streams of the command line: complete writes, and stdout reserved for the result."""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout, suppress
from typing import TextIO

from netinspect._utils import process
from netinspect._utils.atomic_files import write_all

_CLOSED = -1

before_write: Callable[[memoryview], None] | None = None
"""Function to call with what is written next, such as one that removes a line of progress."""


class WholeWriter(io.RawIOBase):
    """Stream that writes all bytes to a descriptor; it keeps the first error, and then drops the rest.

    Python's own raw file, which is all that PYTHONUNBUFFERED leaves of stdout, writes as many bytes as
    the system takes at once; and what a buffer could not write would fail again at the end.

    Args:
        descriptor: Where to write.
        name: What the stream is called.
        quiet: Whether a failure goes without an exception.
    """

    def __init__(self, descriptor: int, name: str, *, quiet: bool = False) -> None:
        self.descriptor = descriptor
        self.name = name
        self.mode = "w"
        self.failure: OSError | None = None
        self._quiet = quiet

    def write(self, content: object) -> int:
        """Write all bytes.

        Raises:
            OSError: They cannot be written; only the first time, and never of a quiet stream.
        """
        view = memoryview(content).cast("B")  # type: ignore[arg-type]
        if before_write is not None:
            before_write(view)
        if self.failure is None:
            try:
                if self.descriptor == _CLOSED:
                    raise OSError(errno.EBADF, f"{self.name.strip('<>')} is closed")
                write_all(self.descriptor, view)
            except OSError as error:
                self.failure = error
                if not self._quiet:
                    raise
        return len(view)

    def fileno(self) -> int:
        """Return the descriptor."""
        if self.descriptor == _CLOSED:
            raise io.UnsupportedOperation("fileno")
        return self.descriptor

    def isatty(self) -> bool:
        """Return whether the descriptor is a terminal."""
        return self.descriptor != _CLOSED and os.isatty(self.descriptor)

    def writable(self) -> bool:
        """Return True: the stream is for output."""
        return True


_result: TextIO | None = None
"""Original stdout, before user code could write to it."""

_writer: WholeWriter | None = None
"""Stream that writes to stdout; None if this module has not replaced the streams."""


def own_streams() -> None:
    """Make both output streams write completely; for a process that runs only one command.

    A standard descriptor that is closed becomes the null device: else the next file that is opened would
    have its number, and all that is printed would go into that file.
    """
    global _writer
    if os.name != "posix":
        return
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
            os.set_inheritable(number, True)
    _writer = WholeWriter(_CLOSED if sys.stdout is None else 1, "<stdout>")
    sys.stdout = _text(_writer, sys.stdout)
    sys.stderr = _text(WholeWriter(2, "<stderr>", quiet=True), sys.stderr, line_buffering=True)


def _text(writer: WholeWriter, former: TextIO | None, *, line_buffering: bool = False) -> TextIO:
    if former is not None:
        with suppress(OSError, ValueError):
            former.flush()
    return io.TextIOWrapper(
        io.BufferedWriter(writer),
        encoding=getattr(former, "encoding", None) or "utf-8",
        errors="backslashreplace",
        line_buffering=line_buffering,
    )


def result_stream() -> TextIO | None:
    """Return the stream for results: stdout at the start of the process."""
    return sys.stdout if _result is None else _result


def finish_stdout() -> OSError | None:
    """Flush the stream; return the error that stopped the output, or None."""
    stream = result_stream()
    with suppress(OSError, ValueError, AttributeError):
        stream.flush()  # type: ignore[union-attr]
    if _writer is None:
        return None
    if _writer.failure is None and _writer.descriptor != _CLOSED:
        try:
            # Some file systems report a full disk only on close.
            os.close(os.dup(_writer.descriptor))
        except OSError as error:
            _writer.failure = error
    return _writer.failure


@contextmanager
def users_output_on_stderr() -> Iterator[None]:
    """Send the output of user code to stderr; stdout is reserved for the result.

    That holds for what libraries in C and child processes print too. In a process of our own it holds
    until its end, so that threads and hooks at exit cannot write after the result; elsewhere, until the
    end of the block.
    """
    if _writer is not None:
        _keep_stdout(_writer)
        yield
        return
    with ExitStack() as stack:
        stream = sys.stderr or stack.enter_context(open(os.devnull, "w", encoding="utf-8"))
        with suppress(AttributeError, OSError, ValueError):
            stack.enter_context(_descriptor_at(sys.stdout.fileno(), stream.fileno()))
        stack.enter_context(redirect_stdout(stream))
        yield


def _keep_stdout(writer: WholeWriter) -> None:
    """Move stdout to another descriptor, which no other program inherits."""
    global _result
    if _result is not None:
        return
    _result = sys.stdout
    _result.flush()
    if writer.descriptor != _CLOSED:
        writer.descriptor = os.dup(writer.descriptor)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=lambda: _let_go(writer))
    os.dup2(2, 1)
    sys.stdout = sys.stderr


def _let_go(writer: WholeWriter) -> None:
    """Redirect stdout of a process that user code forked from this one.

    It could repeat the result, and whoever reads it would wait for the end of the copy.
    """
    if not process.goes_on_in_child:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, writer.descriptor, inheritable=False)
        os.close(null)


@contextmanager
def _descriptor_at(number: int, other: int) -> Iterator[None]:
    """Redirect one file descriptor to another within the context."""
    sys.stdout.flush()
    copy = os.dup(number)
    os.dup2(other, number)
    try:
        yield
    finally:
        os.dup2(copy, number)
        os.close(copy)
