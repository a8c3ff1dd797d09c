"""Answer a question from a look that was kept, or look and keep it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from netinspect.errors import SavedTraceError
from netinspect.records.base import record
from netinspect.records.codec import from_data, to_data
from netinspect.records.saved import dump_trace, parse_trace
from netinspect.records.trace import Trace
from netinspect.trace_cache.audit_recorder import AuditRecorder, audit_recording
from netinspect.trace_cache.cache_key import CacheKey, environment
from netinspect.trace_cache.dependencies import (
    Dependencies,
    NotCacheable,
    gather,
    preloaded_user_modules,
)
from netinspect.trace_cache.file_owners import Places
from netinspect.trace_cache.store import Store, find_store

_OUT_OF_MEMORY = ("MemoryError", "OutOfMemoryError")


@dataclass(slots=True)
class TraceCache:
    """The looks that are kept for one user; tells what it did with the last question."""

    outcome: str = ""
    """One clause for people: whether it answered, and if not, whether the trace was cached."""

    said: str = ""
    """What the model printed in a look that was kept; to be told again."""

    evidence: Dependencies | None = None
    """What the look that answered rests on; None where none did."""

    def installed_files(self) -> Iterator[str]:
        """Yield the paths of the installed files that the look that answered rests on.

        Those of the user's are read again to see whether they have changed; of these only the state is.
        """
        for package in self.evidence.packages if self.evidence is not None else ():
            yield from (package.root + file for file in package.files)

    def answer(self, question: CacheKey, look: Callable[[], Trace]) -> Trace:
        """Return the trace that `look` would return: from the cache where that is certain.

        Only a process that has not imported torch, nor any module of the user's, is served: another
        may have changed them in ways that no file tells.

        Args:
            question: What is asked.
            look: Looks, and keeps the source of the classes in the trace.
        """
        self.outcome, self.said, self.evidence = "", "", None
        try:
            own = tuple({os.getcwd(), os.path.dirname(os.path.abspath(question.place))})
            around = environment()
        except OSError:
            self.outcome = "the cache was not used: no current folder"
            return look()
        if "torch" in sys.modules or preloaded_user_modules(Places(own)):
            self.outcome = "the cache was not used: this process has imported torch or user modules"
            return look()
        if (store := find_store()) is None:
            self.outcome = "the cache was not used: it has no folder"
            return look()
        if (found := self._find(store, question, around)) is not None:
            self.outcome = "answered from a cached trace (--no-cache runs the model again)"
            return found
        files = [os.path.abspath(path) for path in question.files()]  # the user's code may go elsewhere
        with audit_recording(own) as witness:
            trace = look()
        self._keep(store, question, around, trace, witness, files)
        return trace

    def _find(self, store: Store, question: CacheKey, around: str) -> Trace | None:
        lines = store.read(question.key(around)) or []
        is_other = len(lines) == 1
        if is_other:
            # The look with a forward answers this one too, if it still says so.
            lines = store.read(lines[0]) or []
        if len(lines) != 3:
            return None
        try:
            head = from_data(EntryHeader, json.loads(lines[0]))
            evidence = from_data(Dependencies, json.loads(lines[1]))
            if (is_other and not head.answers_without_forward) or not evidence.holds():
                return None
            trace = parse_trace(lines[2], name="a cached trace")
        except (ValueError, SavedTraceError, RecursionError, OSError):
            return None
        self.said, self.evidence = head.said, evidence
        return without_forward(trace) if is_other else trace

    def _keep(
        self,
        store: Store,
        question: CacheKey,
        around: str,
        trace: Trace,
        witness: AuditRecorder,
        files: Sequence[str],
    ) -> None:
        try:
            if (reason := _unsure(trace)) is not None:
                raise NotCacheable(reason)
            evidence = gather(witness, files)
            self._write(store, question, around, trace, "".join(witness.said), evidence)
        except NotCacheable as error:
            self.outcome = f"the trace was not cached: {error}"
        except Exception as error:  # a look that cannot be kept, for whatever reason, is as good
            self.outcome = f"the trace was not cached: {type(error).__name__}: {error}"
        else:
            self.outcome = "the trace was cached"

    def _write(
        self,
        store: Store,
        question: CacheKey,
        around: str,
        trace: Trace,
        said: str,
        evidence: Dependencies,
    ) -> None:
        other = question.without_forward()
        also = other is not None and not said and _is_same_without_forward(trace)
        head = EntryHeader(answers_without_forward=also, said=said)
        key = question.key(around)
        lines = [json.dumps(to_data(each), separators=(",", ":")) for each in (head, evidence)]
        if not store.write(key, [*lines, dump_trace(trace).rstrip("\n")]):
            raise NotCacheable(f"it is too large, or {store.folder} is not writable")
        if also and other is not None:
            store.write(other.key(around), [key])


@record
class EntryHeader:
    """What stands before the evidence and the trace."""

    said: str
    """What the model printed while it was looked at."""

    answers_without_forward: bool
    """Whether the trace, less what forward did, is that of a look without a forward."""


def without_forward(trace: Trace) -> Trace:
    """Leave out what forward did."""
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
    """Whether a look without a forward would have seen the same modules and tensors.

    It would not have sized lazy layers, nor gone on to other tensors because forward failed; both are
    told in the warnings.
    """
    from netinspect.runner.trace_target import ZEROS

    return trace.failure is None and set(trace.warnings) <= {ZEROS}


def _unsure(trace: Trace) -> str | None:
    """Tell why another look at the same model might end differently; None where it would not."""
    if trace.failure is not None and trace.failure.type in _OUT_OF_MEMORY:
        return "memory ran out"
    return "a search ended because its time was up" if trace.out_of_time else None
