"""Interruption of a run between two operators, because it does too much work or takes too long."""

from __future__ import annotations

from collections.abc import Callable


class Interruption(BaseException):
    """Raised between two operators to end a run.

    It is not an `Exception`, so that no code of the model handles it and goes on.
    """


class TooMuchWork(Interruption):
    """Raised when a run on real kernels does more work than it may."""


class OutOfTime(Interruption):
    """Raised when a run takes longer than the safety stop allows."""


Watch = Callable[[int, int], None]
"""Function that gets the MACs and the bytes of each operator that ran, and raises `Interruption`."""
