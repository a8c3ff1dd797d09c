"""The edge to the user's code: whatever it raises is told as a load error, at its own line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from netinspect.errors import LoadError
from netinspect.observe.frames import raising_line
from netinspect.observe.owners import owner
from netinspect.sources.hints import hint_for


@contextmanager
def user_code(failed: str) -> Iterator[None]:
    """Run code of the user's: tell its exceptions at their own line, as if nothing of ours were around.

    Args:
        failed: What could not be done, if it fails.

    Raises:
        LoadError: It failed.
    """
    try:
        yield
    except LoadError:
        raise
    except SyntaxError as error:
        _trim(error)
        raise LoadError(
            failed,
            cause=f"{type(error).__name__}: {error.msg}\n{(error.text or '').strip()}".rstrip(),
            place=f"{error.filename}:{error.lineno}",
            hint="mend that line; Python cannot read the file",
        ) from error
    except SystemExit as error:
        _trim(error)
        raise LoadError(
            failed,
            cause=f"it ended the program (exit {error.code})",
            place=_spell_place(error),
            hint='guard what runs as a script with: if __name__ == "__main__"',
        ) from error
    except Exception as error:  # whatever the user's code raises is told as a load error
        _trim(error)
        raise LoadError(
            failed,
            cause=f"{type(error).__name__}: {error}",
            place=_spell_place(error),
            hint=hint_for(error),
        ) from error


def _spell_place(error: BaseException) -> str | None:
    line = raising_line(error)
    # Frames of the import machinery have no file that a user could open.
    return None if line is None or line.file.startswith("<") else f"{line.file}:{line.line}"


def _trim(error: BaseException) -> None:
    """Begin an exception's traceback at the user's first line: what led there is not theirs to read."""
    traceback = error.__traceback__
    while traceback is not None and owner(traceback.tb_frame.f_code.co_filename) != "user":
        traceback = traceback.tb_next
    # What Python cannot read has no line that ran, and tells its place itself.
    if traceback is not None or isinstance(error, SyntaxError):
        error.__traceback__ = traceback
