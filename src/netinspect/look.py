"""From a subject to its trace: build, choose the inputs, run, on the first kind of tensors that works.

A model of any size can be looked at without its weights: on the meta device, where tensors have a shape
and nothing else, or hollow, where large weights are zeros that take no memory. What reads values fails
on meta tensors; what zeros are no good for, such as an inverse, fails on hollow ones. So one after the
other is tried, and the trace tells which it was, and why.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import nn

from netinspect.errors import LoadError, UsageError, message_of
from netinspect.inputs.arguments import as_call, given_arguments
from netinspect.inputs.budget import Budget
from netinspect.inputs.choose import Choice, choose_inputs
from netinspect.inputs.request import InputRequest
from netinspect.inputs.stated import declared_example
from netinspect.inputs.symbols import SymbolRequest
from netinspect.inputs.two_examples import are_single, wants_two_examples, with_reason
from netinspect.kinds import plain_name
from netinspect.observe.functions import reads
from netinspect.observe.inert import is_a
from netinspect.observe.members import parameters
from netinspect.observe.offload import lacks_values
from netinspect.observe.run import CaptureOptions, capture
from netinspect.observe.seeds import preserved_randomness
from netinspect.records.steps import Failure, Step
from netinspect.records.trace import Trace
from netinspect.records.values import tensors_in
from netinspect.sources.build import Blueprint, Lane

_WORTH_META = 150_000_000
"""Elements from which on real kernels take longer than what the meta device brings along to import."""

_MAXIMUM_HOLLOW = 2_000_000_000
_MAXIMUM_REAL = 1_500_000_000
"""Elements up to which a model is run with kernels, and with weights, without being asked to."""

_NEEDS_VALUES = re.compile(
    r"\bmeta\b|Meta tensor|item\(\)|_local_scalar_dense|data-dependent|BF16 type|no data", re.IGNORECASE
)
ZEROS = "large weights are zeros here: a branch that depends on values went the way of zeros"
_SELECTS = frozenset({"nonzero", "masked_select", "unique"})
_VALUELESS = ("NotImplementedError", "DataDependentOutputException", "DynamicOutputShapeException")
_NO_FORWARD = 'missing the required "forward"'
_NEEDS_WEIGHTS = re.compile(
    r"singular|positive[- ]definite|converge|ill-conditioned|probabilit", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class LookOptions:
    """What to look at, and on what."""

    request: InputRequest = field(default_factory=InputRequest)
    args: Sequence[Any] | None = None
    kwargs: Mapping[str, Any] | None = None
    example: Any = None
    """What the user's own function made: arguments, keyword arguments, or both."""

    run: bool = True
    everything: bool = False
    """Run forward if it can be, and look without it otherwise."""

    on: str = "auto"
    """`auto`, `meta`, `hollow`, `fake`, or the device of real tensors."""

    capture: CaptureOptions = field(default_factory=CaptureOptions)
    symbols: Sequence[SymbolRequest] = ()
    """Sizes that shall be told as symbols; every one takes four more runs."""

    budget: Budget = field(default_factory=Budget)
    """What searches for inputs may run: one for all kinds of tensors that are tried."""

    @property
    def has_values(self) -> bool:
        """Whether the arguments of forward are at hand."""
        return not (self.args is None and self.kwargs is None and self.example is None)

    @property
    def needs_values(self) -> bool:
        """Whether what is asked for are values, which only real weights have."""
        return self.capture.values or self.capture.statistics or self.capture.backward


def look_at_module(model: object, options: LookOptions, *, target: str | None = None) -> Trace:
    """Look at a live module, where it is and as it is.

    Raises:
        LoadError: It is none.
        UsageError: It cannot be looked at as asked for.
    """
    model = _checked_module(model)
    lane: Lane = "meta" if lacks_values(model) else "real"
    if options.on not in ("auto", lane):
        raise UsageError(
            f"cannot look at a live model on {options.on}",
            hint="move it there first, or name a target that can be built there",
        )
    return _look(model, lane, options, target=target)


def _elements(model: nn.Module) -> int:
    """Return the number of elements of all parameters."""
    with torch._C.DisableTorchFunction():
        return sum(parameter.numel() for parameter in parameters(model))


def _checked_module(subject: object) -> nn.Module:
    if not is_a(subject, nn.Module):
        hint = None
        if is_a(subject, type) and issubclass(subject, nn.Module):
            hint = f"build it first: {plain_name(subject)}()"
        raise LoadError(
            f"cannot look at {plain_name(type(subject))}: it is no nn.Module, trace or target",
            hint=hint,
        )
    return subject


