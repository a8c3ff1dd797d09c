"""Storages that are files in themselves, in the bytes of a pickle: of tensors pickled by `pickle`."""

from __future__ import annotations

from collections import Counter
from typing import Any

from netinspect.checkpoints.io.source import Source
from netinspect.checkpoints.io.sub_source import Loose
from netinspect.checkpoints.pickle.arrays import encoded
from netinspect.checkpoints.pickle.interpreter import NESTED, Machine, Names
from netinspect.checkpoints.pickle.legacy import place_storages, read_object
from netinspect.checkpoints.pickle.objects import Called, Named, Opaque, Placed
from netinspect.checkpoints.pickle.storages import Part, Storages
from netinspect.checkpoints.pickle.stream import SMALL_WINDOW, PickleError

_HEAD = 16 << 10
"""Bytes of a text that are looked at; what tells of the storage has some hundred."""


class NestedStorages(Storages):
    """Storages, those among them that are files of their own."""

    def __init__(self, source: Source, names: Names) -> None:
        """Read the head of each of them.

        Raises:
            PickleError: One is damaged.
        """
        super().__init__()
        self._parts: dict[int, Part] = {}
        self._left = source.size + _HEAD
        for called in tuple(names.nested):
            self._parts[id(called)] = self._read(called, source, names)
        for callee, calls in Counter(called.callee for called in names.nested).items():
            # Kept as a value, such as an attribute that is named like a method, it is called unseen.
            if type(callee) is Named and callee.pushes == calls:
                names.followed.add(callee)

    def part(self, value: Any) -> Part | None:
        """Return what a value of the pickle stands for, where that is a storage."""
        if type(value) is Called and value.path == NESTED:
            return self._parts.get(id(value))
        return super().part(value)

    def _read(self, called: Called, source: Source, names: Names) -> Part:
        data = called.arguments[0] if len(called.arguments) == 1 else None
        # The same bytes may be the argument of any number of calls.
        told = data.arguments[0] if isinstance(data, Called) and data.arguments else data
        self._left -= (
            told.size if isinstance(told, Opaque) else len(told) if isinstance(told, bytes | str) else 0
        )
        if self._left < 0:
            raise PickleError("its storages have more bytes than the file")
        if isinstance(data, Called):
            data = encoded(data, source, _HEAD)
        inner: Source
        if isinstance(data, Placed):
            inner, start, end = source, data.position, data.position + len(data)
        elif isinstance(data, Opaque):
            inner, start, end = source, data.position, data.position + data.size
        elif isinstance(data, bytes):
            inner, start, end = Loose(source, data), 0, None
        else:
            raise PickleError(f"{NESTED} is called with something else than bytes")
        machine = Machine(inner, names, start, SMALL_WINDOW)
        value = read_object(machine)
        stored = Storages()
        part = stored.part(value)
        if part is None:
            raise PickleError(f"{NESTED} would load something else than a storage")
        if end is not None:
            place_storages(machine, stored)
            if machine.position != end:
                raise PickleError(f"{NESTED} is called with bytes that do not end with the storage")
        storage = part.storage
        storage.key, storage.number = None, self.number()
        return part
