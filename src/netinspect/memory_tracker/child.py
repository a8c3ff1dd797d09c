"""The other process: reads a request, builds what it names, tracks it, writes what it found.

It is a process of its own because torch can end the one that it runs in where tensors have no data, and
because what a target's code does to its process must not be done to the user's twice.
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
"""What a line begins with that is not the answer yet."""


def main(document: dict[str, Any], around: Around | None = None) -> None:
    """Answer one request on what was stdout, and end the process.

    Args:
        document: The request as data, and the places where modules are looked for.
        around: Calls what answers, and returns also further entries of the answer.
    """
    process.die_with_parent()
    record_opened()
    # Output of the target's code is not part of the answer.
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    if hasattr(os, "register_at_fork"):
        # Whoever reads the answer would wait for the end of a process that the model has forked.
        os.register_at_fork(after_in_child=lambda: os.dup2(2, answer.fileno(), inheritable=False))
    try:
        request = from_data(TrackRequest, document["request"])

        def tell(text: str) -> None:
            answer.write(f"{PROGRESS}{text}\n")
            answer.flush()

        def track() -> Tracking:
            return _answer(request, document["path"], tell)

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
    # Nothing that is torn down from here on matters to anyone.
    os._exit(0)


def _answer(request: TrackRequest, path: list[str], tell: Callable[[str], None]) -> Tracking:
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
            given = Given(call_function(run.inputs_from, seed=run.seed, run_file=run.run_file))
        factory = find_factory(run.target, run.arguments(), seed=run.seed, online=run.online)
        # Torch imports parts of itself late, and some of them ask for the current folder.
        with in_a_folder(), model_code(request.name):
            first_run = partial(run_once, request, given=given)
            return track(request, TargetSource(factory, first_run), tell, given=given)


def _traceback(error: NetinspectError) -> str:
    """Return the traceback of what an error reports; empty where nothing was raised before it."""
    cause = error.__cause__
    return "" if cause is None else "\n".join(exception_lines(cause))


def _opened() -> list[str]:
    """List what was read here, but for what Python is installed with, which the parent has read too."""
    folders = (sys.prefix + os.sep, sys.base_prefix + os.sep)
    return [each for each in opened_paths() if not each.startswith(folders)]


def _write(answer: TextIO, document: dict[str, Any]) -> None:
    json.dump(document, answer)
    answer.flush()
