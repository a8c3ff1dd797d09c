"""Entry point and error boundary."""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from types import FrameType

from netinspect._utils import process
from netinspect._utils.atomic_files import hint_for
from netinspect._utils.opened_files import record_opened
from netinspect.cli.streams import finish_stdout, own_streams
from netinspect.errors import (
    Excerpt,
    ExitCode,
    ForwardError,
    LoadError,
    NetinspectError,
    UsageError,
    text_of,
)
from netinspect.rendering.styles import StyleName, escape_parameters


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and end the process with its exit code.

    Args:
        arguments: The words after the program's name, for a process that is not ours alone, such as a
            notebook: nothing of it is changed for good, and it may go on after the SystemExit. None for
            the words of the process itself.

    Raises:
        SystemExit: With the exit code.
    """
    if arguments is not None:
        record_opened()
        words = list(arguments)
        sys.exit(_checked(run(words), words))
    # A process that lives for a second needs few collections; each one walks all that torch made.
    gc.set_threshold(100_000, 50, 100)
    process.is_ours = True
    process.before_user_code = _go_on_in_child
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupt)
    own_streams()
    record_opened()
    words = sys.argv[1:]
    try:
        if "--watch" in words:
            from netinspect.cli.watch import report_files, run_on_changes

            run_on_changes()
        code = _checked(run(words), words)
        if "--watch" in words:
            report_files()
        with suppress(ValueError, OSError, AttributeError):
            sys.stderr.flush()
    except KeyboardInterrupt:  # a second one, on the way out
        code = ExitCode.INTERRUPTED
    _finish(code)
    if code is ExitCode.INTERRUPTED:
        os._exit(code)  # torch may hold threads
    sys.exit(code)


def _finish(code: int) -> None:
    if process.user_code_ran:
        from netinspect.cli.supervise import finish

        finish(code)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Raise KeyboardInterrupt for SIGINT, or end the process if torch is being imported.

    The C++ code of torch that calls Python then may drop the exception, or abort the process.
    """
    specification = getattr(sys.modules.get("torch"), "__spec__", None)
    if getattr(specification, "_initializing", False):
        _finish(ExitCode.INTERRUPTED)
        os._exit(ExitCode.INTERRUPTED)
    signal.default_int_handler(number, frame)


def _go_on_in_child(target: str) -> None:
    from netinspect.cli.supervise import go_on_in_child

    process.user_code_ran = True
    go_on_in_child(target)


def _checked(code: ExitCode, words: Sequence[str]) -> ExitCode:
    """Return the exit code of a command, after checking that its output was written."""
    failure = finish_stdout()
    if (
        failure is None
        or isinstance(failure, BrokenPipeError)
        or code not in (ExitCode.OK, ExitCode.FINDINGS)
    ):
        return code
    return _print_error(_unwritten(failure), words)


def _unwritten(failure: OSError) -> UsageError:
    """Return the error for a result that was not written to stdout completely."""
    hint = hint_for(failure, "write it to a file, with -o FILE")
    return UsageError("cannot write the output", cause=failure.strerror or str(failure), hint=hint)


class _InternalError(NetinspectError):
    """A defect of netinspect itself."""

    kind = "internal"
    exit_code = ExitCode.INTERNAL


def run(words: list[str]) -> ExitCode:
    """Run one command.

    Args:
        words: The command line without the program's name.

    Returns:
        The exit code; an error was printed on stderr.
    """
    from netinspect.cli.hints import print_hint

    code = _run(words)
    print_hint(code)
    return code


def _run(words: list[str]) -> ExitCode:
    try:
        return _dispatch(words)
    except NetinspectError as error:
        return _print_error(error, words)
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        return ExitCode.OK  # the reader, such as `head`, has seen enough
    except SystemExit:
        # Typer ends so after printing a completion script, and where the reader of help has gone.
        return ExitCode.OK
    except MemoryError as error:
        short = LoadError("memory ran out", hint="free some memory, or raise the limit (ulimit -v)")
        short.__cause__ = error
        return _print_error(short, words)
    except BaseException as error:  # a defect of netinspect, never a bare traceback
        if isinstance(error, OSError) and error is finish_stdout():
            return _print_error(_unwritten(error), words)
        return _print_error(_unexpected(error), words)


def _unexpected(error: BaseException) -> NetinspectError:
    """Return the error for an unhandled exception, which a hook of the user may have raised."""
    if process.user_code_ran:
        from netinspect.targets.user_code_errors import model_code

        try:
            with model_code("the target"):
                raise error
        except NetinspectError as failed:
            return failed
        except BaseException as own:
            error = own
    return _internal_error(error, text_of(error))


