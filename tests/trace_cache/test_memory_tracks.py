"""Tests of cached memory tracks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from netinspect.memory_tracker.cached_run import MEMORY_TRACK
from netinspect.memory_tracker.request import TrackOptions, TrackRequest
from netinspect.records.base import replace
from netinspect.records.memory import MemoryTrack, Tracking
from netinspect.records.request import Target, TraceRequest
from netinspect.trace_cache.dependencies import Dependencies
from netinspect.trace_cache.lookup import Recorded, TraceCache
from tests.support import TORCH
from tests.trace_cache.queries import Asker

pytestmark = pytest.mark.slow

NET = """
from torch import nn

EXAMPLE_INPUTS = ("2x8",)


class Net(nn.Linear):
    def __init__(self):
        super().__init__(8, 3)
"""


@pytest.mark.skipif(TORCH <= (2, 6), reason="torch 2.6 writes a module that it imports, in each process")
def test_cached_memory_does_not_import_torch(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(NET, encoding="utf-8")
    ask = Asker(tmp_path, tmp_path / "home")
    words = ("memory", "net.py:Net", "--train", "--format", "json")
    first = ask(*words, "--verbose")
    assert (first.code, "the memory track was cached" in first.err) == (0, True)
    again = ask(*words, "--verbose", blocked=True)
    assert (again.code, again.out) == (0, first.out)
    assert "cached memory track of" in again.err
    # Each of these has to track again, and cannot without torch.
    assert ask(*words, "--no-cache", blocked=True).code != 0
    (tmp_path / "net.py").write_text(NET.replace("8, 3", "8, 4"), encoding="utf-8")
    assert ask(*words, blocked=True).code != 0


class Tracks:
    """Stand-in for the tracking process: reads a file, and counts its calls."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "read.txt"
        self.file.write_text("one", encoding="utf-8")
        self.asked = 0
        self.reason = ""

    def __call__(self) -> tuple[Tracking, Recorded]:
        self.asked += 1
        read = Dependencies(files=(str(self.file),), installed=(), listed=(), searched=(), digest="")
        read = replace(read, digest=read.current_digest())
        recorded = Recorded(reason=self.reason) if self.reason else Recorded(dependencies=read)
        track = MemoryTrack(batch=self.asked, training=False, steps=(), allocations=())
        return Tracking(track=track, search=None), recorded


@pytest.fixture
def tracks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tracks:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return Tracks(tmp_path / "here")


TARGET = Target(text="net.py:Net", kind="file", place="net.py", name="Net")
RUN = TraceRequest(target=TARGET, inputs=("2x8",))
REQUEST = TrackRequest(name=TARGET.text, run=RUN, options=TrackOptions())


def batch_of(tracks: Tracks, request: TrackRequest = REQUEST, cache: TraceCache | None = None) -> Any:
    return (cache or TraceCache()).answer(MEMORY_TRACK, request, tracks).track.batch


@pytest.mark.parametrize(
    "other",
    [
        replace(REQUEST, run=replace(RUN, seed=1)),
        replace(REQUEST, run=replace(RUN, inputs=("3x8",))),
        replace(REQUEST, run=replace(RUN, train=True)),
        replace(REQUEST, options=TrackOptions(limit=1 << 30)),
        replace(REQUEST, options=TrackOptions(dtype="bfloat16")),
        replace(REQUEST, run=replace(RUN, model_args="{'width': 3}")),
        replace(REQUEST, others=(("3x8",), ("5x8",))),
    ],
)
def test_memory_cache_key_covers_request(tracks: Tracks, other: TrackRequest) -> None:
    assert (batch_of(tracks), batch_of(tracks)) == (1, 1)
    assert (batch_of(tracks, other), batch_of(tracks, other)) == (2, 2)


def test_changed_file_invalidates_memory_track(tracks: Tracks) -> None:
    assert (batch_of(tracks), batch_of(tracks)) == (1, 1)
    tracks.file.write_text("two", encoding="utf-8")
    assert batch_of(tracks) == 2


def test_changed_environment_skips_memory_cache(tracks: Tracks, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = TraceCache()
    monkeypatch.setenv("WIDTH", "3")
    assert (batch_of(tracks, cache=cache), batch_of(tracks, cache=cache)) == (1, 2)
    assert cache.outcome == "the cache was not used: user code changed the environment"
    assert batch_of(tracks) == 3  # and that run was not cached


def test_uncheckable_memory_track_is_not_cached(tracks: Tracks) -> None:
    cache = TraceCache()
    tracks.reason = "it uses the network"
    assert (batch_of(tracks, cache=cache), batch_of(tracks, cache=cache)) == (1, 2)
    assert cache.outcome == "the memory track was not cached: it uses the network"
