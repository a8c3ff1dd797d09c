"""Lenient pickle interpreter, which lists globals and continues after invalid opcodes."""

from __future__ import annotations

from typing import Any, NamedTuple

from netinspect.checkpoints.io.source import ByteSource
from netinspect.checkpoints.pickle.interpreter import Interpreter
from netinspect.checkpoints.pickle.names import Names
from netinspect.checkpoints.pickle.objects import Called, Named, Persistent
from netinspect.checkpoints.pickle.stream import (
    MOST_MEMORY,
    WINDOW,
    Cut,
    Misframed,
    Oversized,
    PickleError,
    Straddled,
    TooLarge,
    Unusual,
)

_MOST_REFILLS = 3
"""Maximum number of times that all objects are dropped to free memory, after millions of opcodes."""

_SKIP_COST = MOST_MEMORY >> 14
"""Bytes charged for each rejected opcode, so that the run is bounded."""

_PROBE_WINDOW = 32 << 10
"""Small, because most probes fail at the first byte and a file may need thousands of them."""

_FIRST_PIECE = 256
_STACK_GLOBAL = 0x93
_EXTENSIONS = {0x82: 1, 0x83: 2, 0x84: 4}
"""Opcodes of the extension registry, and the bytes of the number after each."""

_CALLS = b"R\x81\x92"
"""Opcodes that replace a callable by its result and have already popped the arguments."""

_PUSHED = b"IJMLFGSTUBC\x8a\x8b\x8e\x96VX\x8c\x8d]}\x8f)\x85\x86\x87ldto\x91ghji\x97\x93c2"
"""Opcodes that push an object."""

_LINES = {ord("c"): 2, ord("i"): 2}


class LenientInterpreter(Interpreter):
    """Interpreter that continues with an unknown object where the strict one rejects a pickle.

    It stops at the end of the data and at a byte that is not an opcode.
    """

    def __init__(self, source: ByteSource, names: Names, start: int = 0, window: int = WINDOW) -> None:
        """Start at byte `start` of a source."""
        super().__init__(source, names, start, window)
        self.lost = 0
        """Number of opcodes that were skipped."""

        self.first_lost = ""
        """Position and cause of the first skipped opcode."""

        self._source = source
        self._refills = _MOST_REFILLS

    def run(self) -> Any:
        """Read one pickle up to its last opcode; see `Interpreter.run`.

        Raises:
            PickleError: The bytes are not opcodes from some position on, or the pickle is too large.
        """
        self.forget()
        while True:
            try:
                return self._follow()
            except TooLarge:
                if not self._refills:
                    raise
                self._refills -= 1
                self._drop()
            except PickleError as error:
                self._skip(error)

    def _drop_rest(self) -> None:
        """Accept objects left on the stack: Python's loader returns the top one."""
        if not self.stack:
            self.stack = [_unknown()]

    def _refuse_frame(self) -> None:
        """Continue after the frame, as loaders do."""
        self._note(f"at byte {self.position - 1:,}: it ends before its frame does")
        self._at = self.stream.skip(self._at, self.stream.frame_left(self._at))

    def _drop(self) -> None:
        protocol = self.protocol
        self.forget()
        self.protocol = protocol
        self.names.outside.clear()
        self.names.nested.clear()
        self.left = MOST_MEMORY
        self._at = self.stream.move(self.failed)
        self._note("its objects take more memory than there is, and those before are left out")

    def _note(self, cause: str) -> None:
        self.lost += 1
        self.first_lost = self.first_lost or cause

    def _skip(self, error: PickleError) -> None:
        """Skip a rejected opcode and leave the stack roughly as its loader would."""
        position = self.failed
        if isinstance(error, Straddled):
            self._note(str(error))
            self._at = self.stream.move(position)
            return
        if position >= self._source.size or self.names.left < 0:
            raise error
        code = self._source.read(position, 1)[0]
        end = _end_of_opcode(self._source, position, code, error)
        self._note(str(error))
        self.left -= _SKIP_COST
        if code in _CALLS and self.stack:
            self.stack[-1] = _unknown()
        elif code == _STACK_GLOBAL:
            self.stack.append(self._computed(position))
        elif code in _EXTENSIONS:
            number = int.from_bytes(self._source.read(position + 1, _EXTENSIONS[code]), "little")
            named = ("copyreg", f"_inverted_registry[{number}]")
            self.stack.append(self.names.named(*named, position, self.protocol))
        elif code in _PUSHED or code in _CALLS:
            self.stack.append(_unknown())
        self._at = self.stream.move(end)

    def _computed(self, position: int) -> Named:
        """Return a placeholder for a name that the pickle computes while it is loaded."""
        return self.names.named("<computed>", f"at byte {position}", position, self.protocol)


