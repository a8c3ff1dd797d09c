"""Tracking of a target's memory in a child process, with a cache of runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from netinspect.memory_tracker.parent import ask_child

if TYPE_CHECKING:
    from netinspect.memory_tracker.request import TrackRequest
    from netinspect.records.memory import Tracking
    from netinspect.trace_cache.memory_tracks import MemoryTrackCache, Watched


def track_target(
    request: TrackRequest, progress: Callable[[str], None] | None, cache: MemoryTrackCache | None
) -> Tracking:
    """Track a run of a target.

    Args:
        request: What to track.
        progress: Receives a line after each tracked run.
        cache: Cache of runs; None to track in any case.

    Raises:
        NetinspectError: The child process reports an error, or ends without an answer.
    """
    if cache is None or request.run.online:
        return ask_child(request, progress=progress)[0]
    from netinspect.records.codec import to_data
    from netinspect.trace_cache.memory_tracks import Watched

    assert request.run.target is not None

    def track(watch: dict[str, Any]) -> Watched:
        tracking, rest = ask_child(
            request,
            progress=progress,
            entry="netinspect.memory_tracker.cached_run",
            more={"watch": watch},
        )
        return Watched(tracking, rest.get("dependencies"), rest.get("reason", ""))

    return cache.answer(request.run.target, to_data(request), track)


def main(document: dict[str, Any]) -> None:
    """Answer a request in the child process, with dependencies; see `memory_tracker.child.main`."""
    from netinspect.memory_tracker import child
    from netinspect.trace_cache.memory_tracks import watch

    child.main(document, lambda call: watch(call, document["watch"]))
