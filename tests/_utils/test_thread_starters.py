"""Tests of `ancestry`: which thread started which."""

from __future__ import annotations

import sys
import threading
from typing import Any

import pytest

from netinspect._utils.thread_starters import ancestry, record_starters


def ancestry_in_thread(depth: int, default: tuple[object, ...] = ()) -> tuple[object, ...]:
    found: list[tuple[object, ...]] = []

    def work() -> None:
        found.append(ancestry(default) if depth == 1 else ancestry_in_thread(depth - 1, default))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    return found[0]


def ask_at_once(frame: Any, event: str, arg: Any) -> None:
    sys.setprofile(None)
    ancestry()


@pytest.mark.parametrize("depth", [1, 3])
def test_ancestry_has_each_starter(depth: int) -> None:
    record_starters()
    threading.setprofile(ask_at_once)
    try:
        found = ancestry_in_thread(depth)
    finally:
        threading.setprofile(None)
    assert found[: len(ancestry())] == ancestry()
    assert len({*found}) == len(ancestry()) + depth


def test_ancestry_of_unknown_starter_is_the_default() -> None:
    default = (object(),)
    assert ancestry_in_thread(1, default)[:-1] in (default, ancestry())


def test_ancestry_is_kept() -> None:
    assert ancestry() is ancestry()
    assert ancestry_in_thread(1)[-1] is not ancestry_in_thread(1)[-1]