def look_at_target(blueprint: Blueprint, options: LookOptions) -> Trace:
    """Look at what a target names, on the first kind of tensors that works.

    Raises:
        LoadError: It cannot be built.
        UsageError: The inputs do not fit its signature.
    """
    target = blueprint.target.text
    if blueprint.is_built:
        return look_at_module(blueprint.build()[0], options, target=target)
    notes: list[str] = []
    reported: Trace | None = None
    why = ""
    lanes = _Lanes(blueprint, options)
    for wanted in lanes:
        with _entered(wanted) as mode:
            try:
                model, lane = _built(blueprint, wanted, mode)
            except LoadError as error:
                lanes.failed_to_build(error)
                continue
            if lanes.puts_off(model, lane):
                continue
            if wanted == "real" and options.on not in ("auto", "cpu"):
                model = _moved(model, options.on)
            notes += lanes.building_notes(lane)
            trace = _look(model, lane, options, target=target)
        if reported is not None and _fails_alike(reported, trace):
            notes.remove(why)  # it was not for the tensors that it failed
        trace = replace(trace, warnings=(*notes, *trace.warnings))
        if trace.failure is None or not _is_of_the_lane(trace.failure, lane):
            return trace
        if reported is None or len(trace.steps) > len(reported.steps):
            reported = trace
        elements = _elements(model)
        if lanes.can_go_on(elements):
            why = _why(trace.failure, lane)
            notes.append(why)
            options = replace(options, request=replace(options.request, start=_settled(trace)))
        elif reported is not None:
            limit = f"{_why(trace.failure, lane, fell_back=False)}; the trace ends there"
            reported = replace(reported, warnings=(*reported.warnings, limit))
            break
    if reported is not None:
        # On other tensors than those of this trace, time may have been up too.
        return replace(reported, out_of_time=options.budget.out_of_time)
    raise lanes.error


@contextmanager
def _entered(lane: Lane) -> Iterator[Any]:
    """Make whatever is made fake, where that is the lane; the others are made by the blueprint.

    Yields:
        The mode of fake tensors; None on other lanes.
    """
    if lane != "fake":
        yield None
        return
    from torch._subclasses.fake_tensor import FakeTensorMode

    # What fails is told by us, once; torch would write it to stderr at every try.
    log = logging.getLogger("torch._subclasses.fake_tensor")
    was_disabled, log.disabled = log.disabled, True
    try:
        with preserved_randomness(), FakeTensorMode(allow_non_fake_inputs=True) as mode:
            yield mode
    finally:
        log.disabled = was_disabled


def _built(blueprint: Blueprint, lane: Lane, mode: Any) -> tuple[nn.Module, Lane]:
    """Build a model; where its constructor does not take fake tensors, copy it to them afterwards."""
    try:
        return blueprint.build(lane)
    except LoadError:
        if lane != "fake":
            raise
    from netinspect.tracking.build import build_then_fake

    return build_then_fake(blueprint, mode), lane


class _Lanes:
    """Which kinds of tensors to try, one after the other."""

    def __init__(self, blueprint: Blueprint, options: LookOptions) -> None:
        self.error: LoadError
        self._asked = options.on
        self._waiting: list[Lane] = []
        self._tried: list[Lane] = []
        self._notes: list[str] = []
        self._failed_to_build: str | None = None
        if options.on in ("meta", "hollow", "fake"):
            if options.needs_values:
                raise UsageError(
                    f"there are no values to tell with --on {options.on}",
                    hint="leave --on out: what is asked for needs real weights",
                )
            self._waiting = [options.on]  # type: ignore[list-item]
        elif options.on != "auto" or options.needs_values:
            self._waiting = ["real"]
        elif blueprint.target.kind == "library":
            self._waiting = ["meta", "hollow", "fake", "real"]
        else:
            self._waiting = ["hollow", "real"]

    def __iter__(self) -> Iterator[Lane]:
        while self._waiting:
            self._tried.append(self._waiting.pop(0))
            yield self._tried[-1]

    def puts_off(self, model: nn.Module, lane: Lane) -> bool:
        """Whether a hollow model is so large that the meta device shall come first."""
        if lane != "hollow" or self._asked != "auto" or "meta" in self._tried:
            return False
        if _elements(model) < _WORTH_META:
            return False
        self._waiting = ["meta", "hollow", "fake", *self._waiting]
        return True

    def failed_to_build(self, error: LoadError) -> None:
        """Remember why a model cannot be built.

        What fails alike on two kinds of tensors is not their fault: real weights, which may not even
        fit in memory, would not help.
        """
        if self._failed_to_build is not None and self._failed_to_build == error.cause:
            raise error
        self._failed_to_build = error.cause
        self.error = error
        cause = (error.cause or error.message).partition("\n")[0]
        self._notes.append(f"it cannot be built on {self._tried[-1]} tensors ({cause})")

    def building_notes(self, lane: Lane) -> list[str]:
        """Say on what it was built instead."""
        notes = [f"{note}: built with {lane} ones" for note in self._notes]
        self._notes = []
        return notes

    def can_go_on(self, elements: int) -> bool:
        """Whether another kind of tensors is left that a model of such a size can be run on."""
        limits = {"hollow": _MAXIMUM_HOLLOW, "real": _MAXIMUM_REAL}
        self._waiting = [lane for lane in self._waiting if elements <= limits.get(lane, elements)]
        if "hollow" in self._tried or "hollow" in self._waiting:
            # Fake tensors have no values either: they are for what is too large for kernels.
            self._waiting = [lane for lane in self._waiting if lane != "fake"]
        return bool(self._waiting)


