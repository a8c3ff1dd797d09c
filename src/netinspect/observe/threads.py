"""Threads that forward starts: what torch does in them is told to nobody outside."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


@contextmanager
def noticed_threads() -> Iterator[list[str]]:
    """Note the names of the threads that begin meanwhile.

    `threading.setprofile` is public, and meant for this; what each thread calls first puts back in it
    what was there.
    """
    begun: list[str] = []
    before = threading.getprofile()

    def begin(frame: FrameType, event: Any, arg: Any) -> None:
        begun.append(threading.current_thread().name)
        sys.setprofile(before)
        if before is not None:
            before(frame, event, arg)

    threading.setprofile(begin)
    try:
        yield begun
    finally:
        threading.setprofile(before)
