"""Errors of user code, converted to netinspect errors at the line that raised them.

Every exception is converted, except KeyboardInterrupt.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from netinspect._utils.code_owners import is_users, owner
from netinspect.errors import (
    Excerpt,
    ForwardError,
    LoadError,
    NetinspectError,
    class_name,
    shorten,
    text_of,
)
from netinspect.records.trace import RUN_FILE
from netinspect.targets.isolation.import_guard import RefusedError
from netinspect.targets.load_hints import command_line_hint, hint_for, is_failed_download, parser_message
from netinspect.tracing.source_lines import is_raised_by_user, raising_excerpt, raising_line

_LONGEST_LINE = 500
"""Maximum length of a source line in an error."""


@contextmanager
def user_code_errors(
    failed: str, wrong_type: str | None = None, without_network: str | None = None
) -> Iterator[None]:
    """Convert exceptions of user code in the block to LoadError.

    Args:
        failed: Message of the error, such as `cannot import net.py`.
        wrong_type: Hint for a TypeError or AttributeError; None for the usual one.
        without_network: Hint for a failed download; None for the usual one.

    Raises:
        LoadError: The code raised.
    """
    try:
        yield
    except (LoadError, KeyboardInterrupt):
        raise
    except SyntaxError as error:
        _trim(error)
        place = _syntax_place(error)
        raise LoadError(
            failed,
            cause=f"{class_name(type(error))}: {error.msg}",
            place=place or _place(error),
            hint="fix the syntax of that line" if place else hint_for(error),
            excerpt=_syntax_excerpt(error),
        ) from error
    except SystemExit as error:
        message = parser_message(error)
        _trim(error)
        ended = f"it ended the program (exit {_exit_code(error)})"
        raise LoadError(
            failed,
            cause=ended if message is None else f"its command line is incomplete: {message}",
            place=_place(error, own=message is not None),
            hint='guard the code that runs as a script with: if __name__ == "__main__"'
            if message is None
            else command_line_hint(message),
        ) from error
    except RefusedError as error:
        _trim(error)
        raise LoadError(
            failed,
            cause=text_of(error),
            place=f"{error.file}:{error.line}",
            hint=f'guard the code that runs as a script with: if __name__ == "__main__"; or {RUN_FILE}',
        ) from error
    except BaseException as error:  # whatever the user's code raises is reported as a load error
        _trim(error)
        raise LoadError(
            failed,
            cause=text_of(error),
            place=_place(error),
            hint=(isinstance(error, (TypeError, AttributeError)) and wrong_type)
            or (is_failed_download(error) and without_network)
            or hint_for(error),
            excerpt=raising_excerpt(error),
        ) from error


@contextmanager
def model_code(target: str) -> Iterator[None]:
    """Convert exceptions of a model's own methods in the block to ForwardError.

    Such methods are `__getattr__`, `__eq__` and `extra_repr`, which run when the model is read. Failures
    of forward are handled elsewhere. Exceptions of netinspect's own code pass unchanged.

    Args:
        target: Name of the model in the message.

    Raises:
        ForwardError: A line of user code raised.
    """
    try:
        yield
    except (NetinspectError, KeyboardInterrupt):
        raise
    except BaseException as error:
        if not is_raised_by_user(error):
            raise
        _trim(error)
        if isinstance(error, SystemExit):
            raise ForwardError(
                f"{target} ended the program during inspection",
                cause=f"SystemExit: {_exit_code(error)}",
                place=_place(error),
                hint="raise an exception in the model instead of calling sys.exit",
            ) from error
        raise ForwardError(
            f"{target} failed during inspection",
            cause=text_of(error),
            place=_place(error),
            hint="a method of the model other than forward raised this",
            excerpt=raising_excerpt(error),
        ) from error


def _exit_code(error: SystemExit) -> str:
    """Return the exit code as text; it may be any object, whose `__str__` is not called."""
    return str(error.code) if isinstance(error.code, int | str | None) else class_name(type(error.code))


def _syntax_place(error: SyntaxError) -> str | None:
    """Return the place of a syntax error; None if it is not in a file."""
    file, line = error.filename, error.lineno
    if not isinstance(file, str) or file.startswith("<"):
        return None
    return f"{file}:{line}" if isinstance(line, int) and line > 0 else file


def _syntax_excerpt(error: SyntaxError) -> Excerpt | None:
    """Return the line of a syntax error; user code may have set any attributes."""
    if not isinstance(error.text, str) or not (text := shorten(error.text.strip(), _LONGEST_LINE)):
        return None
    indent = len(error.text) - len(error.text.lstrip())
    start = error.offset - 1 - indent if isinstance(error.offset, int) else -1
    end = error.end_offset - 1 - indent if isinstance(error.end_offset, int) else start
    if not 0 <= start < len(text):
        return Excerpt(text, 0, 0)
    is_range = error.end_lineno == error.lineno and start < end <= len(text)
    return Excerpt(text, start, end if is_range else start + 1)


def _place(error: BaseException, *, own: bool = False) -> str | None:
    """Return the innermost line outside torch and Python; with `own`, also outside packages."""
    line = raising_line(error)
    if own and line is not None and not is_users(line.file):
        places = [(frame.f_code.co_filename, at) for frame, at in traceback.walk_tb(error.__traceback__)]
        return next((f"{file}:{at}" for file, at in reversed(places) if is_users(file)), None)
    return None if line is None else f"{line.file}:{line.line}"


def _trim(error: BaseException) -> None:
    """Start the traceback of an exception at the first line of user code."""
    passed = error.__traceback__
    while passed is not None and owner(passed.tb_frame.f_code.co_filename) != "user":
        passed = passed.tb_next
    # A syntax error has its own place, and no line of user code ran.
    if passed is not None or isinstance(error, SyntaxError):
        error.__traceback__ = passed
