"""Steps while they happen: what the hooks and the function mode write down, frozen at the end."""

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
"""The output of a layer whose hooks were passed by: what it did is seen, and not what it returned."""


@dataclass(slots=True, eq=False)
class PendingStep:
    """A step that is still happening."""

    index: int
    called: Name
    module: str
    """The path of the module, or of the one in whose forward a function runs."""

    parent: PendingStep | None
    entry: Entry | None
    """The module that is called; None for a function."""

    call: int
    """Which call of the module it is, from 1."""

    inputs: Structure
    producers: tuple[int, ...]
    parameters: tuple[str, ...]
    arguments: tuple[str, ...]
    calling: Calling
    handled: BaseException | None
    """The exception that was being handled when the call began; not one of its own."""

    library: bool = False
    """Whether it is a call of a module whose class is torch's."""

    running: types.FrameType | None = None
    """The frame of torch's that runs the module, while it does."""

    forward: types.FrameType | None = None
    """The frame of a `forward` that was called directly; kept only while it runs, for it keeps all of
    its variables."""

    output: Value | None = None
    grad_fn: str | None = None
    error: BaseException | None = None
    """What it raised, be it caught further up or not."""


def under_way(
    drafts: Sequence[PendingStep], modules: Sequence[PendingStep], outer: Sequence[PendingStep]
) -> PendingStep | None:
    """Return the innermost step that has begun and not ended; None if there is none.

    Args:
        drafts: The steps, in order of their beginning.
        modules: The calls of modules that have not ended, outermost first.
        outer: Those in the thread that began this one.
    """
    if drafts:
        last = drafts[-1]
        if last.entry is None and last.output is None and last.error is None:
            return last
    return modules[-1] if modules else outer[-1] if outer else None


def freeze(
    drafts: Iterable[PendingStep], failure: BaseException | None, work: Mapping[int, tuple[Work, ...]]
) -> tuple[Step, ...]:
    """Make the records.

    Args:
        drafts: The steps, in order of their beginning.
        failure: What ended forward, if it failed: the steps that raised it failed, while one whose
            exception was caught did not.
        work: What each step did, by its index.
    """
    fatal = set(map(id, _with_causes(failure)))
    # A line that runs many times is read once.
    line = functools.cache(source_line)
    depths: list[int] = []
    steps: list[Step] = []
    for draft in drafts:
        around, calling = draft.parent, draft.calling
        depths.append(0 if around is None else depths[around.index] + 1)
        # What a layer made on the spot does, as in `nn.ReLU()(x)`, is done by the line around it.
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
                via=tuple([told for place in calling.via if (told := line(place)) is not None]),
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
    """Yield an exception, and those that it was raised from or while handling."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
