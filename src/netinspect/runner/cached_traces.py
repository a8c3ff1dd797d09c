"""Traces answered from the trace cache."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial

from netinspect.records.base import replace
from netinspect.records.request import TraceRequest
from netinspect.records.saved import dump_trace, parse_trace
from netinspect.records.trace import Trace
from netinspect.runner.run_options import ZEROS_NOTE
from netinspect.trace_cache.cache_key import request_files
from netinspect.trace_cache.dependencies import has_user_modules
from netinspect.trace_cache.lookup import Kind, Recorded, TraceCache, record_run

TRACE = Kind("trace", dump=dump_trace, parse=partial(parse_trace, name="a cached trace"))

_OUT_OF_MEMORY = ("MemoryError", "OutOfMemoryError")


def answer_trace(cache: TraceCache, request: TraceRequest, run: Callable[[], Trace]) -> Trace:
    """Return the trace that `run` would return, from the cache if it is still valid.

    The cache serves only a process that has imported neither torch nor user modules: another one
    may have changed them in memory, which no file shows.

    Args:
        cache: The cache.
        request: The request; its target is not None.
        run: Runs the model, and records the source of its classes in the trace.
    """
    if "torch" in sys.modules or has_user_modules():
        cache.outcome = "the cache was not used: this process has already imported torch or user code"
        return run()
    # A cached trace has the code in any case, and everything else only if forward is not needed.
    request = replace(request, code=False, everything=request.everything and not request.run)
    files = request_files(request)  # user code may change the current folder

    def record() -> tuple[Trace, Recorded]:
        trace, recorded = record_run(run, files)
        reason = _unsure(trace)
        return trace, recorded if reason is None else Recorded(reason=reason)

    trace = cache.answer(TRACE, request, record)
    recorded, other = cache.recorded, request_without_forward(request)
    is_new = not cache.is_hit and recorded.dependencies is not None
    # A run without a forward would print less.
    if is_new and other is not None and not recorded.output and is_same_without_forward(trace):
        cache.write(TRACE, other, without_forward(trace))
    return trace


def peek_trace(request: TraceRequest) -> Trace | None:
    """Return the cached trace of a request, or the one without a forward; None without a valid one."""
    cache = TraceCache()
    request = replace(request, code=False, everything=False)
    for each in (request, request_without_forward(request)):
        if each is not None and (found := cache.peek(TRACE, each)) is not None:
            return found
    return None


def request_without_forward(request: TraceRequest) -> TraceRequest | None:
    """Return the request of the trace without a forward; None if it cannot be derived from this one."""
    needs_forward = request.backward or request.values or request.stats or request.stats_if_small
    if not request.run or needs_forward or request.inputs_from is not None:
        return None
    return replace(request, run=False, inputs=(), input_files=(), batch=None, symbolic=())


def without_forward(trace: Trace) -> Trace:
    """Return a trace without the records of forward."""
    return replace(
        trace,
        ran=False,
        inputs=(),
        steps=(),
        output=None,
        output_values=None,
        output_origins=(),
        failure=None,
        backward=None,
        attempts=(),
        counted="no",
        warnings=(),
        out_of_time=False,
        symbolic=None,
    )


def is_same_without_forward(trace: Trace) -> bool:
    """Return whether a trace without a forward would have the same modules and tensors.

    It would not have sized lazy layers, nor fallen back to another tensor mode after a failed forward;
    the warnings report both. It would not have called unregistered modules, nor changed the model.
    """
    is_changed = bool(trace.changes) or any(each.called for each in trace.unregistered)
    return trace.failure is None and not is_changed and set(trace.warnings) <= {ZEROS_NOTE}


def _unsure(trace: Trace) -> str | None:
    """Return why another run of the same model might end differently; None if it would not."""
    if trace.failure is not None and trace.failure.type in _OUT_OF_MEMORY:
        return "memory ran out"
    return "a search ended because its time was up" if trace.out_of_time else None
