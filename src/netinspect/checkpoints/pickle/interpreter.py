"""Pickle interpreter that imports nothing, calls nothing and reads no attributes.

Python's own unpickler is not safe here, even if every global is replaced by an inert object: it hashes
keys that the file chooses, allocates up to four thousand million memo slots, and fails at Python's own
limits. This interpreter has limits of its own, see `MOST_MEMORY`.
"""

from __future__ import annotations

from typing import Any

from netinspect.checkpoints.pickle.opcodes import COSTS, HANDLERS
from netinspect.checkpoints.pickle.state import MARK_COST, InterpreterState
from netinspect.checkpoints.pickle.stream import MOST_MEMORY, Misframed, PickleError, TooLarge

# The opcodes that `Interpreter` runs without a handler.
_BINPUT, _LONG_BINPUT, _BINGET, _BININT1 = 0x71, 0x72, 0x68, 0x4B
_MARK, _TUPLE, _STOP = 0x28, 0x74, 0x2E


class Interpreter(InterpreterState):
    """Interpreter for one or more consecutive pickles of a source."""

    def run(self) -> Any:
        """Read one pickle up to its last opcode and return its object.

        Raises:
            PickleError: The pickle is damaged, or does something that no pickler writes.
        """
        self.forget()
        return self._follow()

    def _follow(self) -> Any:
        """Run the opcodes from the current position to the last one of the pickle."""
        stream, stack, marks = self.stream, self.stack, self.marks
        data, base, last = stream.data, stream.base, stream.last
        at = start = self._at
        spent = 0
        try:
            while True:
                if at > last:
                    self._check(spent)
                    start = at
                    at = stream.follow(at)
                    data, base, last = stream.data, stream.base, stream.last
                start = at
                code = data[at]
                # Inlined: most opcodes of a checkpoint are among these, and a call for each doubles the
                # time.
                if code == _LONG_BINPUT:
                    number, at = int.from_bytes(data[at + 1 : at + 5], "little"), at + 5
                    self.remember(number)
                    spent += 16
                elif code == _BINPUT:
                    number, at = data[at + 1], at + 2
                    self.remember(number)
                    spent += 16
                elif code == _BININT1:
                    stack.append(data[at + 1])
                    at += 2
                    spent += 16
                elif code == _BINGET:
                    self.recall(data[at + 1])
                    at += 2
                    spent += 16
                elif code == _MARK:
                    marks.append(stack)
                    stack = self.stack = []
                    at += 1
                    spent += MARK_COST
                elif code == _TUPLE:
                    items = tuple(stack)
                    stack = self.stack = marks.pop()
                    stack.append(items)
                    at += 1
                    spent += 64 - MARK_COST
                elif code == _STOP:
                    self._at = at + 1
                    break
                else:
                    spent += COSTS[code]
                    if spent > self.left:
                        self._check(spent)
                    at = HANDLERS[code](self, at + 1)
                    stack, data, base, last = self.stack, stream.data, stream.base, stream.last
            if len(stack) != 1 or marks:
                self._drop_rest()
            if stream.frame_left(self._at) > 0:
                self._refuse_frame()
            value = self.stack[-1]
        except (IndexError, UnicodeDecodeError, PickleError) as error:
            self.failed = base + start
            self.left -= spent
            cause = f"at byte {self.failed:,}: {_cause(error)}"
            raise (type(error) if isinstance(error, PickleError) else PickleError)(cause) from None
        self.left -= spent
        return value

    def _drop_rest(self) -> None:
        """Count the objects left on the stack: loaders return the top one and drop the others."""
        if not self.stack:
            raise PickleError("no object is left at its end")
        self.names.dropped += len(self.stack) - 1 + sum(map(len, self.marks))

    def _refuse_frame(self) -> None:
        """Reject a pickle that ends before its frame: loaders continue after the frame."""
        raise Misframed("its last opcode is before the end of its frame")

    def _check(self, spent: int) -> None:
        if spent > self.left:
            raise TooLarge(f"its objects take more than {MOST_MEMORY >> 20} MiB, the most there is")


def _cause(error: Exception) -> str:
    if isinstance(error, IndexError):
        return "an opcode pops more items than the stack has"
    return f"a text is not {error.encoding}" if isinstance(error, UnicodeDecodeError) else str(error)
