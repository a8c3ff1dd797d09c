"""Tracking of a target's memory in a child process, with a cache of memory tracks.

The child process records what the run depends on, so the imports of this process do not matter.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from netinspect.memory_tracker import child
from netinspect.memory_tracker.parent import ask_child
from netinspect.memory_tracker.request import TrackRequest
from netinspect.records.codec import from_data, from_json, to_data, to_json
from netinspect.records.memory import Tracking
from netinspect.trace_cache.cache_key import request_files
from netinspect.trace_cache.lookup import Kind, Recorded, TraceCache, record_run

MEMORY_TRACK: Kind[Tracking] = Kind(
    "memory track",
    dump=to_json,
    parse=partial(from_json, Tracking),
)


def track_target(
    request: TrackRequest, progress: Callable[[str], None] | None, cache: TraceCache | None
) -> Tracking:
    """Track a run of a target.

    Args:
        request: What to track.
        progress: Receives a line after each tracked run.
        cache: Cache of memory tracks; None to track in any case.

    Raises:
        NetinspectError: The child process reports an error, or ends without an answer.
    """
    if cache is None or request.run.online:
        return ask_child(request, progress=progress)[0]

    def track() -> tuple[Tracking, Recorded]:
        tracking, rest = ask_child(
            request,
            progress=progress,
            entry="netinspect.memory_tracker.cached_run",
            more={"files": request_files(request.run)},
        )
        return tracking, from_data(Recorded, rest["recorded"])

    return cache.answer(MEMORY_TRACK, request, track)


def main(document: dict[str, Any]) -> None:
    """Answer a request in the child process, with dependencies; see `memory_tracker.child.main`."""

    def record(track: Callable[[], Tracking]) -> tuple[Tracking, dict[str, Any]]:
        tracking, recorded = record_run(track, document["files"])
        return tracking, {"recorded": to_data(recorded)}

    child.main(document, record)
