"""The machine of pickles for a list of names: what it cannot follow is noted, and it goes on."""

from __future__ import annotations

from typing import Any, NamedTuple

from netinspect.checkpoints.io.source import Source
from netinspect.checkpoints.pickle.interpreter import MOST_MEMORY, Machine, Names
from netinspect.checkpoints.pickle.objects import Called, Named, Persistent
from netinspect.checkpoints.pickle.stream import (
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
"""How often all objects are dropped to make room; each time stands for millions of opcodes."""

_SKIP_COST = MOST_MEMORY >> 14
"""Bytes that an opcode that was refused counts for, so that there is an end to them."""

_PROBE_WINDOW = 32 << 10
"""Most of what is tried breaks at its first byte, and there may be thousands of large storages."""

_FIRST_PIECE = 256
_STACK_GLOBAL = 0x93
_EXTENSIONS = {0x82: 1, 0x83: 2, 0x84: 4}
"""Opcodes of numbers that stand for names, and the bytes of each number."""

_CALLS = b"R\x81\x92"
"""Opcodes that put a result in the place of what they call, and have taken the arguments."""

_PUSHED = b"IJMLFGSTUBC\x8a\x8b\x8e\x96VX\x8c\x8d]}\x8f)\x85\x86\x87ldto\x91ghji\x97\x93c2"
"""Opcodes that put an object on the stack."""

_LINES = {ord("c"): 2, ord("i"): 2}


class LenientMachine(Machine):
    """Goes on with an unknown object where the strict machine refuses a pickle.

    A stream of opcodes that is cut short, or has a byte in it that is not an opcode, ends it.
    """

    def __init__(self, source: Source, names: Names, start: int = 0, window: int = WINDOW) -> None:
        """Stand before the byte `start` of a source."""
        super().__init__(source, names, start, window)
        self.lost = 0
        """How many opcodes could not be followed."""

        self.first_lost = ""
        """Where the first of them is, and why."""

        self._source = source
        self._refills = _MOST_REFILLS

    def run(self) -> Any:
        """Read one pickle, up to and with its last opcode; see `Machine.run`.

        Raises:
            PickleError: Its opcodes cannot be told apart from some byte on, or it is too large.
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
        """Accept what is left on the stack: Python's loader takes the top."""
        if not self.stack:
            self.stack = [_unknown()]

    def _refuse_frame(self) -> None:
        """Go on after the frame, as loaders do."""
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
        """Go over an opcode that was refused, and leave the stack about as its loader would."""
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
        """Return a name that the pickle computes while it is loaded."""
        return self.names.named("<computed>", f"at byte {position}", position, self.protocol)


def _unknown() -> Called:
    return Called(Persistent("unknown"), ())


def _end_of_opcode(source: Source, position: int, code: int, error: PickleError) -> int:
    """Return the byte after an opcode and its operand.

    Raises:
        PickleError: It is not an opcode, or cut short.
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


def _end_of_line(source: Source, at: int, error: PickleError) -> int:
    length = _FIRST_PIECE
    while at < source.size:
        piece = source.read(at, min(length, source.size - at))
        found = piece.find(b"\n")
        if found >= 0:
            return at + found + 1
        at += len(piece)
        length = min(2 * length, WINDOW)
    raise error


class _ProbeMachine(LenientMachine):
    """Stops where Python's loader would."""

    is_misframed = False
    is_oversized = False

    def _skip(self, error: PickleError) -> None:
        if not isinstance(error, Unusual):
            raise error
        if isinstance(error, Oversized):
            self.is_oversized = True  # what follows is read as the loader that goes on would
        else:
            self.is_misframed |= isinstance(error, Misframed)
        super()._skip(error)


class Probe(NamedTuple):
    """What bytes come to when a loader takes them for a pickle."""

    end: int | None
    """The byte after its last opcode; None where it breaks before."""

    names: tuple[str, ...]
    """Names that it would have imported until then."""

    calls: bool
    """Whether it would have called one of them, or loaders disagree about what they would do."""

    is_cut: bool
    """Whether it breaks because no more bytes are there, or more bytes could change what it comes to."""


_EXTENSION = "_inverted_registry["


_EXTENSION = "_inverted_registry["


def probe(source: Source, start: int = 0, *, wraps_arrays: bool = True) -> Probe:
    """Read bytes that are probably not a pickle as one, as far as Python's loader would.

    Args:
        source: The bytes.
        start: The byte at which to begin.
        wraps_arrays: Whether to go over arrays between the opcodes, as joblib's loader would.
    """
    names = Names()
    machine = _ProbeMachine(source, names, start, _PROBE_WINDOW)
    machine.wraps_arrays = wraps_arrays
    end: int | None = None
    is_cut = False
    try:
        machine.run()
        end = machine.position
    except PickleError as error:
        is_cut = isinstance(error, Cut) or machine.is_oversized
        # The last opcode may go beyond the frame, and one of the loaders reads on where that ends.
        machine.is_misframed |= machine.stream.in_frame
    found = [each for each in names.all() if _may_be_imported(each)]
    calls = machine.is_misframed or any(each.uses for each in found)
    # Any number may begin like an extension, which imports what the loading process registered itself.
    named = tuple(each.path for each in found if each.uses or not each.name.startswith(_EXTENSION))
    return Probe(end, named, calls, is_cut)


def _may_be_imported(named: Named) -> bool:
    """Whether the name of a module is one, and not a line of some text.

    The module is imported first, whatever its attribute is called.
    """
    return all(part.isidentifier() for part in named.module.split("."))
