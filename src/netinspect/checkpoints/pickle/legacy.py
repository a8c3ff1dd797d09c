"""Format of torch before 1.6: three pickles, the object, a list of storages, their bytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from netinspect.checkpoints.formats.dtypes import BITS
from netinspect.checkpoints.pickle.format_object import format_object
from netinspect.checkpoints.pickle.interpreter import Interpreter
from netinspect.checkpoints.pickle.storages import Storage, Storages
from netinspect.checkpoints.pickle.stream import PickleError

_MAGIC = 0x1950A86A20F9469CFC6C
_VERSION = 1001


def read_object(interpreter: Interpreter) -> Any:
    """Read the three header pickles and return the object after them.

    Raises:
        PickleError: The header is not that of the format.
    """
    if interpreter.run() != _MAGIC:
        raise PickleError("it does not begin with the number of torch's legacy format")
    version = interpreter.run()
    if version != _VERSION:
        raise PickleError(f"it is of version {format_object(version)}, and only {_VERSION} is known")
    interpreter.run()  # sizes of C types on the machine that wrote the file
    return interpreter.run()


def place_storages(
    interpreter: Interpreter,
    storages: Storages,
    place: Callable[[int], int | None] = lambda inner: inner,
) -> None:
    """Read the list of storages after the object and locate the bytes of each.

    Raises:
        PickleError: A storage is missing, cut short, or does not have the size in the object.
    """
    keys = interpreter.run()
    if type(keys) is not list:
        raise PickleError("the list of storages after the object is missing")
    missing = dict(storages.known)
    for key in keys:
        storage = missing.pop(key, None) if type(key) in (str, bytes) else None
        if storage is None:
            raise PickleError(
                f"the storage {format_object(key)} is not in the object, or is listed twice"
            )
        storage.position = place(skip_elements(interpreter, storage))
    if missing:
        raise PickleError(f"the storage {format_object(next(iter(missing)))} is missing")


def skip_elements(interpreter: Interpreter, storage: Storage) -> int:
    """Skip a count of elements and the elements; return the position of the first element.

    Raises:
        PickleError: The count differs from that of the storage, or the elements are cut short.
    """
    itemsize = max(1, BITS[storage.dtype] // 8) if storage.dtype is not None else 1
    count = int.from_bytes(interpreter.bytes(8), "little", signed=True)
    if count * itemsize != storage.bytes:
        raise PickleError(
            f"the storage {format_object(storage.key)} has {count * itemsize:,} bytes, "
            f"expected {storage.bytes:,}"
        )
    return interpreter.skip(storage.bytes)
