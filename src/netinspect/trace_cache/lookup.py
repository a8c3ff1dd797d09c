"""Lookup: answers from the cache, and the recording of new runs, for traces and memory tracks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from netinspect._utils.units import age
from netinspect.errors import SavedTraceError
from netinspect.records.base import record
from netinspect.records.codec import from_json, to_json
from netinspect.trace_cache.cache_key import cache_key, environment
from netinspect.trace_cache.dependencies import Dependencies, NotCacheable, gather
from netinspect.trace_cache.store import Store, find_store

Result = TypeVar("Result")


@record
class Recorded:
    """Dependencies and printed text of a run, or the reason not to cache it."""

    dependencies: Dependencies | None = None
    output: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Kind(Generic[Result]):
    """A kind of cached result, and its encoding."""

    name: str
    dump: Callable[[Result], str]
    parse: Callable[[str], Result]


def record_run(run: Callable[[], Result], files: Iterable[str]) -> tuple[Result, Recorded]:
    """Call a function, and record what its result depends on.

    Args:
        run: The function.
        files: Absolute paths of files that are always dependencies.
    """
    from netinspect.trace_cache.audit_recorder import audit_recording

    with audit_recording() as recorder:
        result = run()
    try:
        dependencies = gather(recorder, files)
    except NotCacheable as error:
        return result, Recorded(reason=str(error))
    except Exception as error:  # a run that cannot be cached is still valid
        return result, Recorded(reason=f"{type(error).__name__}: {error}")
    return result, Recorded(dependencies=dependencies, output="".join(recorder.output))


def _environment_or_none() -> str | None:
    try:
        return environment()
    except OSError:
        return None


@dataclass(slots=True)
class TraceCache:
    """The cached traces and memory tracks of one user, and the outcome of the last request.

    Create it before user code runs: if that code changes the environment, nothing is cached.
    """

    outcome: str = ""
    """One clause for people: whether the cache answered, and if not, whether the run was cached."""

    is_hit: bool = False
    recorded: Recorded = field(default_factory=Recorded)
    """Record of the last run, cached or not."""

    _environment: str | None = field(default_factory=_environment_or_none)
    _store: Store | None = field(default_factory=find_store)

    def answer(
        self, kind: Kind[Result], request: Any, run: Callable[[], tuple[Result, Recorded]]
    ) -> Result:
        """Return the result of `run`, from the cache if it is still valid.

        Args:
            kind: The kind of result.
            request: The whole request, as a record.
            run: Runs the model, and records the run; see `record_run`.
        """
        self.is_hit, self.recorded = False, Recorded()
        if reason := self._unusable():
            self.outcome = f"the cache was not used: {reason}"
            return run()[0]
        if (found := self._read(kind, request)) is not None:
            return found
        result, self.recorded = run()
        self.write(kind, request, result)
        return result

    def peek(self, kind: Kind[Result], request: Any) -> Result | None:
        """Return a cached result; None if there is no valid one."""
        return None if self._unusable() else self._read(kind, request)

    def write(self, kind: Kind[Result], request: Any, result: Result) -> None:
        """Cache a result of the last run, if the run can be cached.

        Args:
            kind: The kind of result.
            request: A request that the result answers.
            result: The result.
        """
        store, reason = self._store, self.recorded.reason
        if self.recorded.dependencies is not None and store is not None:
            try:
                head = to_json(self.recorded)
                key = cache_key(kind.name, request, self._environment)
                if store.write(key, f"{head}\n{kind.dump(result)}"):
                    self.outcome = f"the {kind.name} was cached"
                    return
                reason = f"it is too large, or {store.folder} cannot be written"
            except Exception as error:  # a run that cannot be cached is still valid
                reason = f"{type(error).__name__}: {error}"
        self.outcome = f"the {kind.name} was not cached: {reason}"

    def _unusable(self) -> str:
        if self._store is None:
            return "there is no home folder for it"
        if self._environment is None:
            return "there is no current folder"
        return "" if self._environment == _environment_or_none() else "user code changed the environment"

    def _read(self, kind: Kind[Result], request: Any) -> Result | None:
        key = cache_key(kind.name, request, self._environment)
        if self._store is None or (entry := self._store.read(key)) is None:
            return None
        try:
            head, _, body = entry.text.partition("\n")
            recorded = from_json(Recorded, head)
            if recorded.dependencies is None or not recorded.dependencies.holds():
                return None
            result = kind.parse(body)
        except (ValueError, SavedTraceError, RecursionError, OSError):  # damaged or foreign
            return None
        self.is_hit, self.recorded = True, recorded
        since = age(time.time() - entry.written)
        self.outcome = f"cached {kind.name} of {since} ago (--no-cache runs the model again)"
        return result

    def installed_files(self) -> Iterator[str]:
        """Yield the paths of the installed files that a cached answer depends on.

        User files are read again to check for changes; of installed files only times and sizes are.
        """
        if self.is_hit and self.recorded.dependencies is not None:
            yield from self.recorded.dependencies.installed
