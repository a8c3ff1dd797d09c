"""Cache of memory tracks.

A run is tracked in a child process, which records its dependencies. So the imports of the parent process
do not matter.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from netinspect.records.codec import from_data, to_data
from netinspect.records.memory import Tracking
from netinspect.records.request import Target
from netinspect.trace_cache.audit_recorder import audit_recording
from netinspect.trace_cache.cache_key import digest, environment, target_files
from netinspect.trace_cache.dependencies import Dependencies, NotCacheable, gather
from netinspect.trace_cache.store import find_store

Found = TypeVar("Found")

_KIND = "a tracked run"


@dataclass(frozen=True, slots=True)
class Watched:
    """Result of the child process."""

    tracking: Tracking
    dependencies: Any
    """Dependencies of the run, as data; None if it cannot be cached."""

    reason: str = ""
    """Why it cannot be cached."""


def _environment_or_none() -> str | None:
    try:
        return environment()
    except OSError:
        return None


@dataclass(slots=True)
class MemoryTrackCache:
    """The cached memory tracks of one user.

    Create it before user code runs: if that code changes the environment of child processes, such as
    environment variables, the run is not cached.
    """

    outcome: str = ""
    """One clause for people: whether the cache answered, and if not, whether the run was cached."""

    _environment: str | None = field(default_factory=_environment_or_none)

    def answer(
        self,
        target: Target,
        request: Any,
        track: Callable[[dict[str, Any]], Watched],
    ) -> Tracking:
        """Return the run that `track` would return, from the cache if it is still valid.

        Args:
            target: The target.
            request: The whole request of the run, as data.
            track: Tracks the run in a child process, which passes its argument to `watch`.
        """
        store = find_store()
        if store is None or self._environment is None or self._environment != _environment_or_none():
            self.outcome = "the cache was not used for the run: its environment is uncertain"
            return track({}).tracking
        key = digest([_KIND, self._environment, request])
        if (found := _read(store.read(key))) is not None:
            self.outcome = "answered from a cached run (--no-cache tracks it again)"
            return found
        watched = track(
            {
                "own": sorted({os.getcwd(), os.path.dirname(os.path.abspath(target.place))}),
                "files": [os.path.abspath(path) for path in target_files(target)],
            }
        )
        if watched.dependencies is None:
            self.outcome = f"the run was not cached: {watched.reason}"
            return watched.tracking
        parts = (_KIND, watched.dependencies, to_data(watched.tracking))
        is_cached = store.write(key, [json.dumps(part, separators=(",", ":")) for part in parts])
        self.outcome = (
            "the run was cached" if is_cached else f"the run was not cached: {store.folder} is full"
        )
        return watched.tracking


def watch(call: Callable[[], Found], asked: dict[str, Any]) -> tuple[Found, dict[str, Any]]:
    """Call a function in this process, and collect its dependencies.

    Args:
        call: The function.
        asked: `own`, the folders of the user, and `files`, which are always dependencies; empty to
            collect nothing.

    Returns:
        The result of the function, and the fields of `Watched`, as data.
    """
    if not asked:
        return call(), {"reason": "not requested"}
    with audit_recording(tuple(asked["own"])) as recorder:
        found = call()
    try:
        return found, {"dependencies": to_data(gather(recorder, asked["files"]))}
    except NotCacheable as error:
        return found, {"reason": str(error)}
    except Exception as error:  # a run that cannot be cached is still valid
        return found, {"reason": f"{type(error).__name__}: {error}"}


def _read(lines: list[str] | None) -> Tracking | None:
    if lines is None or len(lines) != 3:
        return None
    try:
        kind, dependencies, tracking = map(json.loads, lines)
        if kind == _KIND and from_data(Dependencies, dependencies).holds():
            return from_data(Tracking, tracking)
    except (ValueError, RecursionError, OSError):
        pass
    return None
