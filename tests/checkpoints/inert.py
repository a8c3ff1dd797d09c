"""Conversion of inert objects to the Python objects with their names."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from netinspect.checkpoints.io.source import ByteSource
from netinspect.checkpoints.io.sub_source import MemorySource
from netinspect.checkpoints.pickle.interpreter import Interpreter
from netinspect.checkpoints.pickle.names import Names
from netinspect.checkpoints.pickle.objects import Called, DeferredBytes, Key, Members, Named


class Bytes(ByteSource):
    """Byte source in memory."""

    name = path = "made"

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.size = len(data)

    def _read(self, position: int, length: int) -> bytes:
        return self.data[position : position + length]

    def stored_file(self) -> Any:
        raise NotImplementedError


def source(data: bytes) -> ByteSource:
    return MemorySource(Bytes(data), data)


def run(data: bytes, names: Names | None = None) -> Any:
    """Return what the machine makes of a pickle."""
    return Interpreter(source(data), names or Names()).run()


def revive(value: Any) -> Any:
    """Return the Python object for an inert one; integers and texts must not be huge."""
    if isinstance(value, DeferredBytes):
        return bytearray(value) if value.mutable else bytes(value)
    if type(value) in (tuple, list):
        return type(value)(map(revive, value))
    if isinstance(value, dict):
        return {_key(key): revive(each) for key, each in value.items()}
    if isinstance(value, Members):
        return {"set": set, "frozenset": frozenset}[value.kind](map(revive, value.values))
    if isinstance(value, Called):
        return _call(value)
    return value


def _key(key: Any) -> Any:
    return revive(key.value if isinstance(key, Key) else key)


def _call(value: Called) -> Any:
    assert isinstance(value.callee, Named)
    arguments = [revive(each) for each in value.arguments]
    path = value.callee.path
    if path == "collections.OrderedDict":
        return OrderedDict((_key(key), revive(each)) for key, each in (value.entries or {}).items())
    if path == "_codecs.encode":
        return arguments[0].encode(arguments[1])
    return {
        "builtins.set": set,
        "builtins.frozenset": frozenset,
        "builtins.bytearray": bytearray,
        "builtins.bytes": bytes,
        "builtins.complex": complex,
    }[path](*arguments)
