"""The tracking child process: requests, answers and failures."""

from __future__ import annotations

import inspect
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import netinspect
from netinspect.analysis.allocation_totals import peak_bytes
from netinspect.errors import ForwardError, LoadError, UsageError
from netinspect.memory_tracker import parent
from netinspect.memory_tracker.request import TrackOptions, TrackRequest
from netinspect.records.request import TraceRequest
from netinspect.targets.target import parse_target
from tests.memory_tracker.runs import Chain, track_in_child, tracked
from tests.support import Outcome

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def started_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start Python anew for each child."""
    monkeypatch.setattr(parent, "_start", inspect.unwrap(parent._start))


NET = """
import os, sys
print("printed on import")
import torch
from torch import nn

EXAMPLE_INPUTS = ("x=16x64",)


class Net(nn.Module):
    def __init__(self, width=64):
        super().__init__()
        print("printed by the constructor")
        os.write(1, b"printed by C\\n")
        self.first = nn.Linear(width, 4 * width)
        self.second = nn.Linear(4 * width, 4 * width, bias=False)
        self.third = nn.Linear(4 * width, width)

    def forward(self, x):
        return self.third(torch.tanh(self.second(torch.relu(self.first(x)))))


class Reading(nn.Module):
    # Its constructor reads values, and one weight is large enough to be zeros.
    def __init__(self):
        super().__init__()
        self.rates = [rate.item() for rate in torch.linspace(0, 1, 3)]
        self.layer = nn.Linear(64, 1 << 15)

    def forward(self, x):
        return self.layer(x) * self.rates[-1]


