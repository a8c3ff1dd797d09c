"""Errors of user code, reported at the line that raised them.

That holds for every exception but KeyboardInterrupt: who presses Ctrl-C, and code that raises the same,
interrupts.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from netinspect.errors import ForwardError, LoadError, NetinspectError, class_name, text_of
from netinspect.records.trace import RUN_FILE
from netinspect.targets.isolation.import_guard import RefusedError
from netinspect.targets.load_hints import command_line_hint, hint_for, parser_message
from netinspect.tracing.code_owners import is_users, owner
from netinspect.tracing.source_lines import is_raised_by_user, raising_line


@contextmanager
def user_code_errors(failed: str) -> Iterator[None]:
    """Run user code and report its exceptions at their own line.

    Args:
        failed: What could not be done, if it fails.

    Raises:
        LoadError: It failed.
    """
    try:
        yield
    except (LoadError, KeyboardInterrupt):
        raise
    except SyntaxError as error:
        _trim(error)
        line = error.text.strip() if isinstance(error.text, str) else ""
        place = _syntax_place(error)
        raise LoadError(
            failed,
            cause=f"{class_name(type(error))}: {error.msg}\n{line}".rstrip(),
            place=place or _place(error),
            hint="fix that line: Python cannot parse the file" if place else hint_for(error),
        ) from error
    except SystemExit as error:
        wanted = parser_message(error)
        _trim(error)
        ended = f"it ended the program (exit {_exit_code(error)})"
        raise LoadError(
            failed,
            cause=ended if wanted is None else f"its command line is incomplete: {wanted}",
            place=_place(error, own=wanted is not None),
            hint='guard what runs as a script with: if __name__ == "__main__"'
            if wanted is None
            else command_line_hint(wanted),
        ) from error
    except RefusedError as error:
        _trim(error)
        raise LoadError(
            failed,
            cause=text_of(error),
            place=f"{error.file}:{error.line}",
            hint=f'guard what runs as a script with: if __name__ == "__main__"; or {RUN_FILE}',
        ) from error
    except BaseException as error:  # whatever the user's code raises is reported as a load error
        _trim(error)
        raise LoadError(
            failed, cause=text_of(error), place=_place(error), hint=hint_for(error)
        ) from error


@contextmanager
def model_code(target: str) -> Iterator[None]:
    """Read a model: report what its own methods raise meanwhile as its failure, at their line.

    Its forward fails elsewhere. This is for `__getattr__`, `__eq__`, `extra_repr` and their like, which
    run whenever somebody reads an attribute. What our own code raises is passed on as it is.

    Args:
        target: Which model.

    Raises:
        ForwardError: A line of the user's raised.
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
                hint="replace sys.exit in the model by an exception",
            ) from error
        raise ForwardError(
            f"{target} failed during inspection",
            cause=text_of(error),
            place=_place(error),
            hint="a method of the model other than forward raised this",
        ) from error


def _exit_code(error: SystemExit) -> str:
    """The code as text: it may be any object, with a `__str__` of its own."""
    return str(error.code) if isinstance(error.code, int | str | None) else class_name(type(error.code))


def _syntax_place(error: SyntaxError) -> str | None:
    """The place that Python cannot read; None if the exception names no file, but text."""
    file, line = error.filename, error.lineno
    if not isinstance(file, str) or file.startswith("<"):
        return None
    return f"{file}:{line}" if isinstance(line, int) and line > 0 else file


def _place(error: BaseException, *, own: bool = False) -> str | None:
    """Return the innermost line outside torch and Python; with `own` outside installed packages too."""
    line = raising_line(error)
    if own and line is not None and not is_users(line.file):
        places = [(frame.f_code.co_filename, at) for frame, at in traceback.walk_tb(error.__traceback__)]
        return next((f"{file}:{at}" for file, at in reversed(places) if is_users(file)), None)
    return None if line is None else f"{line.file}:{line.line}"


def _trim(error: BaseException) -> None:
    """Begin an exception's traceback at the user's first line: what led there is not theirs to read."""
    passed = error.__traceback__
    while passed is not None and owner(passed.tb_frame.f_code.co_filename) != "user":
        passed = passed.tb_next
    # What Python cannot read has no line that ran, and has its own place.
    if passed is not None or isinstance(error, SyntaxError):
        error.__traceback__ = passed
