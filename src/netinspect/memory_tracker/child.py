"""Child process of tracking: reads a request, builds the target, tracks it, writes the answer.

A separate process is necessary because torch can crash the process when tensors have no data, and
because code of the target must not change the user's process twice.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, TextIO

from netinspect._utils import process
from netinspect._utils.opened_files import opened_paths, record_opened
from netinspect._utils.process import in_a_folder
from netinspect._utils.tracebacks import exception_lines
from netinspect.errors import ForwardError, LoadError, NetinspectError, UsageError
from netinspect.memory_tracker.request import TrackRequest
from netinspect.records.codec import from_data, to_data
from netinspect.records.memory import Tracking

Around = Callable[[Callable[[], Tracking]], tuple[Tracking, dict[str, Any]]]

ERRORS = (UsageError, LoadError, ForwardError, NetinspectError)
"""Error classes that are passed on; the last one covers all others."""

PROGRESS = "progress: "
"""Prefix of lines that report a tracked run."""

PHASE = "phase: "
"""Prefix of lines that report what is done next."""


def main(document: dict[str, Any], around: Around | None = None) -> None:
    """Answer one request on the original stdout, and exit the process.

    Args:
        document: The request as data, and the module search path.
        around: Wrapper that calls the tracking function, and also returns further entries of the answer.
    """
    process.die_with_parent()
    record_opened()
    # Output of the target's code is not part of the answer.
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    if hasattr(os, "register_at_fork"):
        # Otherwise, the reader of the answer would wait for processes that the model forks.
        os.register_at_fork(after_in_child=lambda: os.dup2(2, answer.fileno(), inheritable=False))
    try:
        request = from_data(TrackRequest, document["request"])

        def report(text: str) -> None:
            answer.write(f"{text}\n")
            answer.flush()

        def report_progress(text: str) -> None:
            process.on_phase = None  # each run would replace the result of the one before
            report(PROGRESS + text)

        process.on_phase = lambda text: report(PHASE + " ".join(text.split()))
        process.begin_phase("importing torch to track memory")

        def track() -> Tracking:
            return _answer(request, document["path"], report_progress)

        tracking, more = around(track) if around is not None else (track(), {})
        _write(answer, {**more, "tracking": to_data(tracking), "opened": _opened()})
    except NetinspectError as error:
        _write(
            answer,
            {
                "error": next(cls.__name__ for cls in type(error).__mro__ if cls in ERRORS),
                "message": error.message,
                "cause": error.cause,
                "place": error.place,
                "hint": error.hint,
                "traceback": _traceback(error),
            },
        )
    with suppress(OSError, ValueError):
        sys.stderr.flush()
    process.end_processes(process.started_processes())
    # Skips the teardown of the interpreter.
    os._exit(0)


def _answer(request: TrackRequest, path: list[str], report_progress: Callable[[str], None]) -> Tracking:
    with in_a_folder():
        from netinspect.targets.isolation.project_imports import project_code
        from netinspect.targets.model_factory import call_function, find_factory
    from netinspect.memory_tracker.given_arguments import Given
    from netinspect.memory_tracker.runs import run_once
    from netinspect.memory_tracker.session import track
    from netinspect.memory_tracker.tracked_models import TargetSource
    from netinspect.targets.user_code_errors import model_code

    # Only now: a file next to the target may have the name of a standard module.
    sys.path[:] = path
    run = request.run
    assert run.target is not None
    with project_code(whole=run.run_file):
        given = None
        if run.inputs_from is not None:
            given = Given(call_function(run.inputs_from, seed=run.seed, run_file=run.run_file), run.call)
        factory = find_factory(run.target, run.arguments(), seed=run.seed, online=run.online)
        # Torch imports some of its modules late, and these may read the current folder.
        process.begin_phase("tracking memory")
        with in_a_folder(), model_code(request.name):
            first_run = partial(run_once, request, given=given)
            return track(request, TargetSource(factory, first_run), report_progress, given=given)


def _traceback(error: NetinspectError) -> str:
    """Return the traceback of the cause of an error; empty if it has no cause."""
    cause = error.__cause__
    return "" if cause is None else "\n".join(exception_lines(cause))


def _opened() -> list[str]:
    """Return the opened files, except those of the Python installation, which the parent opens too."""
    folders = (sys.prefix + os.sep, sys.base_prefix + os.sep)
    return [each for each in opened_paths() if not each.startswith(folders)]


def _write(answer: TextIO, document: dict[str, Any]) -> None:
    json.dump(document, answer)
    answer.flush()
