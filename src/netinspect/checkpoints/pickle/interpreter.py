"""The machine that a pickle is a program for, with nothing behind it: no import, no call, no attribute.

Python's own unpickler, even with each name replaced by a stand-in, hashes what the file chooses, takes
memory for places that it numbers up to four thousand million, and is ended by what Python's own limits
end. This one has its limits stated: see `MOST_MEMORY`.
"""

from __future__ import annotations

from typing import Any, NoReturn

from netinspect.checkpoints.io.source import Source
from netinspect.checkpoints.pickle.format_object import spell_arguments, spell_type
from netinspect.checkpoints.pickle.needed_globals import is_needed
from netinspect.checkpoints.pickle.objects import Called, Named, Persistent
from netinspect.checkpoints.pickle.stream import (
    WINDOW,
    Misframed,
    PickleError,
    Stream,
    TooLarge,
    Unusual,
)

MOST_MEMORY = 160 << 20
"""Bytes that the objects of a file may take, as estimated; each opcode counts for some."""

NESTED = "torch.storage._load_from_bytes"
"""What a storage becomes where a tensor is pickled without `torch.save`."""

MARK_COST = 100
"""Bytes that a mark is taken to cost, until what stands above it is taken."""

_NAME_COST = 1000
_PLAIN_NAMES = 3
"""The first protocol that has the names as they are."""

# The opcodes that `Machine.run` does not look up.
_BINPUT, _LONG_BINPUT, _BINGET, _BININT1 = 0x71, 0x72, 0x68, 0x4B
_MARK, _TUPLE, _STOP = 0x28, 0x74, 0x2E


class Names:
    """The names that the pickles of one member would import."""

    def __init__(self, *, scripted: bool = False) -> None:
        self.scripted = scripted
        self.outside: list[Persistent] = []
        """All that the pickles refer to outside themselves, whether or not their objects hold it."""

        self.nested: list[Called] = []
        """Calls that would load a storage from a file of its own in bytes."""

        self.followed: set[Named] = set()
        """Names that are needed after all, as what they would load was read too."""

        self.beside: list[str] = []
        """Files that joblib would load arrays from."""

        self.dropped = 0
        """Objects that were left on the stack at the end of a pickle, beside the one that counts."""

        self.known: dict[tuple[str, str, bool], Named] = {}
        self.left = MOST_MEMORY

    def named(self, module: str, name: str, position: int, protocol: int) -> Named:
        """Return the object for a name."""
        is_old = protocol < _PLAIN_NAMES
        found = self.known.get((module, name, is_old))
        if found is None:
            told = _of_today(module, name) if is_old else (module, name)
            found = self.known.get((*told, False)) or Named(*told, position)
            self.known[module, name, is_old] = self.known[(*told, False)] = found
            self.left -= _NAME_COST
            if self.left < 0:
                raise PickleError("it has more names than are read")
        found.pushes += 1
        return found

    def all(self) -> list[Named]:
        """Return the names in the order in which they stand first."""
        return list(dict.fromkeys(self.known.values()))

    def is_needed(self, named: Named) -> bool:
        """Whether tensors cannot be told without it."""
        return named in self.followed or is_needed(named, scripted=self.scripted)

    def call(self, callee: Any, arguments: Any, keywords: Any = None) -> Called:
        """Note a call.

        Raises:
            PickleError: What is called is nothing that can be.
        """
        if type(arguments) is not tuple:
            raise Unusual(f"it calls something with {spell_type(arguments)} for arguments")
        named = callee
        if type(callee) is Persistent and type(callee.key) is tuple and len(callee.key) > 1:
            named = callee.key[1]  # torch's legacy format: ("module", class, file, source)
        if type(named) is Named:
            named.uses += 1
            if named.uses == 1 and not self.is_needed(named):
                named.arguments = spell_arguments(arguments, keywords)
        elif type(callee) is Called:
            self._call_outcome(callee, arguments, keywords)
        elif type(callee) is not Persistent:
            raise Unusual(f"it calls {spell_type(callee)}")
        called = Called(callee, arguments)
        if called.path == NESTED:
            self.nested.append(called)
        return called

    def _call_outcome(self, callee: Called, arguments: tuple[Any, ...], keywords: Any) -> None:
        """What a call returned is called: `getattr(os, "system")` says little without that."""
        root = callee.root
        if type(root) is Named and " then called with " not in root.arguments:
            if self.is_needed(root):
                return
            root.arguments += f"; then called with {spell_arguments(arguments, keywords)}"


