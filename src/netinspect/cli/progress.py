"""Progress of long work: one line on a terminal's stderr, removed before anything else is written.

A target runs in a child of this process (`supervise.py`). The child writes what it does into memory that
both share, and the parent draws it: so the line moves on while the child loads compiled code or
computes, and no thread of ours is in the process that runs user code.
"""

from __future__ import annotations

import mmap
import os
import select
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from netinspect._utils import process, units
from netinspect._utils.stdout_text import is_ascii
from netinspect.cli import streams
from netinspect.cli.console import is_terminal, terminal_width, wants_color
from netinspect.cli.options import Color

PERIOD = 0.1
"""Seconds between two drawings."""

_PATIENCE = 0.5
"""Seconds before the line is shown; most work ends earlier."""

_LONGEST_TEXT = 400
_LONGEST_WAIT = 0.2
"""Seconds to wait for the other process, which draws in a few milliseconds."""

_ERASE = "\r\x1b[2K"
"""Copy of `rendering.live_line.ERASE`, whose module is slow to import."""

_REMOVED, _WAITING, _SHOWN = range(3)
"""States of the line: nothing to show; to be shown; on the screen."""


class LiveLine:
    """A line that this process draws, also for its child.

    Args:
        color: Whether to dim the line.

    Raises:
        OSError: There are too many open files.
    """

    def __init__(self, *, color: bool) -> None:
        # Time since the start of the process, of which most was spent on computing.
        self._start = time.monotonic() - time.process_time()
        self._color = color
        self._owner = os.getpid()
        self._shared = mmap.mmap(-1, 2 + 4 * _LONGEST_TEXT)
        # One byte in a pipe: whoever has read it may write to the terminal and to the shared memory.
        self._take, self._give = os.pipe()
        os.set_blocking(self._take, False)
        os.write(self._give, b"x")
        self._next = 0.0
        self._begins_line = True

    def begin(self, text: str) -> None:
        """Show another text from now on."""
        content = text[:_LONGEST_TEXT].encode("utf-8", "replace")
        with self._turn(_LONGEST_WAIT) as is_ours:
            if is_ours:
                self._shared[2:] = content.ljust(len(self._shared) - 2, b"\0")
                if self._state == _REMOVED and self._begins_line:
                    self._state = _WAITING
        if os.getpid() == self._owner:
            self.draw()

    def draw(self) -> None:
        """Draw the line, unless it was drawn just now."""
        now = time.monotonic()
        if now < max(self._next, self._start + _PATIENCE):
            return
        self._next = now + PERIOD
        with self._turn(0) as is_ours:
            if is_ours and self._state != _REMOVED:
                # Rich is slow to import, and most work ends before it is needed.
                from netinspect.rendering.live_line import draw_line

                text = self._shared[2:].rstrip(b"\0").decode("utf-8", "replace")
                width, plain = terminal_width(sys.stderr), is_ascii(sys.stderr)
                seconds = now - self._start
                line = draw_line(text, seconds, width, color=self._color, ascii_only=plain)
                self._write(line)
                self._state = _SHOWN

    def remove(self, written: bytes | memoryview = b"\n") -> None:
        """Remove the line until the next text.

        Args:
            written: What is written next. If it ends in the middle of a line, no text is shown there.
        """
        self._begins_line = bytes(written[-1:]) == b"\n"
        if self._state == _REMOVED:
            return
        with self._turn(_LONGEST_WAIT):
            if self._state == _SHOWN:
                self._write(_ERASE)
            self._state = _REMOVED

    @property
    def _state(self) -> int:
        return self._shared[0]

    @_state.setter
    def _state(self, state: int) -> None:
        self._shared[0] = state

    @contextmanager
    def _turn(self, seconds: float) -> Iterator[bool]:
        """Wait for the turn of this process; yield whether it came."""
        is_ours = False
        with suppress(OSError, ValueError):  # user code may have closed all files
            if select.select([self._take], [], [], seconds)[0]:
                is_ours = os.read(self._take, 1) != b""
        try:
            yield is_ours
        finally:
            if is_ours:
                with suppress(OSError):
                    os.write(self._give, b"x")

    def _write(self, text: str) -> None:
        encoding = getattr(sys.stderr, "encoding", None) or "utf-8"
        with suppress(OSError):  # the terminal was closed
            os.write(2, text.encode(encoding, "replace"))


_line: LiveLine | None = None
"""The line of this process; None if nothing was to be shown yet."""


def current_line() -> LiveLine | None:
    """Return the line that this process draws, also for its child; None if none is shown."""
    return _line


def draw_in_thread() -> None:
    """Draw the line in a thread; for a system without a process that waits for a child."""
    if _line is not None:
        threading.Thread(target=_draw_forever, args=(_line,), daemon=True).start()


def _draw_forever(line: LiveLine) -> None:
    while True:
        time.sleep(PERIOD)
        line.draw()


@contextmanager
def live_line(*, quiet: bool, color: Color = Color.AUTO) -> Iterator[bool]:
    """Show on stderr what runs now, if stderr is a terminal with a reader.

    Args:
        quiet: Show nothing.
        color: Whether to dim the line.

    Yields:
        Whether it is shown.
    """
    global _line
    has_reader = is_terminal(sys.stderr) and not os.environ.get("CI")
    is_plain = os.environ.get("TERM") in ("dumb", "unknown")
    # Elsewhere, as in a notebook, what user code prints does not remove the line. Windows cannot wait
    # for a pipe, by which processes take turns.
    if not process.is_ours or quiet or is_plain or not has_reader or not hasattr(os, "fork"):
        yield False
        return
    if _line is None:
        try:
            _line = LiveLine(color=wants_color(sys.stderr, color))
        except OSError:
            yield False
            return
    process.on_phase, streams.before_write = _line.begin, _line.remove
    try:
        yield True
    finally:
        process.on_phase = None
        _line.remove()


@contextmanager
def bytes_read(what: str, *, quiet: bool) -> Iterator[Callable[[int, int], None] | None]:
    """Show how much has been read.

    Args:
        what: What is read.
        quiet: Show nothing.

    Yields:
        A function of bytes done and total bytes; None if nothing is shown.
    """

    def update(done: int, total: int) -> None:
        if total:
            process.begin_phase(f"reading {what}: {100 * done // total} % of {units.size(total)}")

    with live_line(quiet=quiet) as is_shown:
        yield update if is_shown else None
