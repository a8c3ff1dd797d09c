"""Traces answered from the trace cache."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from netinspect.errors import SavedTraceError
from netinspect.records.base import record
from netinspect.records.codec import from_data, to_data
from netinspect.records.request import TraceRequest
from netinspect.records.saved import dump_trace, parse_trace
from netinspect.records.trace import Trace
from netinspect.runner.run_options import ZEROS_NOTE
from netinspect.trace_cache import cache_key
from netinspect.trace_cache.audit_recorder import AuditRecorder, audit_recording
from netinspect.trace_cache.dependencies import (
    Dependencies,
    NotCacheable,
    gather,
    preloaded_user_modules,
)
from netinspect.trace_cache.file_owners import FileOwners
from netinspect.trace_cache.store import Store, find_store

_OUT_OF_MEMORY = ("MemoryError", "OutOfMemoryError")


@dataclass(slots=True)
class TraceCache:
    """The cached traces of one user, and the outcome of the last request."""

    outcome: str = ""
    """One clause for people: whether the cache answered, and if not, whether the trace was cached."""

    output: str = ""
    """Text that the model printed during the cached run; to be printed again."""

    dependencies: Dependencies | None = None
    """Dependencies of the cached trace that answered; None if the cache did not answer."""

    def installed_files(self) -> Iterator[str]:
        """Yield the paths of the installed files that the cached trace depends on.

        User files are read again to check for changes; of installed files only times and sizes are.
        """
        for package in self.dependencies.packages if self.dependencies is not None else ():
            yield from (package.root + file for file in package.files)

    def answer(self, request: TraceRequest, run: Callable[[], Trace]) -> Trace:
        """Return the trace that `run` would return, from the cache if it is still valid.

        The cache serves only a process that has imported neither torch nor user modules: another one
        may have changed them in memory, which no file shows.

        Args:
            request: The request; its target is not None.
            run: Runs the model, and records the source of its classes in the trace.
        """
        self.outcome, self.output, self.dependencies = "", "", None
        assert request.target is not None
        try:
            own = tuple({os.getcwd(), os.path.dirname(os.path.abspath(request.target.place))})
            around = cache_key.environment()
        except OSError:
            self.outcome = "the cache was not used: there is no current folder"
            return run()
        if "torch" in sys.modules or preloaded_user_modules(FileOwners(own)):
            self.outcome = "the cache was not used: this process has already imported torch or user code"
            return run()
        if (store := find_store()) is None:
            self.outcome = "the cache was not used: there is no home folder for it"
            return run()
        if (found := self._find(store, request, around)) is not None:
            self.outcome = "answered from a cached trace (--no-cache runs the model again)"
            return found
        # User code may change the current folder.
        files = [os.path.abspath(path) for path in cache_key.request_files(request)]
        with audit_recording(own) as recorder:
            trace = run()
        self._store(store, request, around, trace, recorder, files)
        return trace

    def _find(self, store: Store, request: TraceRequest, around: str) -> Trace | None:
        lines = store.read(cache_key.cache_key(request, around)) or []
        is_other = len(lines) == 1
        if is_other:
            # The entry refers to a trace with a forward, which may answer this request too.
            lines = store.read(lines[0]) or []
        if len(lines) != 3:
            return None
        try:
            head = from_data(EntryHeader, json.loads(lines[0]))
            dependencies = from_data(Dependencies, json.loads(lines[1]))
            if (is_other and not head.answers_without_forward) or not dependencies.holds():
                return None
            trace = parse_trace(lines[2], name="a cached trace")
        except (ValueError, SavedTraceError, RecursionError, OSError):
            return None
        self.output, self.dependencies = head.output, dependencies
        return without_forward(trace) if is_other else trace

    def _store(
        self,
        store: Store,
        request: TraceRequest,
        around: str,
        trace: Trace,
        recorder: AuditRecorder,
        files: Sequence[str],
    ) -> None:
        try:
            if (reason := _unsure(trace)) is not None:
                raise NotCacheable(reason)
            dependencies = gather(recorder, files)
            self._write(store, request, around, trace, "".join(recorder.output), dependencies)
        except NotCacheable as error:
            self.outcome = f"the trace was not cached: {error}"
        except Exception as error:  # a trace that cannot be cached is still valid
            self.outcome = f"the trace was not cached: {type(error).__name__}: {error}"
        else:
            self.outcome = "the trace was cached"

    def _write(
        self,
        store: Store,
        request: TraceRequest,
        around: str,
        trace: Trace,
        output: str,
        dependencies: Dependencies,
    ) -> None:
        other = cache_key.without_forward(request)
        also = other is not None and not output and _is_same_without_forward(trace)
        head = EntryHeader(answers_without_forward=also, output=output)
        key = cache_key.cache_key(request, around)
        lines = [json.dumps(to_data(each), separators=(",", ":")) for each in (head, dependencies)]
        if not store.write(key, [*lines, dump_trace(trace).rstrip("\n")]):
            raise NotCacheable(f"it is too large, or {store.folder} cannot be written")
        if also and other is not None:
            store.write(cache_key.cache_key(other, around), [key])


@record
class EntryHeader:
    """Header of a cache entry, before its dependencies and its trace."""

    output: str
    """Text that the model printed while it ran."""

    answers_without_forward: bool
    """True if the trace, reduced by `without_forward`, equals one of a run without forward."""


def without_forward(trace: Trace) -> Trace:
    """Return a trace without the records of forward."""
    return replace(
        trace,
        ran=False,
        inputs=(),
        steps=(),
        output=None,
        output_values=None,
        failure=None,
        backward=None,
        attempts=(),
        counted="no",
        warnings=(),
        out_of_time=False,
        symbolic=None,
    )


def _is_same_without_forward(trace: Trace) -> bool:
    """Return whether a trace without a forward would have the same modules and tensors.

    It would not have sized lazy layers, nor fallen back to another tensor mode after a failed forward;
    the warnings report both. It would not have called unregistered modules.
    """
    has_called = any(each.called for each in trace.unregistered)
    return trace.failure is None and not has_called and set(trace.warnings) <= {ZEROS_NOTE}


def _unsure(trace: Trace) -> str | None:
    """Return why another run of the same model might end differently; None if it would not."""
    if trace.failure is not None and trace.failure.type in _OUT_OF_MEMORY:
        return "memory ran out"
    return "a search ended because its time was up" if trace.out_of_time else None
