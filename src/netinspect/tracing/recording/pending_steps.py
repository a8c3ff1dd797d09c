"""Steps that are still running; frozen to records at the end of a run."""

from __future__ import annotations

import functools
import types
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from netinspect.records.steps import Step
from netinspect.records.values import Literal, Structure, Value
from netinspect.records.work import Work
from netinspect.tracing.model.registered import Entry
from netinspect.tracing.recording.functions import Name
from netinspect.tracing.source_lines import Calling, source_line

UNSEEN = Literal(type="unseen", text="<not seen>")
"""Output of a layer whose hooks were bypassed: its steps are recorded, its return value is not."""


@dataclass(slots=True, eq=False)
class PendingStep:
    """A step that may still be running."""

    index: int
    called: Name
    module: str
    """Path of the module; for a function, of the module whose forward calls it."""

    parent: PendingStep | None
    entry: Entry | None
    """The module that is called; None for a function."""

    call: int
    """Number of the call of this module, from 1."""

    inputs: Structure
    producers: tuple[int, ...]
    parameters: tuple[str, ...]
    arguments: tuple[str, ...]
    calling: Calling
    handled: BaseException | None
    """Exception that was being handled when the call began; not raised by the call."""

    library: bool = False
    """Whether the module's class is defined by torch."""

    running: types.FrameType | None = None
    """Frame of torch that runs the module; None when the call has ended."""

    forward: types.FrameType | None = None
    """Frame of a directly called `forward`; released at its end, because a frame keeps all its
    variables alive."""

    output: Value | None = None
    grad_fn: str | None = None
    error: BaseException | None = None
    """Exception that the call raised, even if it was caught further up."""


def under_way(
    drafts: Sequence[PendingStep], modules: Sequence[PendingStep], outer: Sequence[PendingStep]
) -> PendingStep | None:
    """Return the innermost step that has begun and not ended; None if all have ended.

    Args:
        drafts: The steps, in the order in which they began.
        modules: The calls of modules that have not ended, outermost first.
        outer: Open module calls of the thread that started this one.
    """
    if drafts:
        last = drafts[-1]
        if last.entry is None and last.output is None and last.error is None:
            return last
    return modules[-1] if modules else outer[-1] if outer else None


def freeze(
    drafts: Iterable[PendingStep], failure: BaseException | None, work: Mapping[int, tuple[Work, ...]]
) -> tuple[Step, ...]:
    """Return the frozen records of pending steps.

    Args:
        drafts: The steps, in the order in which they began.
        failure: Exception of forward, if it failed. Only steps that raised it are marked as failed,
            not steps whose exception was caught.
        work: Operator counts by step index.
    """
    fatal = set(map(id, _with_causes(failure)))
    # Read each source line once.
    line = functools.cache(source_line)
    depths: list[int] = []
    steps: list[Step] = []
    for draft in drafts:
        around, calling = draft.parent, draft.calling
        depths.append(0 if around is None else depths[around.index] + 1)
        # The steps of a temporary layer, as in `nn.ReLU()(x)`, belong to the line that calls it.
        site = calling.site if around is not None and around.library else None
        steps.append(
            Step(
                index=draft.index,
                kind="function" if draft.entry is None else "module",
                name=draft.called.shown,
                qualified_name=draft.called.qualified,
                module=draft.module,
                parent=None if around is None else around.index,
                depth=depths[-1],
                call=draft.call,
                inputs=draft.inputs,
                output=draft.output,
                source=line(calling.source),
                site=line(site),
                via=tuple([found for place in calling.via if (found := line(place)) is not None]),
                producers=draft.producers,
                parameters=draft.parameters,
                arguments=draft.arguments,
                failed=id(draft.error) in fatal,
                grad_fn=draft.grad_fn,
                work=work.get(draft.index, ()),
            )
        )
    return tuple(steps)


def _with_causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an exception, its causes and its contexts."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
