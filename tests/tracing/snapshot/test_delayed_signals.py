"""Tests of signals during the restore of a model: their handlers run at the end."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from torch import Tensor, nn

from netinspect.tracing.safe_access import give_dictionary
from netinspect.tracing.snapshot.delayed_signals import delayed_signals
from tests.nets.case import capture_trace, rows
from tests.tracing.counting.counted import Calls

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs signals of POSIX")
NUMBERS = [signal.SIGINT, signal.SIGTERM, signal.SIGALRM, signal.SIGUSR1]


class TooLate(BaseException):
    """Raised by a handler."""


def stop(number: int, _: Any) -> None:
    raise TooLate(number)


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    before = {number: signal.signal(number, stop) for number in NUMBERS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", NUMBERS)
def test_signal_during_restore_is_handled_after_it(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def forward(net: nn.Module, x: Tensor) -> Tensor:
        net.__dict__["count"] = 1
        return x

    def give_and_raise(*args: Any) -> None:
        signal.raise_signal(number)
        give_dictionary(*args)

    monkeypatch.setattr("netinspect.tracing.snapshot.model_snapshot.give_dictionary", give_and_raise)
    model = Calls(forward)
    with pytest.raises(TooLate):
        capture_trace(model, rows(2))
    assert not hasattr(model, "count")
    assert model.training
    assert all(signal.getsignal(each) is stop for each in NUMBERS)


def test_delayed_signals_are_all_handled() -> None:
    handled: list[int] = []

    def note_and_stop(number: int, frame: Any) -> None:
        handled.append(number)
        stop(number, frame)

    for number in NUMBERS:
        signal.signal(number, note_and_stop)

    @delayed_signals()
    def arrive() -> None:
        for number in NUMBERS:
            signal.raise_signal(number)
        during.append(len(handled))

    during: list[int] = []
    with pytest.raises(TooLate):
        arrive()
    assert during == [0]
    assert sorted(handled) == sorted(NUMBERS)
    assert all(signal.getsignal(number) is note_and_stop for number in NUMBERS)
