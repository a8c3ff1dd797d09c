"""The entry point, and the one place where errors are caught and told."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import sys
import traceback
from collections.abc import Sequence

from netinspect.errors import NetinspectError, UsageError
from netinspect.exits import ExitCode


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and end the process with its exit code."""
    # A process that lives for a second needs few collections; each one walks all that torch made.
    gc.set_threshold(100_000, 50, 100)
    words = list(sys.argv[1:] if arguments is None else arguments)
    code = run(words)
    # What is still buffered for a reader that has gone must not raise at shutdown.
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
    if code is ExitCode.INTERRUPTED:
        # Torch may still be importing, or hold threads: leave at once.
        os._exit(code)
    sys.exit(code)


def run(words: list[str]) -> ExitCode:
    """Run one command.

    Args:
        words: The command line without the program's name.

    Returns:
        The exit code; an error has been told on stderr.
    """
    try:
        return _dispatch(words)
    except NetinspectError as error:
        _tell(error, words)
        return error.exit_code
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        # The reader, such as `head`, has seen enough. Python must not try to flush the rest.
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.OK
    except MemoryError as error:
        _tell_internal(error, "out of memory", words)
        return ExitCode.INTERNAL
    except Exception as error:  # a defect of ours: told with where to look, never a bare traceback
        _tell_internal(error, f"{type(error).__name__}: {error}", words)
        return ExitCode.INTERNAL


def _dispatch(words: list[str]) -> ExitCode:
    import typer

    from netinspect.cli.app import build_app

    command = typer.main.get_command(build_app())
    try:
        result = command.main(words, prog_name="netinspect", standalone_mode=False)
    except typer.Abort:
        return ExitCode.INTERRUPTED
    except typer.TyperException as error:
        raise _usage_error(error) from error
    return ExitCode(result) if isinstance(result, int) else ExitCode.OK


def _usage_error(error: Exception) -> UsageError:
    """Turn what the parser says into our own shape, with its suggestion as the hint."""
    message = str(getattr(error, "format_message", error.__str__)()).rstrip(".")
    message, _, suggestion = message.partition(" Did you mean ")
    hint = f"did you mean {suggestion}" if suggestion else None
    possibilities = getattr(error, "possibilities", None)
    if possibilities:
        message = str(getattr(error, "message", message)).rstrip(".")
        hint = f"did you mean {' or '.join(sorted(possibilities))}?"
    context = getattr(error, "ctx", None)
    path = getattr(context, "command_path", "netinspect")
    return UsageError(message[:1].lower() + message[1:].rstrip("."), hint=hint or f"see {path} --help")


def _tell(error: NetinspectError, words: list[str]) -> None:
    from netinspect.cli.console import say, wants_color

    if _debugs(words) and error.__cause__ is not None:
        say_lines(traceback.format_exception(error.__cause__))
    if _asked(words, "--format", "-f") == "json":
        say(
            json.dumps(
                {
                    "error": error.kind,
                    "message": error.message,
                    "place": error.place,
                    "cause": error.cause,
                    "hint": error.hint,
                    "exit_code": int(error.exit_code),
                }
            )
        )
        return
    from netinspect.render.safe import safe

    lines = [("error", f"error[{error.kind}]: ", error.message)]
    if error.place:
        lines.append(("place", "  --> ", error.place))
    for part, text in (("cause", error.cause), ("hint", error.hint)):
        for index, content in enumerate((text or "").splitlines()):
            label = f"  {part}: " if index == 0 else " " * (len(part) + 4)
            lines.append((part, label, content))
    if not wants_color(sys.stderr):
        for _, label, content in lines:
            say(label + content)
        return
    styles = {"error": "\x1b[1;31m", "place": "\x1b[2m", "cause": "", "hint": "\x1b[36m"}
    for part, label, content in lines:
        reset = "\x1b[0m" if styles[part] else ""
        with contextlib.suppress(OSError, ValueError, AttributeError):
            sys.stderr.write(f"{styles[part]}{label}{safe(content)}{reset}\n")


def _tell_internal(error: BaseException, cause: str, words: list[str]) -> None:
    from netinspect.cli.console import say

    if _debugs(words):
        say_lines(traceback.format_exception(error))
    say("error[internal]: netinspect itself failed; the model is not to blame")
    for line in cause.splitlines()[:5]:
        say(f"  cause: {line}")
    say("  hint: run it again with --debug, and report what it prints")


def say_lines(lines: list[str]) -> None:
    """Say a traceback on stderr."""
    from netinspect.cli.console import say

    for line in "".join(lines).splitlines():
        say(line)


def _debugs(words: list[str]) -> bool:
    return "--debug" in words or os.environ.get("NETINSPECT_DEBUG", "") not in ("", "0", "false")


def _asked(words: list[str], *names: str) -> str | None:
    """The value of an option, read without a parser: it may be the parser that failed."""
    for index, word in enumerate(words):
        for name in names:
            if word == name and index + 1 < len(words):
                return words[index + 1]
            if word.startswith(f"{name}="):
                return word.partition("=")[2]
    return None
