"""Tests of the record of times and of its reference to a trace."""

from __future__ import annotations

import json

import pytest

from netinspect.records.base import replace
from netinspect.records.codec import CodecError, from_data, json_schema, to_data
from netinspect.records.timing import StepTimes, Times, Timing, check_timing, digest
from tests.records.examples import small_trace

TRACE = small_trace()
TIMING = Timing(
    trace=digest(TRACE),
    versions=TRACE.versions,
    device="cpu",
    device_name="processor",
    threads=1,
    method="clocks",
    discarded=3,
    whole=Times(wall=(0.25, 0.5, 0.25), cpu=(0.25, 0.25, 0.25)),
    instrumented=Times(wall=(0.5, 0.75), cpu=(0.5, 0.5)),
    steps=(
        StepTimes(step=0, times=Times(wall=(0.5, 0.5), cpu=(0.25, 0.25))),
        StepTimes(step=1, times=Times(wall=(0.25, 0.5))),
    ),
)


def test_timing_round_trip() -> None:
    document = json.loads(json.dumps(to_data(TIMING), allow_nan=False))
    assert from_data(Timing, document) == TIMING
    assert json_schema(Timing, title="timing", identity={})["required"]
    check_timing(TIMING, TRACE)


def test_digest_differs_between_traces() -> None:
    assert digest(TRACE) == digest(small_trace())
    assert digest(replace(TRACE, seed=TRACE.seed + 1)) != digest(TRACE)


@pytest.mark.parametrize(
    ("timing", "message"),
    [
        (replace(TIMING, trace="0"), "Timing.trace: expected [0-9a-f]{64}, got 0 of another"),
        (
            replace(TIMING, whole=Times(wall=(1.0,), cpu=(1.0, 1.0))),
            "Timing.whole.cpu: expected 1 times, got 2",
        ),
        (
            replace(TIMING, instrumented=Times(wall=(1.0, float("nan")))),
            "Timing.instrumented.wall: a time is not a finite number of seconds",
        ),
        (
            replace(TIMING, whole=Times(wall=(-1.0,))),
            "Timing.whole.wall: a time is not a finite number of seconds",
        ),
        (
            replace(TIMING, steps=(replace(TIMING.steps[0], step=len(TRACE.steps)),)),
            r"Timing.steps\[0\].step: there is no",
        ),
        (replace(TIMING, steps=TIMING.steps[::-1]), r"Timing.steps\[1\].step: 0 is not after"),
        (
            replace(TIMING, steps=(StepTimes(step=0, times=Times(wall=())),)),
            r"Timing.steps\[0\].times.wall: expected 2 times, got 0",
        ),
    ],
)
def test_check_timing_refuses_inconsistent_times(timing: Timing, message: str) -> None:
    with pytest.raises(CodecError, match=message):
        check_timing(timing, TRACE)
