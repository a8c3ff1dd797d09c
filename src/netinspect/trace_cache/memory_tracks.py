"""Keep tracked runs of targets, with what they rest on; see `looks` for looks.

A run is tracked in a process of its own, which says itself what it rests on. So it does not matter what
the process that asks has imported.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from netinspect.records.codec import from_data, to_data
from netinspect.records.memory import Tracking
from netinspect.trace_cache.audit_recorder import audit_recording
from netinspect.trace_cache.cache_key import CacheKey, digest, environment
from netinspect.trace_cache.dependencies import Dependencies, NotCacheable, gather
from netinspect.trace_cache.store import find_store

Found = TypeVar("Found")

_KIND = "a tracked run"


@dataclass(frozen=True, slots=True)
class Watched:
    """What the other process came back with."""

    tracking: Tracking
    evidence: Any
    """What the run rests on, as data; None where it cannot be kept."""

    reason: str = ""
    """Why it cannot."""


def _surroundings() -> str | None:
    try:
        return environment()
    except OSError:
        return None


@dataclass(slots=True)
class MemoryTrackCache:
    """The tracked runs that are kept for one user.

    It is made before any code of the user's runs: what that changes for other processes, such as
    variables of the environment, rules out that a run is kept.
    """

    outcome: str = ""
    """One clause for people: whether it answered, and if not, whether the run was kept."""

    _around: str | None = field(default_factory=_surroundings)

    def answer(
        self,
        question: CacheKey,
        request: Any,
        track: Callable[[dict[str, Any]], Watched],
    ) -> Tracking:
        """Return the run that `track` would return: from the cache where that is certain.

        Args:
            question: What the target is.
            request: All that the run depends on beside the target, as data.
            track: Tracks it in a process of its own, which gets what is passed here to `watch`.
        """
        store = find_store()
        if store is None or self._around is None or self._around != _surroundings():
            self.outcome = "the cache was not asked for the run: what is around it is not certain"
            return track({}).tracking
        key = digest([_KIND, self._around, to_data(question), request])
        if (found := _read(store.read(key))) is not None:
            self.outcome = "the run is a kept one (--no-cache tracks it anew)"
            return found
        watched = track(
            {
                "own": sorted({os.getcwd(), os.path.dirname(os.path.abspath(question.place))}),
                "files": [os.path.abspath(path) for path in question.files()],
            }
        )
        if watched.evidence is None:
            self.outcome = f"the run was not kept: {watched.reason}"
            return watched.tracking
        parts = (_KIND, watched.evidence, to_data(watched.tracking))
        is_kept = store.write(key, [json.dumps(part, separators=(",", ":")) for part in parts])
        self.outcome = "the run was kept" if is_kept else f"the run was not kept: {store.folder} is full"
        return watched.tracking


def watch(call: Callable[[], Found], asked: dict[str, Any]) -> tuple[Found, dict[str, Any]]:
    """Run something in this process, and collect what it rests on.

    Args:
        call: What to run.
        asked: The folders that are the user's, and the files that it rests on in any case; empty where
            nobody wants to know.

    Returns:
        What it returned; and the entries of `Watched`, as data.
    """
    if not asked:
        return call(), {"reason": "nobody asked"}
    with audit_recording(tuple(asked["own"])) as witness:
        found = call()
    try:
        return found, {"evidence": to_data(gather(witness, asked["files"]))}
    except NotCacheable as error:
        return found, {"reason": str(error)}
    except Exception as error:  # a run that cannot be kept, for whatever reason, is as good
        return found, {"reason": f"{type(error).__name__}: {error}"}


def _read(lines: list[str] | None) -> Tracking | None:
    if lines is None or len(lines) != 3:
        return None
    try:
        kind, evidence, tracking = map(json.loads, lines)
        if kind == _KIND and from_data(Dependencies, evidence).holds():
            return from_data(Tracking, tracking)
    except (ValueError, RecursionError, OSError):
        pass
    return None