def _dispatch(words: list[str]) -> ExitCode:
    import typer

    from netinspect.cli import outputs, stdin
    from netinspect.cli.app import build_app
    from netinspect.cli.options import SETTINGS
    from netinspect.cli.usage import usage_error
    from netinspect.settings import Settings

    SETTINGS.set(Settings())
    outputs.begin_here()
    if os.environ.get("_NETINSPECT_COMPLETE") == "complete_bash":
        from netinspect.cli.completion import join_words_of_bash

        join_words_of_bash()
    command = typer.main.get_command(build_app(words))
    try:
        result = command.main(words, prog_name="netinspect", standalone_mode=False, obj=words)
    except typer.Abort:
        return ExitCode.INTERRUPTED
    except typer.TyperException as error:
        raise usage_error(error, words) from error
    finally:
        stdin.remove_spools()
    return ExitCode(result) if isinstance(result, int) else ExitCode.OK


def _internal_error(error: BaseException, cause: str) -> _InternalError:
    defect = _InternalError(
        "netinspect itself failed; the model is not to blame",
        cause="\n".join(cause.splitlines()[:5]),
        hint="run it again with --debug, and report what it prints and netinspect doctor",
    )
    defect.__cause__ = error
    return defect


def _print_error(error: NetinspectError, words: Sequence[str]) -> ExitCode:
    """Print an error on stderr, in the format of the output."""
    from netinspect.cli.console import print_message, wants_color
    from netinspect.cli.usage import asked, asked_color, debugs

    if process.is_ours and isinstance(error, _InternalError):
        from netinspect.cli.bug_report import write_bug_report

        if (report := write_bug_report(_traceback(error), words)) is not None:
            error.hint = f"read {report}, and attach it to a bug report"
    if debugs(words):
        for line in _traceback(error):
            print_message(line, whole=True)
    if asked("format", words) == "json":
        print_message(_format_json(error), whole=True)
    else:
        color = wants_color(sys.stderr, asked_color(words))
        for style, label, content in _error_lines(error):
            print_message(content, label=label, style=escape_parameters(style) if color else "")
    return error.exit_code


def _traceback(error: NetinspectError) -> list[str]:
    """Return the traceback of the cause of an error, or else its own."""
    from netinspect._utils.tracebacks import exception_lines, frame_lines

    if error.__cause__ is not None:
        return exception_lines(error.__cause__)
    if error.__traceback__ is None or isinstance(error, ForwardError):
        return []  # printed with the trace already
    return ["Traceback (most recent call last):", *frame_lines(error)]


def _format_json(error: NetinspectError) -> str:
    return json.dumps(
        {
            "error": error.kind,
            "message": error.message,
            "place": error.place,
            "source": None if error.excerpt is None else error.excerpt.text,
            "cause": error.cause,
            "hint": error.hint,
            "exit_code": int(error.exit_code),
        }
    )


def _error_lines(error: NetinspectError) -> Iterator[tuple[StyleName, str, str]]:
    """Yield the lines of an error with style and label, in a fixed order."""
    yield "failed", f"error[{error.kind}]: ", error.message
    if error.place:
        yield "hint", "  --> ", _near(error.place)
    if error.excerpt is not None:
        yield from _excerpt_lines(error.excerpt, (error.place or "").rpartition(":")[2])
    parts: tuple[tuple[str, str | None, StyleName], ...] = (
        ("cause", error.cause, ""),
        ("hint", error.hint, "remedy"),
    )
    for part, text, style in parts:
        for index, content in enumerate((text or "").splitlines()):
            yield style, f"  {part}: " if index == 0 else " " * (len(part) + 4), content


def _excerpt_lines(excerpt: Excerpt, number: str) -> Iterator[tuple[StyleName, str, str]]:
    """Yield a source line with its number, and carets below the expression that failed."""
    from netinspect.cli.console import is_terminal, terminal_width

    try:
        from netinspect.rendering.wrapping import mark
    except Exception:  # an audit hook of the model refuses to open files
        yield "", f"  {number} | ", excerpt.text
        return
    gutter = f"  {number} | "
    width = max(1, terminal_width(sys.stderr) - len(gutter)) if is_terminal(sys.stderr) else None
    for text, carets in mark(excerpt, width):
        yield "", gutter, text
        gutter = f"{'':{len(gutter) - 2}}| "
        if carets:
            yield "failed", gutter, carets


def _near(place: str) -> str:
    """Return a path below the current folder as a relative one; any other unchanged."""
    try:
        near = os.path.relpath(place)
    except (OSError, ValueError):  # the current folder was removed, or is on another drive
        return place
    return place if near.startswith("..") else near
