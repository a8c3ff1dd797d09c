"""Preparation of tracking requests from a trace and options, without torch."""

from __future__ import annotations

import math
from collections.abc import Mapping

from netinspect._utils.sizes import read_size
from netinspect.analysis.symbolic.size_grid import points_of
from netinspect.errors import UsageError
from netinspect.inputs.spec import parse_spec
from netinspect.inputs.symbols import parse_symbols
from netinspect.memory_tracker.request import (
    DEVICES,
    DTYPES,
    OPTIMIZERS,
    Device,
    NamedShape,
    TrackOptions,
    TrackRequest,
    checked,
)
from netinspect.records.base import replace
from netinspect.records.request import TraceRequest
from netinspect.records.trace import Input, Trace
from netinspect.records.values import TensorSpec
from netinspect.targets.target import check_live


def read_options(
    request: TraceRequest,
    *,
    optimizer: str,
    dtype: str | None,
    checkpoint: bool,
    allocator: str,
    limit: str | int | None,
) -> TrackOptions:
    """Parse the options of a run, and check them with its request.

    Args:
        request: Request of the run.
        optimizer: One of `OPTIMIZERS`.
        dtype: A key of `DTYPES`, or torch's name; None for no cast.
        checkpoint: Recompute the activations of repeated blocks.
        allocator: One of `DEVICES`.
        limit: Memory to find the largest batch for.

    Raises:
        UsageError: A value is unknown, options contradict each other, or the target is a saved trace.
    """
    if request.target is not None:
        check_live(request.target)
    names = {**DTYPES, **{name: name for name in DTYPES.values()}}
    wanted = None if dtype is None else names[checked("dtype", dtype, tuple(names))]
    checked("optimizer", optimizer, OPTIMIZERS)
    chosen: Device = "cuda" if checked("allocator", allocator, DEVICES) == "cuda" else "cpu"
    if checkpoint and not request.train:
        raise UsageError(
            "--checkpoint-activations has no effect in inference, which saves no activations",
            hint="add --train",
        )
    if request.batch is not None and request.batch < 1:
        raise UsageError(f"the batch is {request.batch}", hint="give 1 or more")
    parse_symbols(request.symbolic, batch=request.batch)
    return TrackOptions(
        optimizer=optimizer,
        dtype=wanted,
        device=chosen,
        checkpoint=checkpoint,
        limit=None if limit is None else read_size(limit),
    )


def prepare(
    trace: Trace,
    options: TrackOptions,
    request: TraceRequest,
    *,
    has_values: bool = False,
) -> TrackRequest:
    """Create the request of a run.

    Args:
        trace: A trace of the model, with its inputs.
        options: How to run.
        request: Request of the run, or of its model.
        has_values: Whether the caller passes the inputs themselves.

    Raises:
        UsageError: The inputs cannot be created without data, or the arguments cannot be passed on.
    """
    without_spec = [entry.name for entry in trace.inputs if not entry.spec]
    if without_spec and request.inputs_from is None and not has_values:
        raise UsageError(
            f"the input {without_spec[0]} cannot be created again: no input spec describes it",
            hint="give it as --input, such as x=2x3x32x32; a dotted name is a key of a dictionary\n"
            "or name a function that creates it: --inputs-from FILE:FUNCTION",
        )
    if without_spec and (request.batch is not None or options.limit is not None):
        raise UsageError(
            f"the batch of the input {without_spec[0]} cannot be changed: no input spec describes it",
            hint="omit --batch and --device-memory: the function that creates the inputs sets the batch",
        )
    specs = tuple(text for entry in trace.inputs for text in entry.specs if not without_spec)
    if options.limit is not None and not any(parse_spec(text).shape for text in specs):
        raise UsageError(
            "--device-memory needs a batch, but no input of the model is a tensor with dimensions",
            hint="omit --device-memory",
        )
    symbols = trace.symbolic.symbols if trace.symbolic is not None else ()
    first = [place for each in symbols for place in each.dimensions if place.endswith(":0")]
    if request.batch is not None and first:
        raise UsageError(
            f"--batch sets the first dimension of every input, and {first[0]} is a symbol",
            hint="omit --batch",
        )
    return TrackRequest(
        name=trace.target,
        run=replace(
            request,
            seed=trace.seed,
            inputs=specs,
            inputs_from=request.inputs_from if without_spec else None,
            input_files=(),
            symbolic=(),
        ),
        options=options,
        others=tuple(_resized(trace, point.dimensions) for point in points_of(symbols)),
        # The parameters in the trace may be those that forward changed.
        parameters=()
        if trace.changes
        else tuple(
            NamedShape(name=each.name, shape=tuple(map(int, each.spec.shape)))
            for each in trace.parameters
            if all(isinstance(size, int) for size in each.spec.shape)
        ),
    )


def _resized(trace: Trace, sizes: Mapping[str, int]) -> tuple[str, ...]:
    """Return the input specs at other sizes of their dimensions."""
    changes = dict(sizes)
    texts = []
    for entry in trace.inputs:
        for text in entry.specs:
            spec = parse_spec(text)
            for dimension in range(len(spec.shape)):
                size = changes.pop(f"{spec.name or entry.name}:{dimension}", None)
                spec = spec if size is None else spec.with_size(dimension, size)
            texts.append(str(spec))
    if changes:
        raise UsageError(
            f"memory cannot be tracked at other sizes of {', '.join(changes)}",
            hint="omit --symbolic, or name dimensions of inputs that are plain tensors",
        )
    return tuple(texts)


def tracked_inputs(trace: Trace, request: TrackRequest) -> tuple[Input, ...]:
    """Return the inputs of the trace with the batch and dtype of the run."""
    batch, dtype = request.run.batch, request.options.dtype
    return tuple(_changed(entry, batch, dtype) for entry in trace.inputs)


def _changed(entry: Input, batch: int | None, cast_to: str | None) -> Input:
    value = entry.value
    if not isinstance(value, TensorSpec) or not entry.spec:
        return entry
    shape, dtype, width = value.shape, value.dtype, value.bytes // max(1, value.elements)
    if not all(isinstance(size, int) for size in shape):
        shape = parse_spec(entry.spec).shape  # the trace has symbols for sizes
    if batch is not None and shape:
        shape = (batch, *shape[1:])
    if cast_to is not None and "float" in dtype:
        dtype, width = cast_to, 4 if cast_to == "float32" else 2
    size = math.prod(each for each in shape if isinstance(each, int)) * width
    changed = replace(value, shape=shape, dtype=dtype, bytes=size)
    return replace(entry, value=changed, spec=str(parse_spec(entry.spec).with_batch(batch)))
