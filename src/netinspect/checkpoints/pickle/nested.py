"""Storages pickled as bytes that are torch files themselves, as `pickle.dump` writes tensors."""

from __future__ import annotations

from collections import Counter
from typing import Any

from netinspect.checkpoints.io.source import ByteSource
from netinspect.checkpoints.io.sub_source import MemorySource
from netinspect.checkpoints.pickle.arrays import encoded
from netinspect.checkpoints.pickle.interpreter import Interpreter
from netinspect.checkpoints.pickle.legacy import place_storages, read_object
from netinspect.checkpoints.pickle.names import NESTED, Names
from netinspect.checkpoints.pickle.objects import Called, DeferredBytes, Named, SkippedValue
from netinspect.checkpoints.pickle.storages import Part, Storages
from netinspect.checkpoints.pickle.stream import SMALL_WINDOW, PickleError

_HEAD = 16 << 10
"""Maximum bytes of a text to read; the description of a storage takes some hundred."""


class NestedStorages(Storages):
    """Storages of a file, including those pickled as bytes."""

    def __init__(self, source: ByteSource, names: Names) -> None:
        """Read the header of each nested storage.

        Raises:
            PickleError: A nested storage is damaged.
        """
        super().__init__()
        self._parts: dict[int, Part] = {}
        self._left = source.size + _HEAD
        for called in tuple(names.nested):
            self._parts[id(called)] = self._read(called, source, names)
        for callee, calls in Counter(called.callee for called in names.nested).items():
            # The value may be called implicitly, for example as an attribute named like a method.
            if type(callee) is Named and callee.pushes == calls:
                names.followed.add(callee)

    def part(self, value: Any) -> Part | None:
        """Return the storage that a value represents, or None for any other value."""
        if type(value) is Called and value.path == NESTED:
            return self._parts.get(id(value))
        return super().part(value)

    def _read(self, called: Called, source: ByteSource, names: Names) -> Part:
        data = called.arguments[0] if len(called.arguments) == 1 else None
        # Any number of calls may share the same bytes as their argument.
        content = data.arguments[0] if isinstance(data, Called) and data.arguments else data
        self._left -= (
            content.size
            if isinstance(content, SkippedValue)
            else len(content)
            if isinstance(content, bytes | str)
            else 0
        )
        if self._left < 0:
            raise PickleError("its storages have more bytes than the file")
        if isinstance(data, Called):
            data = encoded(data, source, _HEAD)
        inner: ByteSource
        if isinstance(data, DeferredBytes):
            inner, start, end = source, data.position, data.position + len(data)
        elif isinstance(data, SkippedValue):
            inner, start, end = source, data.position, data.position + data.size
        elif isinstance(data, bytes):
            inner, start, end = MemorySource(source, data), 0, None
        else:
            raise PickleError(f"{NESTED} is called with an argument other than bytes")
        interpreter = Interpreter(inner, names, start, SMALL_WINDOW)
        value = read_object(interpreter)
        stored = Storages()
        part = stored.part(value)
        if part is None:
            raise PickleError(f"{NESTED} would load an object other than a storage")
        if end is not None:
            place_storages(interpreter, stored)
            if interpreter.position != end:
                raise PickleError(f"{NESTED} is called with bytes that do not end with the storage")
        storage = part.storage
        storage.key, storage.number = None, self.number()
        return part
