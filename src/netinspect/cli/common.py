"""What every command does before and after its own work: find the target, look, show, save."""

from __future__ import annotations

import time
from contextvars import ContextVar
from typing import TYPE_CHECKING

from netinspect import api
from netinspect.cli.console import say, style_for, users_output_on_stderr, write_out
from netinspect.cli.options import ModelOptions, OutputOptions
from netinspect.config import Settings
from netinspect.errors import ForwardError

if TYPE_CHECKING:
    from netinspect.records.reports.common import Diagnosis
    from netinspect.records.reports.registry import Report
    from netinspect.records.trace import Trace

DEFAULT_TARGET = "lenet"

SETTINGS: ContextVar[Settings] = ContextVar("settings", default=Settings())  # noqa: B039
"""What the project has set; read once, before any command."""


def look(
    target: str | None,
    model: ModelOptions,
    output: OutputOptions,
    *,
    run: bool = True,
    grad: bool = False,
    values: bool = False,
    stats: bool = False,
    code: bool = False,
) -> Trace:
    """Load the target, and save the look if that was asked for.

    Args:
        target: As typed; None for the project's default, else `lenet`.
        model: How to build the model and what to run it on.
        output: Whether to save, and how much to say.
        run: Whether the command needs a forward; inputs that are given ask for one too.
        grad: Also differentiate.
        values: Keep the tensors as printed.
        stats: Summarise the values.
        code: Keep the source of the classes.
    """
    if target is None:
        settings = SETTINGS.get()
        target = settings.target or DEFAULT_TARGET
        if not output.quiet:
            origin = f"set in {settings.file}" if settings.target else "the default"
            say(f"no target given: {target} ({origin})")
    started = time.perf_counter()
    with users_output_on_stderr():
        trace = api.load(
            target,
            inputs=model.input or (),
            batch=model.batch,
            seed=model.seed,
            constructor=model.constructor(),
            run=run or bool(model.input),
            everything=output.save is not None,
            training=model.train,
            grad=grad,
            values=values,
            stats=stats,
            code=code,
        )
    if output.verbose:
        seconds = time.perf_counter() - started
        versions = trace.versions
        say(
            f"looked at {target} in {seconds:.2f} s: torch {versions.torch}, Python "
            f"{versions.python}, {trace.lane} tensors, seed {trace.seed}"
        )
        for warning in trace.warnings:
            say(f"note: {warning}")
    if output.save is not None:
        api.save(trace, output.save)
        if not output.quiet:
            say(f"saved to {output.save}")
    return trace


def show(view: api.View[Report], output: OutputOptions) -> None:
    """Write a report where it belongs.

    Raises:
        ForwardError: The report is of a forward that failed; it is shown nevertheless.
    """
    from netinspect.render.report import render

    text = render(view.record, style_for(output))
    if output.output is not None:
        api.write_whole(output.output, text)
        if not output.quiet:
            say(f"written to {output.output}")
    else:
        write_out(text)
    subject = getattr(view.record, "subject", None)
    if subject is not None and subject.failure is not None:
        raise forward_error(subject.failure)


def forward_error(diagnosis: Diagnosis) -> ForwardError:
    """Tell a diagnosis as an error."""
    place = diagnosis.place
    cause = [f"{diagnosis.exception}: {diagnosis.message}"]
    if place is not None and place.text:
        cause.append(f"line: {place.text}")
    if len(diagnosis.path) > 1:
        cause.append(f"path: {' > '.join(diagnosis.path)}")
    for operand in diagnosis.operands:
        sizes = ", ".join(
            f">{size}<" if position in operand.wrong else str(size)
            for position, size in enumerate(operand.spec.shape)
        )
        cause.append(f"{operand.name}: ({sizes}) {operand.spec.dtype}")
    if diagnosis.explanation:
        cause.append(diagnosis.explanation)
    return ForwardError(
        diagnosis.summary,
        cause="\n".join(cause),
        place=f"{place.file}:{place.line}" if place is not None else None,
        hint="\n".join(diagnosis.remedies) or None,
    )


def depth_or_all(depth: int | None) -> int | None:
    """On the command line, 0 stands for no limit."""
    return depth or None
