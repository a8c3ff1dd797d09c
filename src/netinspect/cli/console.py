"""The two streams of the process: what is a terminal, what has colour, how wide it is."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from typing import TextIO

from netinspect.cli.options import Color, OutputOptions
from netinspect.render.formats import SUFFIXES, Format, Style
from netinspect.render.safe import safe


def is_terminal(stream: TextIO | None) -> bool:
    """Whether a stream is a terminal; a closed or missing one is not."""
    try:
        return stream is not None and stream.isatty()
    except ValueError:
        return False


def wants_color(stream: TextIO | None, choice: Color = Color.AUTO) -> bool:
    """Decide on colour for one stream: the flag, then NO_COLOR, FORCE_COLOR, then the terminal."""
    if choice is not Color.AUTO:
        return choice is Color.ALWAYS
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return is_terminal(stream) and os.environ.get("TERM") not in ("dumb", "unknown")


def is_ascii(stream: TextIO | None) -> bool:
    """Whether a stream cannot carry the characters that trees are drawn with."""
    try:
        "├…".encode(getattr(stream, "encoding", None) or "ascii")
    except (UnicodeEncodeError, LookupError):
        return True
    return False


def style_for(options: OutputOptions) -> Style:
    """Decide how to spell a report, from the options and from where it goes."""
    to_file = options.output is not None
    chosen = options.format
    if chosen is None and options.output is not None:
        chosen = SUFFIXES.get(options.output.suffix.lower(), Format.RICH)
    if chosen is None:
        chosen = Format.RICH if is_terminal(sys.stdout) or options.width else Format.PLAIN
    width = options.width
    if width is None and not to_file and is_terminal(sys.stdout):
        # A narrower terminal than this shows nothing useful; there lines run on.
        width = max(20, shutil.get_terminal_size().columns)
    elif width is None and os.environ.get("COLUMNS", "").isdigit() and not to_file:
        width = max(20, int(os.environ["COLUMNS"]))
    columns = None
    if options.columns is not None:
        columns = tuple(filter(None, (name.strip() for name in options.columns.split(","))))
    return Style(
        format=chosen,
        width=width,
        color=wants_color(None if to_file else sys.stdout, options.color),
        ascii_only=not to_file and is_ascii(sys.stdout),
        columns=columns or None,
    )


def write_out(text: str) -> None:
    """Write a result to stdout; what its encoding lacks is escaped, never a crash."""
    stream = sys.stdout
    if stream is None:
        return
    encoding = getattr(stream, "encoding", None) or "utf-8"
    stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
    stream.flush()


def say(text: str) -> None:
    """Say one line on stderr, where talk belongs."""
    stream = sys.stderr
    if stream is None:
        return
    encoding = getattr(stream, "encoding", None) or "utf-8"
    with suppress(OSError, ValueError):
        stream.write(safe(text).encode(encoding, "backslashreplace").decode(encoding) + "\n")
        stream.flush()


@contextmanager
def users_output_on_stderr() -> Iterator[None]:
    """Send what the user's code prints to stderr: stdout is for the result alone."""
    if sys.stderr is None:
        yield
    else:
        with redirect_stdout(sys.stderr):
            yield
