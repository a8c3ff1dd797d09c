"""Runs of live modules and targets, with fallback over tensor modes; called by `loading`.

A model of any size can be traced without its weights: on the meta device, where tensors have no data, or
with zero-filled weights, which take no memory. Code that reads values fails on meta tensors; operations
such as a matrix inverse fail on zeros. Modes are tried in order, and the trace records the one used.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from netinspect._utils.classes import plain_name
from netinspect.errors import LoadError, UsageError, message_of
from netinspect.inputs.arguments import as_call, given_arguments
from netinspect.inputs.choose import Choice, choose_inputs
from netinspect.inputs.construction import Construction
from netinspect.inputs.declared import declared_example
from netinspect.inputs.infer.batch_statistics import are_single, wants_two_examples, with_reason
from netinspect.inputs.infer.model_facts import devices_of
from netinspect.inputs.inherit import infer_dtypes
from netinspect.records.base import replace
from netinspect.records.steps import Step
from netinspect.records.trace import Trace
from netinspect.records.values import tensors_in
from netinspect.runner.placement import is_same
from netinspect.runner.run_options import ZEROS_NOTE, RunOptions
from netinspect.runner.tensor_modes import (
    TensorModes,
    does_too_much_work,
    fallback_reason,
    is_caused_by_mode,
)
from netinspect.targets.model_factory import ModelFactory, TensorMode, adapt_to_meta
from netinspect.tracing.arguments import Argument
from netinspect.tracing.capture import capture
from netinspect.tracing.model.forwardless import lacks_forward, name_instead, refuses
from netinspect.tracing.model.methods import FORWARD, method_of
from netinspect.tracing.model.offload import lacks_values
from netinspect.tracing.recording.functions import reads
from netinspect.tracing.safe_access import is_a
from netinspect.tracing.snapshot.random_state import preserved_randomness
from netinspect.tracing.snapshot.run_lock import run_lock

_SELECTS = frozenset({"nonzero", "masked_select", "unique"})


@run_lock()
def trace_module(model: object, options: RunOptions, *, target: str | None = None) -> Trace:
    """Trace a live module on its own device.

    Raises:
        LoadError: The object is not a module.
        UsageError: The options do not apply to the module.
    """
    model = _checked_module(model)
    if target is None and options.model_args:
        raise UsageError(
            f"--arg is for a model that netinspect builds: {plain_name(type(model))} is built already",
            hint="build it with other arguments, or name its class, such as file.py:Class",
        )
    tensor_mode: TensorMode = "meta" if lacks_values(model) else "real"
    mode, device = options.request.tensors, options.request.device
    if mode not in ("auto", tensor_mode):
        raise UsageError(
            f"cannot run a live model on {mode} tensors",
            hint="leave the tensor mode out, or name a target that can be built",
        )
    if device is not None:
        inputs = replace(options.inputs, device=_device_for_inputs(model, device))
        options = replace(options, inputs=inputs)
    return _trace(model, tensor_mode, options, target=target, is_instance=True)


def _device_for_inputs(model: nn.Module, device: str) -> str:
    """Return the device of a live model, which is not moved, that a caller names for its inputs."""
    try:
        wanted = torch.device(device)
    except RuntimeError as error:
        raise UsageError(
            f"{device!r} is not a device", hint="expected a device such as cpu or cuda:0"
        ) from error
    own = devices_of(model)
    for each in own:
        if is_same(each, wanted):
            return str(each)
    if wanted.type == "cuda" and not torch.cuda.is_available():
        built = torch.version.cuda or torch.version.hip
        why = "torch finds no GPU" if built else "this torch is built without CUDA"
        raise UsageError(
            f"cannot run on {device}: {why}", hint="leave --device out: the model runs where it is"
        )
    if own:
        raise UsageError(
            f"cannot run a live model on {device}: its tensors are on {' and '.join(map(str, own))}",
            hint=_hint_to_move(device, wanted, own),
        )
    return device


def _hint_to_move(device: str, wanted: torch.device, own: list[torch.device]) -> str:
    if wanted.type == "meta":  # the move of the model itself would lose its weights
        return f"use a copy, as by copy.deepcopy(model).to({device!r}); netinspect moves no model"
    if any(each.type == "meta" for each in own):  # `to` cannot copy what has no values
        return "leave device out: the model then runs on meta, without values"
    return f"move it there first, as by model.to({device!r}); netinspect leaves it where it is"


def _checked_module(model: object) -> nn.Module:
    if not is_a(model, nn.Module):
        hint = None
        if is_a(model, type) and issubclass(model, nn.Module):
            hint = f"build it first: {plain_name(model)}()"
        elif is_a(model, dict):
            hint = "load it into its model, or save it by torch.save and name the file"
        elif model is None:
            hint = "the function that makes the model returned nothing"
        raise LoadError(
            f"cannot inspect {plain_name(type(model))}: "
            "expected an nn.Module, a Trace or a target string",
            hint=hint,
        )
    return model


@run_lock()
def trace_target(factory: ModelFactory, options: RunOptions) -> Trace:
    """Trace the model of a target in the first tensor mode that works.

    Raises:
        LoadError: The model cannot be built.
        UsageError: The inputs do not match its signature.
    """
    target = factory.target.text
    if factory.is_built:
        return trace_module(factory.build()[0], options, target=target)
    options = replace(
        options, construction=Construction.of(factory.found, factory.arguments, factory.nearby.plain())
    )
    notes: list[str] = []
    reported: Trace | None = None
    why = ""
    modes = TensorModes(factory, options.request, needs_values=options.needs_values)
    for wanted in modes:
        with _entered(wanted) as mode:
            try:
                model, tensor_mode = _built(factory, wanted, mode)
            except LoadError as error:
                modes.failed_to_build(error)
                continue
            if modes.prefers_other(model, tensor_mode):
                continue
            if options.request.device not in (None, "cpu"):
                model = _moved(model, options.request.device)
            notes += modes.building_notes(tensor_mode)
            options.budget.prefers_meta = modes.limits_work(tensor_mode)
            trace = _trace(model, tensor_mode, options, target=target)
        if why and reported is not None and _has_same_failure(reported, trace):
            notes.remove(why)  # the tensor mode was not the cause
        trace = replace(trace, warnings=(*notes, *trace.warnings))
        if trace.failure is None or not is_caused_by_mode(trace.failure, tensor_mode):
            return trace
        if does_too_much_work(trace.failure):
            modes.prefer_meta(tensor_mode)
            options = replace(options, inputs=replace(options.inputs, start=_resolved_inputs(trace)))
            continue
        if reported is None or len(trace.steps) > len(reported.steps):
            reported = trace
        if modes.can_go_on(model):
            why = fallback_reason(trace.failure, tensor_mode)
            notes.append(why)
            options = replace(options, inputs=replace(options.inputs, start=_resolved_inputs(trace)))
        elif reported is not None:
            limit = (
                f"{fallback_reason(trace.failure, tensor_mode, fell_back=False)}; the trace ends there"
            )
            reported = replace(reported, warnings=(*reported.warnings, limit))
            break
    if reported is not None:
        # A run in another tensor mode may have exceeded the time as well.
        return replace(reported, out_of_time=options.budget.out_of_time)
    raise modes.error


@contextmanager
def _entered(tensor_mode: TensorMode) -> Iterator[Any]:
    """Enter torch's fake tensor mode if that is the tensor mode; the factory handles the others.

    Yields:
        The `FakeTensorMode`; None for other tensor modes.
    """
    if tensor_mode != "fake":
        yield None
        return
    from torch._subclasses.fake_tensor import FakeTensorMode

    # Failures are reported once, by us; torch would log each attempt to stderr.
    log = logging.getLogger("torch._subclasses.fake_tensor")
    was_disabled, log.disabled = log.disabled, True
    try:
        with preserved_randomness(), FakeTensorMode(allow_non_fake_inputs=True) as mode:
            yield mode
    finally:
        log.disabled = was_disabled


def _built(factory: ModelFactory, tensor_mode: TensorMode, mode: Any) -> tuple[nn.Module, TensorMode]:
    """Build a model; if its constructor fails on fake tensors, convert it to them afterwards."""
    try:
        model, built = factory.build(tensor_mode)
        if tensor_mode == "fake":
            adapt_to_meta(model)
        return model, built
    except LoadError:
        if tensor_mode != "fake":
            raise
    from netinspect.memory_tracker.tracked_models import build_then_fake

    return build_then_fake(factory, mode), tensor_mode


def _has_same_failure(one: Trace, other: Trace) -> bool:
    first, second = one.failure, other.failure
    return first is not None and second is not None and first.message == second.message


def _resolved_inputs(trace: Trace) -> tuple[tuple[str, str], ...]:
    """Return the inputs that a stopped search had reached, with their reasons."""
    return tuple((each.spec, each.origin) for each in trace.inputs) if trace.attempts else ()


def _moved(model: nn.Module, device: str) -> nn.Module:
    try:
        return nn.Module.to(model, torch.device(device))
    except (RuntimeError, AssertionError) as error:
        raise UsageError(
            f"cannot run on device {device}",
            cause=message_of(error).partition("\n")[0],
            hint="--device takes a device that this torch has, such as cpu or cuda:0",
        ) from error


def _trace(
    model: nn.Module,
    tensor_mode: TensorMode,
    options: RunOptions,
    *,
    target: str | None,
    is_instance: bool = False,
) -> Trace:
    choice: Choice | None = None
    warnings: tuple[str, ...] = ()
    budget = options.budget
    budget.is_calculated = tensor_mode in ("real", "zeros")
    no_forward, call = None, options.request.call
    if call != FORWARD:
        method_of(model, call)  # reports a wrong name before the search
    elif lacks_forward(model):
        no_forward = name_instead(model, target, is_instance=is_instance)
    if no_forward is not None:
        warnings = ("the model has no forward: its modules and tensors are listed, and nothing was run",)
    elif options.request.run or options.request.everything:
        try:
            choice = _choose(model, tensor_mode, options, target)
        except UsageError as error:
            if options.request.run:
                raise
            warnings = (f"saved without a forward: {error.message}",)
    trace = _captured(model, choice, tensor_mode, options, target)
    # Each run shows what the first wrong input lacks; one may lack a dtype and then a range.
    for _ in range(2 * len(options.inputs.specs) if choice is not None else 0):
        typed = infer_dtypes(model, options.inputs, trace)
        if typed is None:
            break
        options = replace(options, inputs=typed)
        choice = _choose(model, tensor_mode, options, target)
        trace = _captured(model, choice, tensor_mode, options, target)
    if choice is not None and wants_two_examples(trace.failure) and _may_choose_batch(choice, options):
        two = replace(options, inputs=replace(options.inputs, batch=2))
        choice = _choose(model, tensor_mode, two, target)
        choice = dataclasses.replace(choice, arguments=[*map(with_reason, choice.arguments)])
        trace = _captured(model, choice, tensor_mode, two, target)
    if tensor_mode == "zeros" and any(map(_reads_values, trace.steps)):
        warnings += (ZEROS_NOTE,)
    if trace.failure is not None and choice is not None:
        from netinspect.inputs.infer.remedies import with_remedies

        training, sizes = options.request.train, not options.has_values
        failure = with_remedies(model, choice, trace, budget, training=training, sizes=sizes, call=call)
        trace = replace(trace, failure=failure)
    if budget.stopped:
        warnings += (f"the search for inputs was {budget.stopped}",)
        trace = replace(trace, out_of_time=budget.out_of_time)
    trace = replace(trace, no_forward=no_forward)
    if options.symbols and choice is not None:
        from netinspect.runner.symbolic_runs import trace_symbolically

        trace = trace_symbolically(trace, model, choice.arguments, options.request, options.symbols)
    return replace(trace, warnings=trace.warnings + warnings) if warnings else trace


def _captured(
    model: nn.Module,
    choice: Choice | None,
    tensor_mode: TensorMode,
    options: RunOptions,
    target: str | None,
) -> Trace:
    return capture(
        model,
        choice.arguments if choice is not None else None,
        options.request,
        target=target,
        example=declared_example(model, options.request.call),
        forward=choice.forward if choice is not None else None,
        tensor_mode=tensor_mode,
        attempts=choice.attempts if choice is not None else (),
        watch=options.budget.watch(has_deadline=False),
    )


def _may_choose_batch(choice: Choice, options: RunOptions) -> bool:
    """Return whether the batch of one was chosen by us, not by the caller."""
    is_asked_for = options.has_values or options.inputs.specs or options.inputs.batch is not None
    return not is_asked_for and are_single(choice.arguments)


def _reads_values(step: Step) -> bool:
    """Return whether later steps depend on values: a number is read, or a mask selects."""
    if step.name == "getitem":
        return any(spec.dtype == "bool" for spec in tensors_in(step.inputs))
    return step.name in _SELECTS or reads(step.qualified_name)


def _choose(
    model: nn.Module, tensor_mode: TensorMode, options: RunOptions, target: str | None
) -> Choice:
    values: list[Argument] = []
    if options.has_values:
        args, kwargs = options.given.args or (), options.given.kwargs or {}
        if options.example is not None:
            args, kwargs = as_call(model, options.example, options.request.call)
        if target is not None:
            from netinspect.inputs.files import place_on

            args, kwargs = place_on(model, tuple(args)), place_on(model, dict(kwargs))
        values = given_arguments(model, args, kwargs, options.request.call)
        if not options.inputs.specs:
            return Choice(values)
    return choose_inputs(
        model,
        options.inputs,
        options.request,
        values=values,
        target=target,
        stops_at=lambda failure: is_caused_by_mode(failure, tensor_mode) or refuses(failure),
        budget=options.budget,
        construction=options.construction,
    )