class Lazy(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.LazyLinear(10)

    def forward(self, x):
        return self.layer(x)


class Gone(Net):
    def forward(self, x):
        print("last words", file=sys.stderr, flush=True)
        os.abort()


class Failing(Net):
    def __init__(self):
        raise ValueError("not today")
"""


@pytest.fixture
def net(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Write a file with models to a folder with a file that must not hide a standard module."""
    (tmp_path / "net.py").write_text(NET, encoding="utf-8")
    (tmp_path / "random.py").write_text("raise RuntimeError('imported by mistake')", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return str(tmp_path / "net.py")


def asked(target: str, **more: object) -> TrackRequest:
    run = TraceRequest(target=parse_target(target), inputs=("16x64",), train=True, **more)  # type: ignore[arg-type]
    return TrackRequest(name=target, run=run, options=TrackOptions(device="cpu"))


def test_child_result_equals_own_process(net: str) -> None:
    track = track_in_child(asked(f"{net}:Net")).track
    here = tracked(Chain(), "16x64", training=True)
    assert track.steps == here.steps
    assert peak_bytes(track, "cpu") == peak_bytes(here, "cpu")


def test_constructor_that_reads_values_is_tracked(net: str) -> None:
    run = TraceRequest(target=parse_target(f"{net}:Reading"), inputs=("2x64",))
    request = TrackRequest(name="Reading", run=run, options=TrackOptions(device="cpu"))
    track = track_in_child(request).track
    parameters = sum(each.bytes for each in track.allocations if each.kind == "parameter")
    assert parameters == 4 * (64 + 1) * (1 << 15)
    # The result of the layer, and then that of the multiplication too.
    assert peak_bytes(track, "cpu") == parameters + 4 * 2 * (64 + 2 * (1 << 15))


def test_child_without_answer_raises(net: str) -> None:
    with pytest.raises(ForwardError, match="ended without an answer") as caught:
        track_in_child(asked(f"{net}:Gone"))
    assert "signal SIGABRT" in str(caught.value.cause)
    assert "last words" in str(caught.value.cause)


def test_child_errors_equal_own_process(net: str) -> None:
    with pytest.raises(LoadError, match="cannot build Failing") as caught:
        track_in_child(asked(f"{net}:Failing"))
    assert "not today" in str(caught.value.cause)
    assert str(caught.value.place).startswith(net)
    # --debug shows where, though it was raised in another process.
    traceback = str(caught.value.__cause__)
    assert "Traceback (most recent call last)" in traceback
    assert 'raise ValueError("not today")' in traceback


def test_model_that_differs_from_trace_raises(net: str) -> None:
    trace = netinspect.load(f"{net}:Net", model_args={"width": 32}, inputs=["4x32"])
    with pytest.raises(LoadError, match="differs from the traced model") as caught:
        netinspect.memory(trace)
    assert "--arg" in str(caught.value.hint)
    report = netinspect.memory(trace, model_args={"width": 32}, allocator="cpu").record
    assert report.peak.amounts.parameters == sum(each.spec.bytes for each in trace.parameters)


def test_memory_refuses_model_args_without_literal(net: str, cli: Callable[..., Outcome]) -> None:
    outcome = cli("memory", f"{net}:Net", "--arg", "width=1e999", "--input", "4x64")
    assert outcome.code == 2
    assert "not plain literals" in outcome.err


def test_invalid_child_answer_raises() -> None:
    for words in ("", "print('hello')", "import sys; sys.exit(3)"):
        with pytest.raises(ForwardError, match="ended without an answer"):
            track_in_child(asked("lenet"), command=[sys.executable, "-c", words])


def test_ctrl_c_ends_child(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[str]] = []

    class Started(subprocess.Popen[str]):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            started.append(self)

    def interrupt(text: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(subprocess, "Popen", Started)
    words = "import time; print('progress: batch 1', flush=True); time.sleep(3600)"
    with pytest.raises(KeyboardInterrupt):
        track_in_child(asked("lenet"), progress=interrupt, command=[sys.executable, "-c", words])
    assert started[0].returncode == -signal.SIGKILL  # and not because it was done
    assert all(pipe.closed for pipe in (started[0].stdin, started[0].stdout))  # type: ignore[union-attr]


def test_max_batch_reports_progress() -> None:
    messages: list[str] = []
    view = netinspect.memory("lenet", batch=4, device_memory="1MiB", progress=messages.append)
    search = view.record.search
    assert search is not None
    assert [each.split(":")[0] for each in messages] == [
        f"batch {probe.batch}" for probe in search.probes
    ]


def test_crashed_child_is_repeated_with_values(net: str) -> None:
    answers = """
import json, os, sys
document = json.load(sys.stdin)
if not document["request"]["with_values"]:
    os.abort()
words = dict.fromkeys(("message", "cause", "place", "hint"), "again")
print(json.dumps({"error": "LoadError", **words}))
"""
    with pytest.raises(LoadError, match="again"):
        track_in_child(asked("lenet"), command=[sys.executable, "-c", answers])
    # A crash on both kinds of tensors does not depend on them; nor does a lack of memory.
    killed = "import os, pathlib; open('killed', 'a').write('.'); os.kill(os.getpid(), 9)"
    with pytest.raises(ForwardError, match="ended without an answer"):
        track_in_child(asked("lenet"), command=[sys.executable, "-c", killed])
    assert Path("killed").read_text() == "."


def test_child_that_cannot_start_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    run = TraceRequest(target=parse_target("lenet"), inputs=("1x1x28x28",))
    request = TrackRequest(name="lenet", run=run, options=TrackOptions())
    with pytest.raises(UsageError, match="cannot start the process that tracks memory") as caught:
        track_in_child(request, command=["/nowhere/python"])
    assert caught.value.cause == "No such file or directory"
    # It does not need a folder for temporary files either.
    monkeypatch.setattr("tempfile.tempdir", "/nowhere")
    answer = (
        "import json, sys; sys.stdin.read(); print(json.dumps({'error': 'LoadError', **dict.fromkeys("
    )
    answer += "('message', 'cause', 'place', 'hint'), 'read')}))"
    with pytest.raises(LoadError, match="read"):
        track_in_child(request, command=[sys.executable, "-c", answer])