def _unknown() -> Called:
    return Called(Persistent("unknown"), ())


def _end_of_opcode(source: ByteSource, position: int, code: int, error: PickleError) -> int:
    """Return the position after an opcode and its operand.

    Raises:
        PickleError: The byte is not an opcode, or the operand is cut short.
    """
    import pickletools

    opcode = next((each for each in pickletools.opcodes if each.code == chr(code)), None)
    if opcode is None:
        raise error
    at = position + 1
    length = 0 if opcode.arg is None else opcode.arg.n
    if length == pickletools.UP_TO_NEWLINE:
        for _ in range(_LINES.get(code, 1)):
            at = _end_of_line(source, at, error)
        return at
    if length < 0:
        width = {-2: 1, -3: 4, -4: 4, -5: 8}[length]
        if at + width > source.size:
            raise error
        length = width + int.from_bytes(source.read(at, width), "little", signed=length == -3)
    if length < 0 or at + length > source.size:
        raise error
    return at + length


def _end_of_line(source: ByteSource, at: int, error: PickleError) -> int:
    length = _FIRST_PIECE
    while at < source.size:
        piece = source.read(at, min(length, source.size - at))
        found = piece.find(b"\n")
        if found >= 0:
            return at + found + 1
        at += len(piece)
        length = min(2 * length, WINDOW)
    raise error


class _ProbeInterpreter(LenientInterpreter):
    """Lenient interpreter that stops where Python's loader would."""

    is_misframed = False
    is_oversized = False

    def _skip(self, error: PickleError) -> None:
        if not isinstance(error, Unusual):
            raise error
        if isinstance(error, Oversized):
            self.is_oversized = True  # continue as the loader that accepts the frame does
        else:
            self.is_misframed |= isinstance(error, Misframed)
        super()._skip(error)


class Probe(NamedTuple):
    """Result of reading arbitrary bytes as a pickle."""

    end: int | None
    """Byte after the last opcode; None if reading fails earlier."""

    names: tuple[str, ...]
    """Names that a loader would import up to that point."""

    calls: bool
    """True if a loader would call one of the names, or loaders disagree about the bytes."""

    is_cut: bool
    """True if reading fails at the end of the data, or more bytes could change the result."""


_EXTENSION = "_inverted_registry["


def probe(source: ByteSource, start: int = 0, *, wraps_arrays: bool = True) -> Probe:
    """Read bytes that are probably not a pickle as Python's loader would.

    Args:
        source: The bytes.
        start: Position of the first byte.
        wraps_arrays: True to skip arrays between the opcodes, as joblib's loader would.
    """
    names = Names()
    interpreter = _ProbeInterpreter(source, names, start, _PROBE_WINDOW)
    interpreter.wraps_arrays = wraps_arrays
    end: int | None = None
    is_cut = False
    try:
        interpreter.run()
        end = interpreter.position
    except PickleError as error:
        is_cut = isinstance(error, Cut) or interpreter.is_oversized
        # The last opcode may cross the end of the frame, and one of Python's loaders continues after it.
        interpreter.is_misframed |= interpreter.stream.in_frame
    found = [each for each in names.all() if _may_be_imported(each)]
    calls = interpreter.is_misframed or any(each.uses for each in found)
    # Any data may start with an extension opcode, which imports only what the loading process has
    # registered itself.
    named = tuple(each.path for each in found if each.uses or not each.name.startswith(_EXTENSION))
    return Probe(end, named, calls, is_cut)


def _may_be_imported(named: Named) -> bool:
    """Return whether a module name is valid and not a line of arbitrary text.

    The attribute does not matter, because the module is imported before it is read.
    """
    return all(part.isidentifier() for part in named.module.split("."))
