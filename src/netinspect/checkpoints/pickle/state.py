"""State of the pickle interpreter, which its opcode handlers change."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, NoReturn

from netinspect.checkpoints.io.source import ByteSource
from netinspect.checkpoints.pickle.names import Names
from netinspect.checkpoints.pickle.objects import Named
from netinspect.checkpoints.pickle.stream import MOST_MEMORY, WINDOW, PickleError, Stream, Unusual

MARK_COST = 100
"""Estimated bytes of a mark until the objects above it are taken."""


class InterpreterState(ABC):
    """Stream position, stack and memo of a run over one or more consecutive pickles."""

    def __init__(self, source: ByteSource, names: Names, start: int = 0, window: int = WINDOW) -> None:
        """Start at byte `start` of a source."""
        self.stream = Stream(source, start, window)
        self.names = names
        self.stack: list[Any] = []
        self.marks: list[list[Any]] = []
        """The stacks below each mark."""

        self.memo: list[Any] = []
        """Memo for consecutive numbers from 0, as nearly all picklers use them."""

        self.sparse: dict[int, Any] = {}
        """Memo for other numbers."""

        self.protocol = 0
        """Protocol that the pickle declares."""

        self.left = MOST_MEMORY
        self.failed = 0
        """Position in the source of the opcode that failed."""

        self.wraps_arrays = True
        """True if joblib would load the pickle, so that arrays may be between the opcodes."""

        self.has_arrays = False
        """True if arrays between the opcodes were skipped."""

        self._at = 0

    @property
    def position(self) -> int:
        """Position of the next byte in the source."""
        return self.stream.base + self._at

    def skip(self, length: int) -> int:
        """Skip bytes that are not part of the pickle and return the position of the first one.

        Raises:
            PickleError: The source has fewer bytes.
        """
        position = self.position
        self._at = self.stream.skip(self._at, length)
        return position

    def bytes(self, length: int) -> bytes:
        """Return at most `LARGEST_KEPT` bytes that are not part of the pickle.

        Raises:
            PickleError: The source has fewer bytes.
        """
        data, self._at = self.stream.take(self._at, length)
        return data

    @abstractmethod
    def run(self) -> Any:
        """Read one pickle up to its last opcode and return its object."""

    def run_nested(self, at: int) -> tuple[Any, int]:
        """Read a pickle between the opcodes of this one, as joblib writes arrays of objects.

        Returns:
            The object and the offset after its pickle.

        Raises:
            PickleError: The nested pickle is damaged.
        """
        saved = self.stack, self.marks, self.memo, self.sparse, self.protocol
        self._at, self.wraps_arrays = at, False  # read by Python's own loader, not joblib's
        try:
            value = self.run()
        finally:
            self.stack, self.marks, self.memo, self.sparse, self.protocol = saved
            self.wraps_arrays = True
        return value, self._at

    def forget(self) -> None:
        """Drop all objects and the declared protocol."""
        self.protocol = 0
        self.stream.end_frame()
        self.stack, self.marks, self.memo, self.sparse = [], [], [], {}

    def recall(self, number: int) -> None:
        """Push the object that is memoized under a number."""
        if number < len(self.memo):
            value = self.memo[number]
        elif number in self.sparse:
            value = self.sparse[number]
        else:
            raise PickleError(f"the memo has no entry {number}")
        if type(value) is Named:
            value.pushes += 1
        self.stack.append(value)

    def remember(self, number: int) -> None:
        """Memoize the top of the stack under a number."""
        count = len(self.memo)
        if number == count:
            self.memo.append(self.stack[-1])
            if self.sparse:  # MEMOIZE counts each number once
                self.sparse.pop(number, None)
        elif number < count:
            self.memo[number] = self.stack[-1]
        else:
            self.sparse[number] = self.stack[-1]
            self.left -= 100

    def above_mark(self) -> list[Any]:
        """Pop the items above the last mark."""
        taken = self.stack
        self.stack = self.marks.pop()
        self.left += MARK_COST
        return taken


Handler = Callable[[InterpreterState, int], int]
"""Function that runs one opcode: from the offset after it to that of the next one."""


def refuse(cause: str) -> NoReturn:
    """Raise the error of a pickle that cannot be read."""
    raise PickleError(cause)


def refuse_unusual(cause: str) -> NoReturn:
    """Raise the error of a pickle that Python's loader might accept."""
    raise Unusual(cause)