def _of_today(module: str, name: str) -> tuple[str, str]:
    """The names of Python 2, which older protocols have, as Python's own unpickler understands them."""
    from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING

    if (module, name) in NAME_MAPPING:
        return NAME_MAPPING[module, name]
    return IMPORT_MAPPING.get(module, module), name


class Machine:
    """One run over one or more pickles that stand behind each other."""

    def __init__(self, source: Source, names: Names, start: int = 0, window: int = WINDOW) -> None:
        """Stand before the byte `start` of a source."""
        self.stream = Stream(source, start, window)
        self.names = names
        self.stack: list[Any] = []
        self.marks: list[list[Any]] = []
        """The stacks below the marks."""

        self.memo: list[Any] = []
        """What is remembered under 0, 1, 2, as nearly all picklers number it."""

        self.sparse: dict[int, Any] = {}
        """What is remembered under other numbers."""

        self.protocol = 0
        """As the pickle tells it."""

        self.left = MOST_MEMORY
        self.failed = 0
        """Byte of the source at which the opcode begins that could not be followed."""

        self.wraps_arrays = True
        """Whether joblib's loader would read it: arrays are then between the opcodes."""

        self.has_arrays = False
        """Whether it went over any."""

        self._at = 0

    @property
    def position(self) -> int:
        """Byte of the source that comes next."""
        return self.stream.base + self._at

    def skip(self, length: int) -> int:
        """Go over bytes that are no pickle; return the byte at which they begin.

        Raises:
            PickleError: There are not so many.
        """
        position = self.position
        self._at = self.stream.skip(self._at, length)
        return position

    def bytes(self, length: int) -> bytes:
        """Return bytes that are no pickle; at most `LARGEST_KEPT`.

        Raises:
            PickleError: There are not so many.
        """
        data, self._at = self.stream.take(self._at, length)
        return data

    def run(self) -> Any:
        """Read one pickle, up to and with its last opcode, and return its object.

        Raises:
            PickleError: It is damaged, or does what no honest one does.
        """
        self.forget()
        return self._follow()

    def run_nested(self, at: int) -> tuple[Any, int]:
        """Read a pickle that is between the opcodes of this one, as joblib writes arrays of objects.

        Returns:
            Its object, and the place after it.

        Raises:
            PickleError: It is damaged.
        """
        kept = self.stack, self.marks, self.memo, self.sparse, self.protocol
        self._at, self.wraps_arrays = at, False  # Python's own loader reads it, not joblib's
        try:
            value = self.run()
        finally:
            self.stack, self.marks, self.memo, self.sparse, self.protocol = kept
            self.wraps_arrays = True
        return value, self._at

    def forget(self) -> None:
        """Drop all objects, and what the pickle said of itself."""
        self.protocol = 0
        self.stream.end_frame()
        self.stack, self.marks, self.memo, self.sparse = [], [], [], {}

    def _follow(self) -> Any:
        """Follow the opcodes from the present place to the last one of the pickle."""
        from netinspect.checkpoints.pickle.opcodes import COSTS, HANDLERS

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
                # These few are most of any checkpoint, and a call for each would double the time.
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
        """Note what is left on the stack below the object: loaders take the top, and drop the rest."""
        if not self.stack:
            raise PickleError("no object is left at its end")
        self.names.dropped += len(self.stack) - 1 + sum(map(len, self.marks))

    def _refuse_frame(self) -> None:
        """Refuse a pickle that ends before its frame: loaders go on behind the frame."""
        raise Misframed("its last opcode is before the end of its frame")

    def _check(self, spent: int) -> None:
        if spent > self.left:
            raise TooLarge(f"its objects take more than {MOST_MEMORY >> 20} MiB, the most there is")

    def recall(self, number: int) -> None:
        """Put on the stack what is remembered under a number."""
        if number < len(self.memo):
            value = self.memo[number]
        elif number in self.sparse:
            value = self.sparse[number]
        else:
            raise PickleError(f"nothing is remembered under {number}")
        if type(value) is Named:
            value.pushes += 1
        self.stack.append(value)

    def remember(self, number: int) -> None:
        """Remember the top of the stack under a number."""
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
        """Take what stands above the last mark."""
        taken = self.stack
        self.stack = self.marks.pop()
        self.left += MARK_COST
        return taken


def _cause(error: Exception) -> str:
    if isinstance(error, IndexError):
        return "it takes more than there is"
    return f"a text is not {error.encoding}" if isinstance(error, UnicodeDecodeError) else str(error)


def refuse(cause: str) -> NoReturn:
    """End the run."""
    raise PickleError(cause)


def refuse_unusual(cause: str) -> NoReturn:
    """End the run where Python's loader might go on."""
    raise Unusual(cause)
