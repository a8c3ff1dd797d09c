"""Capture of a `Trace` from a live module and its inputs."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any
from typing import Literal as OneOf

import torch
from torch import nn

from netinspect._utils.classes import plain_name
from netinspect._utils.interruption import Watch
from netinspect._utils.process import begin_phase, without_collector
from netinspect._utils.tracebacks import traceback_lines
from netinspect.errors import class_name, message_of
from netinspect.records.base import replace
from netinspect.records.request import TraceRequest
from netinspect.records.steps import Failure, Origin, Step
from netinspect.records.tensors import Buffer, Gradient, Parameter, Unregistered
from netinspect.records.trace import Attempt, Backward, Trace, Versions
from netinspect.records.values import Literal, Value
from netinspect.tracing.arguments import Argument, named_leaves, split
from netinspect.tracing.backward import run_backward
from netinspect.tracing.failed_condition import failed_condition
from netinspect.tracing.limitations import fused_scripts, limits
from netinspect.tracing.model.changes import After, Before, live_tensors
from netinspect.tracing.model.class_sources import class_code
from netinspect.tracing.model.members import modules as modules_of
from netinspect.tracing.model.members import parameters as parameters_of
from netinspect.tracing.model.methods import FORWARD, method_of
from netinspect.tracing.model.modes import mode_of
from netinspect.tracing.model.registered import Registered
from netinspect.tracing.model.static_walk import (
    global_hooks,
    hook_dictionaries,
    walk_modules,
    walk_tensors,
)
from netinspect.tracing.model.unregistered import find_unregistered
from netinspect.tracing.recording.operators import Operators
from netinspect.tracing.recording.recorder import Recorder
from netinspect.tracing.snapshot.model_snapshot import snapshot_for_run
from netinspect.tracing.snapshot.random_state import seed_everything
from netinspect.tracing.source_lines import raising_columns, raising_line
from netinspect.tracing.tensors.describe import LiveTensors, describe
from netinspect.tracing.tensors.named_values import as_printed, with_gradients, with_values
from netinspect.tracing.user_warnings import at_the_users_line
from netinspect.version import __version__


@dataclass(slots=True)
class Forward:
    """Result of one run of forward."""

    steps: tuple[Step, ...] = ()
    output: Value | None = None
    output_origins: tuple[Origin, ...] = ()
    output_values: str | None = None
    failure: Failure | None = None
    backward: Backward | None = None
    gradients: dict[int, Gradient | None] = field(default_factory=dict)
    counted: OneOf["no", "partly", "yes"] = "no"
    reads_values: bool = False
    """True if forward read tensor values, so that other values may take another path."""

    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """Notes on how a deferred output was computed."""

    tensors: tuple[tuple[Parameter, ...], tuple[Buffer, ...]] | None = None
    """Named tensors after forward; set only if forward materialized some of them."""

    unregistered: tuple[Unregistered, ...] = ()
    """Set only if forward called unregistered modules."""

    after: After | None = None
    """The model after forward; set only if forward registered, replaced or removed something."""


def capture(
    model: nn.Module,
    arguments: Sequence[Argument] | None,
    request: TraceRequest | None = None,
    *,
    target: str | None = None,
    example: Sequence[str] = (),
    forward: Forward | None = None,
    tensor_mode: OneOf["real", "meta", "zeros", "fake"] = "real",
    attempts: Sequence[Attempt] = (),
    watch: Watch | None = None,
) -> Trace:
    """Run a model once and return its trace; the model is restored afterwards.

    Args:
        model: The live module.
        arguments: Arguments of `forward`; None to record the modules without running it.
        request: What to record besides shapes.
        target: Target string of the user; None for the class name.
        example: Input specs declared in the model's file.
        forward: Result of `observe` with these arguments; None to run it.
        tensor_mode: What the model's tensors are.
        attempts: Attempts of a search for the arguments.
        watch: Called after each operator; it may end the run.

    Returns:
        The trace. If forward raised, the trace ends there and contains the failure; the exception is
        not raised again.
    """
    request = request or TraceRequest()
    with without_collector(), torch._C.DisableTorchFunction():
        modules = walk_modules(model)
        parameters, buffers = walk_tensors(model)
        unregistered = find_unregistered(model)
    ran = Forward()
    if arguments is not None:
        if forward is None:
            begin_phase("running forward")
        ran = forward or observe(model, arguments, request, watch)
        parameters, buffers = ran.tensors or (parameters, buffers)
        unregistered = ran.unregistered or unregistered
        if ran.after is not None:
            modules, parameters, buffers, ran.steps, ran.output_origins = ran.after.whole(
                modules, parameters, buffers, ran.steps, ran.output_origins
            )
    summary = request.stats or (request.stats_if_small and tensor_mode == "real")
    if ran.gradients or request.values or summary:
        live = live_tensors(model, ran.after)
        parameters = with_gradients(parameters, live, ran.gradients)
        parameters = with_values(parameters, live, text=request.values, summary=summary)
        buffers = with_values(buffers, live, text=request.values, summary=summary)
    return Trace(
        target=target or plain_name(type(model)),
        class_name=plain_name(type(model)),
        versions=Versions(
            netinspect=__version__,
            torch=str(torch.__version__),
            python=platform.python_version(),
        ),
        modules=modules,
        parameters=parameters,
        buffers=buffers,
        hook_dictionaries=hook_dictionaries(),
        global_hooks=global_hooks(),
        ran=arguments is not None,
        inputs=tuple(argument.record for argument in arguments or ()),
        example=tuple(example),
        steps=ran.steps,
        output=ran.output,
        output_origins=ran.output_origins,
        output_values=ran.output_values,
        call=request.call,
        mode="train" if (mode_of(model) if request.train is None else request.train) else "eval",
        tensor_mode=tensor_mode,
        attempts=tuple(attempts),
        counted=ran.counted,
        seed=request.seed,
        failure=ran.failure,
        backward=ran.backward,
        code=class_code(modules_of(model)) if request.code else (),
        warnings=tuple(ran.warnings),
        changes=ran.after.changes if ran.after is not None else (),
        unregistered=unregistered,
    )


def observe(
    model: nn.Module,
    arguments: Sequence[Argument],
    request: TraceRequest,
    watch: Watch | None = None,
) -> Forward:
    """Run forward once and record it; the model is restored afterwards.

    Args:
        model: The live module.
        arguments: Arguments of the method to run.
        request: What to record.
        watch: Called after each operator; it may end the run by an `Interruption`, which becomes the
            failure.
    """
    had_compiler, with_graph = _has_compiler(), request.backward
    ran = _run(model, arguments, request, watch, with_graph=with_graph)
    if _has_compiler() and not had_compiler:
        # Forward loaded the compiler, which was not disabled in that run.
        ran = _run(model, arguments, request, watch, with_graph=with_graph)
    if ran.failure is not None and not with_graph and "does not require grad" in ran.failure.message:
        # This forward differentiates, and needs the graph that is not recorded by default.
        with_graph = True
        ran = _run(model, arguments, request, watch, with_graph=with_graph)
    if ran.failure is not None and "Creating a new Tensor subclass" in ran.failure.message:
        # Torch cannot construct such a class while a dispatch mode is active.
        ran = _run(model, arguments, request, watch, with_graph=with_graph, counting=False)
    return ran


def _run(
    model: nn.Module,
    arguments: Sequence[Argument],
    request: TraceRequest,
    watch: Watch | None,
    *,
    with_graph: bool,
    counting: bool = True,
) -> Forward:
    args, kwargs = split(arguments)
    ran = Forward()
    output: Any = None
    error: BaseException | None = None
    with ExitStack() as stack:
        collector = stack.enter_context(without_collector())
        # A caller's inference mode would leave nothing to differentiate.
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.set_grad_enabled(with_graph))
        stack.enter_context(_uncompiled())
        stack.enter_context(at_the_users_line())
        try:
            snapshot = stack.enter_context(
                snapshot_for_run(model, (args, kwargs), training=request.train)
            )
        except KeyboardInterrupt:
            raise
        except BaseException as raised:  # the model's own train() or eval()
            ran.failure = _plain_failure(raised)
            return ran
        seed_everything(request.seed)
        with torch._C.DisableTorchFunction():
            before = Before(model)
        given = dict(named_leaves({each.record.name: each.value for each in arguments}))
        operators = Operators(snapshot)
        operators.watch = watch
        recorder = Recorder(
            model,
            snapshot,
            operators,
            backward=request.backward,
            arguments=given,
            max_steps=request.max_steps,
        )
        try:
            with (
                recorder.recording(),
                operators if counting else nullcontext(),
                collector.at_work(),
            ):
                output, ran.notes = recorder.finish(_call(recorder, model, args, kwargs, request.call))
        except KeyboardInterrupt:
            raise
        except BaseException as raised:  # any failure of the model is a finding
            error = raised
            recorder.fail_open_calls(raised)
            recorder.interrupted.clear()
            ran.failure = _failure(raised, recorder)
        with torch._C.DisableTorchFunction():
            ran.after = before.compared(model, recorder.registered)
            if called := recorder.unregistered.calls:
                ran.unregistered = find_unregistered(model, called)
        if ran.after is not None:
            recorder.name_unregistered(ran.after.live)
        ran.steps = recorder.steps(error, operators.work_by_step(recorder.pending))
        unseen = (
            recorder.calls_in_older_threads or recorder.values_exported or bool(fused_scripts(model))
        )
        ran.counted = "partly" if unseen or not counting else "yes"
        # Unknown, because operators were not recorded.
        ran.reads_values = operators.reads_values or not counting
        if error is None:
            with torch._C.DisableTorchFunction():
                tensors = LiveTensors()
                ran.output = describe(output, tensors)
                ran.output_origins = recorder.origins_of(tensors)
            is_idle = len(ran.steps) == 1 and not ran.steps[0].work and not ran.notes
            if is_idle and isinstance(ran.output, Literal):
                ran.warnings.append(
                    f"forward ran nothing and returned {ran.output.text}: its later computations are "
                    "not recorded"
                )
            if request.values:
                ran.output_values = as_printed(output)
            if request.backward:
                with collector.at_work():
                    _differentiate(model, output, request, ran, Operators(snapshot), recorder.registered)
        if snapshot.lazy:
            with torch._C.DisableTorchFunction():
                ran.tensors = walk_tensors(model)
            ran.warnings.append(
                "lazy layers were initialized from this input for the trace; the model itself stays lazy"
            )
        ran.warnings += ran.after.notes() if ran.after is not None else ()
        ran.warnings += ran.notes
        ran.warnings += limits(model, recorder)
        if operators.counts_stored:
            ran.warnings.append("products with a sparse operand are counted by its stored elements")
        if not counting:
            ran.warnings.append(
                "no operators were counted: forward constructs tensors of a user-defined subclass"
            )
        ran.warnings += snapshot.unrestored()
        # An exception references its frames, whose variables reference the exception and the model.
        recorder.release()
        del error
    return ran


@contextmanager
def _uncompiled() -> Iterator[None]:
    """Run compiled modules eagerly: the compiler would trace our hooks and cache the result."""
    if not _has_compiler():
        yield
    else:
        with torch.compiler.set_stance("force_eager"):
            yield


def _has_compiler() -> bool:
    return "torch._dynamo" in sys.modules


def _call(
    recorder: Recorder, model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], call: str
) -> Any:
    """Run the model; a method other than forward, which runs no hooks, is recorded as its first step."""
    if call == FORWARD:
        return run_forward(model, args, kwargs)
    output = None
    recorder.enter_module(model, args, kwargs)
    try:
        output = run_forward(model, args, kwargs, call)
    finally:
        recorder.leave_module(model, args, kwargs, output)
    return output


def run_forward(
    model: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any], call: str = FORWARD
) -> Any:
    """Call the model, or a method of it, to which its hooks do not apply.

    `calling_lines` recognizes this function by its name as an entry point.
    """
    return model(*args, **kwargs) if call == FORWARD else method_of(model, call)(*args, **kwargs)


def _differentiate(
    model: nn.Module,
    output: Any,
    request: TraceRequest,
    ran: Forward,
    operators: Operators,
    registered: Registered,
) -> None:
    # Tied entries are the same object, with one gradient. Modules that forward removed are included.
    every = (*parameters_of(model), *registered.parameters())
    parameters = list({id(parameter): parameter for parameter in every}.values())
    try:
        ran.backward, gradients = run_backward(
            output, parameters, seed=request.seed, notes=ran.warnings, operators=operators
        )
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # the model's own failure is a finding
        ran.failure = replace(_plain_failure(error), phase="backward")
    else:
        ran.gradients = {
            id(parameter): gradient for parameter, gradient in zip(parameters, gradients, strict=True)
        }


def _failure(error: BaseException, recorder: Recorder) -> Failure:
    failure, step = _plain_failure(error), recorder.innermost_raising(error)
    if step is None:
        return failure
    condition = failed_condition(error, recorder.origins_of) if step.entry is not None else None
    return replace(failure, step=step.index, module=step.module, condition=condition)


def _plain_failure(error: BaseException) -> Failure:
    return Failure(
        step=None,
        module="",
        type=class_name(type(error)),
        message=message_of(error) or class_name(type(error)),
        place=raising_line(error),
        columns=raising_columns(error),
        traceback=traceback_lines(error),
    )
