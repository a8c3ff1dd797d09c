"""Terminal detection, colour and width of stdout and stderr, and messages on stderr."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import TextIO

from netinspect._utils.safe_text import safe
from netinspect._utils.stdout_text import is_ascii
from netinspect.cli.options import Color, OutputOptions
from netinspect.cli.streams import result_stream
from netinspect.errors import UsageError
from netinspect.rendering.formats import (
    ALL_COLUMNS,
    FILE_WIDTH,
    PICTURES,
    PIPE_WIDTH,
    Format,
    Style,
    format_of,
)

_DUMB = ("dumb", "unknown")
"""Values of TERM for terminals without escape sequences."""

_HANGING = 2
"""Indentation of the second and later lines of a message."""

_LINKING_PROGRAMS = ("iTerm.app", "WezTerm", "vscode", "Hyper", "ghostty", "mintty", "Tabby", "rio")
_LINKING_VARIABLES = ("KITTY_WINDOW_ID", "WT_SESSION", "DOMTERM", "GHOSTTY_RESOURCES_DIR")
_LINKING_TERMS = ("xterm-kitty", "xterm-ghostty", "foot", "alacritty", "contour", "wezterm")

_OTHER_LINES = 3
"""Lines on a screen around a result: a hint, the age of a cached answer, and the prompt."""


def is_terminal(stream: TextIO | None) -> bool:
    """Return whether a stream is a terminal; a closed or missing one is not."""
    try:
        return stream is not None and stream.isatty()
    except ValueError:
        return False


def is_interactive() -> bool:
    """Return whether a person reads the result on a terminal and can type; in a CI nobody does."""
    terminals = is_terminal(result_stream()) and is_terminal(sys.stdin)
    return terminals and not os.environ.get("CI") and os.environ.get("TERM") not in _DUMB


def wants_color(stream: TextIO | None, choice: Color = Color.AUTO) -> bool:
    """Return whether to colour a stream: the option, else NO_COLOR, FORCE_COLOR, else the terminal."""
    if choice is not Color.AUTO:
        return choice is Color.ALWAYS
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return is_terminal(stream) and os.environ.get("TERM") not in _DUMB


def link_host(stream: TextIO | None, choice: Color = Color.AUTO) -> str | None:
    """Return the name of this machine if a terminal is known to show hyperlinks, else None.

    FORCE_HYPERLINK decides instead, 1 or 0. Terminals without hyperlinks may print their addresses.
    """
    if choice is Color.NEVER:
        return None
    forced = os.environ.get("FORCE_HYPERLINK", "")
    shows = forced not in ("0", "false") if forced else is_terminal(stream) and _shows_links(os.environ)
    return socket.gethostname() if shows else None


def _shows_links(environment: Mapping[str, str]) -> bool:
    """Return whether the variables of a terminal name one with hyperlinks; multiplexers drop them."""
    term = environment.get("TERM", "")
    if any(map(environment.get, ("CI", "TMUX", "STY"))) or term in _DUMB:
        return False
    vte = environment.get("VTE_VERSION", "")
    return (
        environment.get("TERM_PROGRAM") in _LINKING_PROGRAMS
        or any(map(environment.get, _LINKING_VARIABLES))
        or term.startswith(_LINKING_TERMS)
        or (vte.isdecimal() and int(vte[:9]) > 5000)  # 0.50.0 crashes
    )


def style_for(options: OutputOptions, columns: str | None = None, *, fits: bool = False) -> Style:
    """Return the style of a report, from the options and its destination.

    Args:
        options: The options.
        columns: Names of columns with commas between them; None for the default ones.
        fits: Whether trees end at the deepest level, and lists after the last row, that fits a terminal.

    Raises:
        UsageError: `columns` is empty, or no format has the suffix of the output file.
    """
    to_file = options.output is not None
    stdout = result_stream()
    chosen = _format_for(options)
    asked_color = options.color is Color.ALWAYS and "color" in options.typed
    names = None
    if columns is not None:
        names = tuple(filter(None, (name.strip() for name in columns.split(","))))
        if not names:
            raise UsageError(
                f"--columns {columns!r} is empty: expected names of columns",
                hint="write it like --columns path,params",
            )
    return Style(
        format=chosen,
        width=_width_for(options, chosen, names),
        height=terminal_height(stdout) - _OTHER_LINES
        if fits and not to_file and chosen is Format.RICH and is_terminal(stdout)
        else None,
        # Preferences of a terminal or a CI do not apply to files: colour there must be requested.
        color=asked_color if to_file else wants_color(stdout, options.color),
        link_host=None if to_file else link_host(stdout, options.color),
        ascii_only=not to_file and is_ascii(stdout),
        columns=names,
        exact=options.exact,
    )


def _width_for(options: OutputOptions, chosen: Format, names: tuple[str, ...] | None) -> int | None:
    """Return the cells on a line; None for no limit."""
    if options.width is not None:
        return options.width
    stdout = result_stream()
    to_file = options.output is not None or chosen in PICTURES
    if not to_file and is_terminal(stdout):
        return max(20, terminal_width(stdout))  # lines wrap on a narrower terminal
    if ALL_COLUMNS in (names or ()):
        return None
    return FILE_WIDTH if to_file else max(20, _columns() or PIPE_WIDTH)


def _format_for(options: OutputOptions) -> Format:
    """Return the format: that of a typed option, else of the suffix, else of the settings."""
    # A width or colour on the command line requests output for people.
    for_people = "width" in options.typed or (options.color is Color.ALWAYS and "color" in options.typed)
    is_set = options.format is not None and options.output is None and not for_people
    if options.format is not None and ("format" in options.typed or is_set):
        return options.format
    if options.output is not None:
        return format_of(options.output, options.format or Format.RICH)
    return Format.RICH if is_terminal(result_stream()) or for_people else Format.PLAIN


def write_out(text: str) -> None:
    """Write a result to stdout; characters that its encoding lacks are escaped."""
    stream = result_stream()
    if stream is None:
        return
    encoding = getattr(stream, "encoding", None) or "utf-8"
    stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
    stream.flush()


def terminal_width(stream: TextIO | None) -> int:
    """Return the width of a terminal in cells: COLUMNS, else the width that the terminal reports."""
    if columns := _columns():
        return columns
    with suppress(AttributeError, OSError, ValueError):
        return os.get_terminal_size(stream.fileno()).columns or 80  # type: ignore[union-attr]
    return 80


def terminal_height(stream: TextIO | None) -> int:
    """Return the height of a terminal in lines: LINES, else the height that the terminal reports."""
    text = os.environ.get("LINES", "")
    if text.isdecimal() and int(text[:9]):
        return int(text[:9])
    with suppress(AttributeError, OSError, ValueError):
        return os.get_terminal_size(stream.fileno()).lines or 24  # type: ignore[union-attr]
    return 24


def _columns() -> int:
    """Return the value of COLUMNS; 0 if it is not set or not a number."""
    text = os.environ.get("COLUMNS", "")
    return int(text[:9]) if text.isdecimal() else 0  # no more digits mean anything


def print_message(text: str, *, label: str = "", style: str = "", whole: bool = False) -> None:
    """Print one message on stderr, wrapped at words if that is a terminal.

    Args:
        text: The message, without line breaks; escaped here.
        label: Prefix of the message; if it begins with a blank, later lines are indented further.
        style: Parameters of the escape sequence that colours the lines; empty for no colour.
        whole: Print it as one line, such as JSON or a line of a traceback.
    """
    stream = sys.stderr
    if stream is None:
        return
    encoding = getattr(stream, "encoding", None) or "utf-8"
    shown = (label + safe(text)).encode(encoding, "backslashreplace").decode(encoding)
    lines = [shown]
    if not whole and is_terminal(stream) and len(shown) * 2 > (width := terminal_width(stream)):
        lines = _wrapped(shown, (len(label) if label.startswith(" ") else 0) + _HANGING, width)
    with suppress(OSError, ValueError):
        for line in lines:
            stream.write((f"\x1b[{style}m{line}\x1b[0m" if style else line) + "\n")
        stream.flush()


def _wrapped(text: str, hanging: int, width: int) -> list[str]:
    try:
        from netinspect.rendering.wrapping import wrap
    except Exception:  # an audit hook of the model refuses to open files
        return [text]
    return [
        " " * (hanging if index else 0) + text[start:end]
        for index, (start, end) in enumerate(wrap(text, width, hanging))
    ]