def _fails_alike(one: Trace, other: Trace) -> bool:
    first, second = one.failure, other.failure
    return first is not None and second is not None and first.message == second.message


def _settled(trace: Trace) -> tuple[tuple[str, str], ...]:
    """The inputs that a stopped search had come to, with their reasons."""
    return tuple((each.spec, each.origin) for each in trace.inputs) if trace.attempts else ()


def _is_of_the_lane(failure: Failure, lane: Lane) -> bool:
    if lane in ("meta", "fake") and _NO_FORWARD not in failure.message:
        return failure.type in _VALUELESS or bool(_NEEDS_VALUES.search(failure.message))
    return lane == "hollow" and bool(_NEEDS_WEIGHTS.search(failure.message))


def _why(failure: Failure, lane: Lane, *, fell_back: bool = True) -> str:
    place = failure.place
    where = f" ({place.text} in line {place.line} of {place.file})" if place and place.text else ""
    if lane in ("meta", "fake"):
        kind = "tensors on the meta device" if lane == "meta" else "fake tensors"
        why, instead = f"forward needs values, which {kind} do not have{where}", "others"
    else:
        why, instead = f"forward does to its weights what zeros do not bear{where}", "real ones"
    return f"{why}; it ran on {instead} instead" if fell_back else why


def _moved(model: nn.Module, device: str) -> nn.Module:
    try:
        return nn.Module.to(model, torch.device(device))
    except (RuntimeError, AssertionError) as error:
        raise UsageError(
            f"cannot look on {device}",
            cause=message_of(error).partition("\n")[0],
            hint="--on takes auto, meta, hollow, fake, cpu or a device that torch has, such as cuda:0",
        ) from error


def _look(model: nn.Module, lane: Lane, options: LookOptions, *, target: str | None) -> Trace:
    choice: Choice | None = None
    warnings: tuple[str, ...] = ()
    budget = options.budget
    budget.is_calculated = lane in ("real", "hollow")
    if options.run or options.everything:
        try:
            choice = _choose(model, lane, options, target)
        except UsageError as error:
            if options.run:
                raise
            warnings = (f"saved without a forward: {error.message}",)
    trace = _captured(model, choice, lane, options, target)
    if choice is not None and wants_two_examples(trace.failure) and _may_choose_batch(choice, options):
        two = replace(options, request=replace(options.request, batch=2))
        choice = _choose(model, lane, two, target)
        choice = replace(choice, arguments=[*map(with_reason, choice.arguments)])
        trace = _captured(model, choice, lane, two, target)
    if lane == "hollow" and any(map(_reads_values, trace.steps)):
        warnings += (ZEROS,)
    if trace.failure is not None and choice is not None:
        from netinspect.inputs.remedies import with_remedies

        training, sizes = options.capture.training, not choice.attempts and not options.has_values
        failure = with_remedies(model, choice, trace, budget, training=training, sizes=sizes)
        trace = replace(trace, failure=failure)
    if budget.stopped:
        warnings += (f"the search for inputs was {budget.stopped}",)
        trace = replace(trace, out_of_time=budget.out_of_time)
    if options.symbols and choice is not None:
        from netinspect.rerun import tell_as_symbols

        trace = tell_as_symbols(trace, model, choice.arguments, options.capture, options.symbols)
    return replace(trace, warnings=trace.warnings + warnings) if warnings else trace


def _captured(
    model: nn.Module, choice: Choice | None, lane: Lane, options: LookOptions, target: str | None
) -> Trace:
    return capture(
        model,
        choice.arguments if choice is not None else None,
        options.capture,
        target=target,
        example=declared_example(model),
        forward=choice.forward if choice is not None else None,
        lane=lane,
        attempts=choice.attempts if choice is not None else (),
    )


def _may_choose_batch(choice: Choice, options: LookOptions) -> bool:
    """Whether nobody asked for the single example that forward was given."""
    is_asked_for = options.has_values or options.request.specs or options.request.batch is not None
    return not is_asked_for and are_single(choice.arguments)


def _reads_values(step: Step) -> bool:
    """Whether what comes after a step depends on values: a number that is read, a mask that selects."""
    if step.name == "getitem":
        return any(spec.dtype == "bool" for spec in tensors_in(step.inputs))
    return step.name in _SELECTS or reads(step.qualified_name)


def _choose(model: nn.Module, lane: Lane, options: LookOptions, target: str | None) -> Choice:
    if options.has_values:
        args, kwargs = options.args or (), options.kwargs or {}
        if options.example is not None:
            args, kwargs = as_call(model, options.example)
        if target is not None:
            from netinspect.inputs.files import place_on

            args, kwargs = place_on(model, tuple(args)), place_on(model, dict(kwargs))
        return Choice(given_arguments(model, args, kwargs))
    return choose_inputs(
        model,
        options.request,
        options.capture,
        target=target,
        stops_at=lambda failure: _is_of_the_lane(failure, lane) or _NO_FORWARD in failure.message,
        budget=options.budget,
    )
