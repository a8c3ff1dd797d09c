"""Track single runs of a model: on tensors without data, or with values where it needs them.

Without data, a model of any size takes no memory and no time to compute. What reads values, or torch
cannot run so, is run on the CPU with values: large weights are zeros where that does.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from math import prod
from typing import Any

import torch
from torch import nn

from netinspect._utils.classes import is_a, plain_name
from netinspect._utils.units import size
from netinspect.analysis.diagnosis.messages import reports
from netinspect.errors import ForwardError, LoadError, NetinspectError, class_name, message_of
from netinspect.inputs.arguments import make_arguments
from netinspect.inputs.request import InputRequest
from netinspect.inputs.spec import InputSpec, parse_spec
from netinspect.memory_tracker.activation_checkpointing import checkpoint_blocks
from netinspect.memory_tracker.allocations import AllocationTracker, OverLimit
from netinspect.memory_tracker.fake_tensors import (
    CopyError,
    adapt,
    cast,
    fake_tensors,
    needs_values,
    without_onednn,
)
from netinspect.memory_tracker.given_arguments import Given
from netinspect.memory_tracker.gpu_kernels import GpuKernels
from netinspect.memory_tracker.model_copies import discard_copies
from netinspect.memory_tracker.request import TrackRequest
from netinspect.memory_tracker.threads import ThreadModes
from netinspect.memory_tracker.tracked_models import MOST_WITH_VALUES, Source
from netinspect.memory_tracker.workload import NoGradientError, infer, train
from netinspect.records.memory import MemoryTrack
from netinspect.targets.model_factory import TensorMode
from netinspect.tracing.arguments import split
from netinspect.tracing.capture import run_forward
from netinspect.tracing.model.members import modules, named_parameters, parameters
from netinspect.tracing.model.modes import set_mode
from netinspect.tracing.recording.deferred_outputs import consume_output
from netinspect.tracing.recording.threads import in_all_threads
from netinspect.tracing.snapshot.random_state import preserved_randomness, seed_everything
from netinspect.tracing.source_lines import raising_line
from netinspect.tracing.tensors.describe import is_uninitialised

_MAX_BYTES = 8 * 2**30
"""Memory limit of a run with values."""

ENDED = "torch crashed the process that ran without data"
"""Reason for a run with values after a crash."""

_MAX_PARAMETERS = {"zeros": MOST_WITH_VALUES, "real": 1_500_000_000}
"""Maximum number of parameters of a model that is run with values, by tensor mode."""


class Runs:
    """Tracked runs of one model, all in the same tensor mode.

    Args:
        request: What to run.
        source: Source of the model.
        given: Arguments of forward, if the request has no specs.
    """

    def __init__(self, request: TrackRequest, source: Source, given: Given | None = None) -> None:
        self._request = request
        self._given = given
        self._source = source
        self._tensor_mode: TensorMode | None = None
        """Tensor mode of the first run."""

        self._reason = ENDED if request.with_values else ""
        """Reason for not running without data; empty if the first run had no data."""

    def track(self, specs: Sequence[InputSpec], batch: int | None) -> MemoryTrack:
        """Track one run.

        Args:
            specs: The inputs.
            batch: First dimension of every input; None to leave it.

        Raises:
            LoadError: The model cannot be built, or is not the traced one.
            ForwardError: Forward fails, or takes too much memory with values.
            UsageError: The batch is too large for any tensor.
        """
        dtype = self._request.options.dtype
        specs = [_cast_spec(spec.with_batch(batch), dtype) for spec in specs]
        if self._tensor_mode is not None:
            return self._on(self._tensor_mode, specs, batch)
        modes = self._tensor_modes()
        for tensor_mode in modes:
            try:
                track = self._on(tensor_mode, specs, batch)
            except NetinspectError as error:
                if tensor_mode == modes[-1] or not _may_work_with_values(error):
                    raise
                self._reason = self._reason or _reason(error)
                continue
            self._tensor_mode = tensor_mode
            return track
        raise AssertionError("the last tensor mode raises")

    def _tensor_modes(self) -> list[TensorMode]:
        """Return the tensor modes to try, in order."""
        parameters = sum(prod(each.shape) for each in self._request.parameters)
        valued = [
            tensor_mode
            for tensor_mode in self._source.modes_with_values
            if parameters <= _MAX_PARAMETERS[tensor_mode]
        ]
        return valued if valued and self._request.with_values else ["fake", *valued]

    def _on(self, tensor_mode: TensorMode, specs: Sequence[InputSpec], batch: int | None) -> MemoryTrack:
        request = self._request
        dtype = None if request.options.dtype is None else getattr(torch, request.options.dtype)
        with ExitStack() as stack:
            stack.callback(discard_copies)
            mode: Any = None
            if tensor_mode == "fake":
                mode = stack.enter_context(fake_tensors())
                model, limit = self._source.without_data(mode), None
                _check(model, request)
                set_mode(model, bool(request.run.train))
                adapt(model, dtype)
            else:
                stack.enter_context(_quiet())
                model, tensor_mode = self._source.with_values(tensor_mode)
                if any(map(is_uninitialised, parameters(model))):
                    run_once(request, model, self._given)
                limit = self._limit(model, tensor_mode, batch)
                if any(is_a(module, nn.LSTM) for module in modules(model)):
                    stack.enter_context(without_onednn())
                _check(model, request)
                set_mode(model, bool(request.run.train))
                if dtype is not None:
                    cast(model, dtype)
                seed_everything(request.run.seed)
            args, kwargs = _arguments(request, self._given, model, specs, mode, dtype)
            on_gpu = request.options.device == "cuda"
            kernels = GpuKernels if on_gpu else nullcontext
            stack.enter_context(kernels())
            wrapped = checkpoint_blocks(model, kernels) if request.options.checkpoint else ()
            tracker = AllocationTracker(model, (args, kwargs), host_steps=on_gpu, limit=limit)
            with tracker, in_all_threads(ThreadModes([tracker] if mode is None else [mode, tracker])):
                self._run(model, args, kwargs, tracker, batch)
            return MemoryTrack(
                batch=_first_dimension(specs),
                training=bool(request.run.train),
                steps=tuple(tracker.steps),
                allocations=tracker.allocations(),
                wrapped=wrapped,
                tensor_mode=tensor_mode,
                reason=self._reason or self._source.note,
            )

    def _limit(self, model: nn.Module, tensor_mode: TensorMode, batch: int | None) -> int:
        """Return the memory limit of a run with values.

        Raises:
            ForwardError: The weights alone exceed the limit.
        """
        weights = sum(each.numel() * each.element_size() for each in parameters(model))
        if tensor_mode == "zeros" and not self._request.run.train:
            return _MAX_BYTES + weights  # zero-filled weights take no memory until they are written to
        if weights > _MAX_BYTES:
            raise self._too_large(model, f"its weights take {size(weights)}", batch)
        return _MAX_BYTES

    def _run(
        self,
        model: nn.Module,
        args: Any,
        kwargs: Any,
        tracker: AllocationTracker,
        batch: int | None,
    ) -> None:
        """Run a model.

        Raises:
            ForwardError: The run fails.
        """
        options = self._request.options

        def call() -> Any:
            return consume_output(run_forward(model, args, kwargs, self._request.run.call)).output

        try:
            if self._request.run.train:
                foreach = options.device == "cuda"
                with torch.enable_grad():
                    train(model, call, options.optimizer, foreach=foreach, observer=tracker)
            else:
                # The output stays in memory until the end of the run, as for a caller.
                output = infer(call, tracker)
                del output
        except (NetinspectError, KeyboardInterrupt):
            raise
        except OverLimit as error:
            raise self._too_large(model, str(error), batch) from error
        except BaseException as error:  # the model's own failure is a finding
            raise forward_error(error, plain_name(type(model)), tracker.phase, batch) from error

    def _too_large(self, model: nn.Module, why: str, batch: int | None) -> ForwardError:
        at = f" with batch {batch}" if batch is not None else ""
        return ForwardError(
            f"{plain_name(type(model))} takes too much memory to be tracked{at}",
            cause=f"{self._reason}, so it was run with values; {why}, and the limit is "
            f"{size(_MAX_BYTES)}",
            hint="use a smaller batch, smaller inputs, or inference without --train",
        )


def run_once(request: TrackRequest, model: nn.Module, given: Given | None = None) -> None:
    """Run a model once in eval mode, which initializes its lazy layers.

    Raises:
        ForwardError: Forward fails.
    """
    with _quiet():
        set_mode(model, False)
        seed_everything(request.run.seed)
        args, kwargs = _arguments(
            request, given, model, [parse_spec(text) for text in request.run.inputs]
        )
        try:
            with torch.no_grad():
                consume_output(run_forward(model, args, kwargs, request.run.call))
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # the model's own failure is a finding
            raise forward_error(error, plain_name(type(model)), "forward", None) from error


def _arguments(
    request: TrackRequest,
    given: Given | None,
    model: nn.Module,
    specs: Sequence[InputSpec],
    mode: Any = None,
    dtype: torch.dtype | None = None,
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    if given is not None:
        return given.arguments(model, mode, dtype)
    input_request = InputRequest(seed=request.run.seed, call=request.run.call)
    return split(make_arguments(model, [(spec, "") for spec in specs], input_request))


@contextmanager
def _quiet() -> Iterator[None]:
    """Preserve random generators, and suppress warnings that the trace has reported."""
    with preserved_randomness(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _cast_spec(spec: InputSpec, dtype: str | None) -> InputSpec:
    is_floating = spec.literal is None and "float" in spec.dtype
    return spec.with_dtype(dtype) if dtype is not None and is_floating else spec


def _first_dimension(specs: Sequence[InputSpec]) -> int | None:
    for spec in specs:
        if spec.literal is None and (spec.listed or spec.shape):
            return spec.listed or spec.shape[0]
    return None


def _check(model: nn.Module, request: TrackRequest) -> None:
    """Check that this is the traced model."""
    wanted = {each.name: each.shape for each in request.parameters}
    if not wanted:
        return
    found = {
        name: tuple(parameter.shape) for name, parameter in named_parameters(model, duplicates=True)
    }
    differing = [name for name in {**wanted, **found} if wanted.get(name) != found.get(name)]
    if differing:
        raise LoadError(
            f"{request.name} was built again and differs from the traced model",
            cause=f"{differing[0]}: expected {wanted.get(differing[0])}, got {found.get(differing[0])}",
            hint="give the same --arg as for the trace, and make sure that building is not random",
        )


def _may_work_with_values(error: NetinspectError) -> bool:
    """Return whether another tensor mode may work after a failure."""
    if isinstance(error, LoadError):
        return isinstance(error, CopyError)
    return isinstance(error, ForwardError) and not isinstance(error.__cause__, OverLimit)


def _reason(error: NetinspectError) -> str:
    """Return the reason why a run without data failed."""
    cause = error.__cause__
    line = raising_line(cause) if cause is not None else None
    where = (
        f" ({line.text} in line {line.line} of {line.file})" if line is not None and line.text else ""
    )
    if needs_values(cause):
        return f"forward needs values, which fake tensors do not have{where}"
    text = (error.cause or error.message).partition("\n")[0]
    return f"it does not run on fake tensors ({text})"


def forward_error(error: BaseException, name: str, phase: str, batch: int | None) -> ForwardError:
    """Return the error for a run that failed."""
    line = raising_line(error)
    text = (message_of(error).strip().splitlines() or [""])[0]
    cause = f"{class_name(type(error))}: {text}"
    if line is not None and line.text:
        cause += f"\nline: {line.text}"
    at = f" with batch {batch}" if batch is not None else ""
    during = f", in {phase}" if phase in ("backward", "optimizer") else ""
    hint = "netinspect trace TARGET --train --backward shows each step"
    if isinstance(error, NoGradientError):
        hint = "omit --train: no parameter can be trained"
    elif reports(text, "examples"):
        hint = "batch statistics need a batch of 2 or more: --batch 2"
    elif phase == "optimizer":
        hint = "choose another --optimizer: sgd accepts sparse gradients, none skips the step"
    elif "dtype" in text or "same type" in text:
        hint = "the dtypes do not match: omit --dtype, or cast in forward; " + hint
    if needs_values(error):
        hint = "it is too large to run with values: build a smaller model, for example with fewer layers"
    return ForwardError(
        f"{name} needs tensor values, but its memory was tracked without values"
        if needs_values(error)
        else f"{name} failed{at} while its memory was tracked{during}",
        cause=cause,
        place=f"{line.file}:{line.line}" if line is not None else None,
        hint=hint,
    )
