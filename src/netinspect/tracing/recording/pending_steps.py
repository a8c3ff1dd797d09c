"""Pending steps: mutable steps of a run, frozen to records at its end."""

from __future__ import annotations

import functools
import types
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from netinspect.records.steps import Origin, Step
from netinspect.records.values import Literal, Structure, Value
from netinspect.records.work import Work
from netinspect.tracing.calling_lines import Calling
from netinspect.tracing.model.registered import Entry
from netinspect.tracing.recording.functions import Name
from netinspect.tracing.source_lines import source_line

UNSEEN = Literal(type="unseen", text="<not seen>")
"""Output of a layer whose hooks were bypassed: its steps are recorded, its return value is not."""


@dataclass(slots=True, eq=False)
class PendingStep:
    """A step that may be running."""

    index: int
    called: Name
    module: str
    """Path of the module; for a function, of the module whose forward calls it."""

    parent: PendingStep | None
    entry: Entry | None
    """The called module; None for a function."""

    call: int
    """Number of the call of this module, from 1."""

    inputs: Structure
    origins: list[Origin]
    calling: Calling
    handled: BaseException | None
    """Exception that was being handled when the call began, so that the call did not raise it."""

    library: bool = False
    """Whether the module's class is defined by torch."""

    running: types.FrameType | None = None
    """Frame of torch that runs the module; None when the call has ended."""

    forward: types.FrameType | None = None
    """Frame of a directly called `forward`; cleared at its end, because it keeps its variables alive."""

    output: Value | None = None
    grad_fn: str | None = None
    error: BaseException | None = None
    """Exception that the call raised, even if it was caught further up."""


def innermost_running(
    pending: Sequence[PendingStep], modules: Sequence[PendingStep], outer: Sequence[PendingStep]
) -> PendingStep | None:
    """Return the innermost running step; None if all steps have ended.

    Args:
        pending: The steps, in the order in which they began.
        modules: Open module calls, outermost first.
        outer: Open module calls of the thread that started this one.
    """
    if pending:
        last = pending[-1]
        if last.entry is None and last.output is None and last.error is None:
            return last
    return modules[-1] if modules else outer[-1] if outer else None


def freeze(
    pending: Iterable[PendingStep], failure: BaseException | None, work: Mapping[int, tuple[Work, ...]]
) -> tuple[Step, ...]:
    """Return the frozen records of pending steps.

    Args:
        pending: The steps, in the order in which they began.
        failure: Exception of forward, if it failed. Only steps that raised it are marked as failed,
            not steps whose exception was caught.
        work: Operator counts by step index.
    """
    fatal = set(map(id, _with_causes(failure)))
    # Reads each source line once.
    line = functools.cache(source_line)
    depths: list[int] = []
    steps: list[Step] = []
    for step in pending:
        parent, calling = step.parent, step.calling
        depths.append(0 if parent is None else depths[parent.index] + 1)
        # The steps of a temporary layer, as in `nn.ReLU()(x)`, belong to the line that calls it.
        site = calling.site if parent is not None and parent.library else None
        steps.append(
            Step(
                index=step.index,
                kind="function" if step.entry is None else "module",
                name=step.called.display,
                qualified_name=step.called.qualified,
                module=step.module,
                parent=None if parent is None else parent.index,
                depth=depths[-1],
                call=step.call,
                inputs=step.inputs,
                output=step.output,
                source=line(calling.source),
                site=line(site),
                via=tuple([found for location in calling.via if (found := line(location)) is not None]),
                input_origins=tuple(step.origins),
                failed=id(step.error) in fatal,
                grad_fn=step.grad_fn,
                work=work.get(step.index, ()),
            )
        )
    return tuple(steps)


def _with_causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an exception with its causes and contexts."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
