"""The order of torch's files before 1.6: three pickles, the object, a list of storages, their bytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from netinspect.checkpoints.formats.dtypes import BITS
from netinspect.checkpoints.pickle.format_object import spell
from netinspect.checkpoints.pickle.interpreter import Machine
from netinspect.checkpoints.pickle.storages import Storage, Storages
from netinspect.checkpoints.pickle.stream import PickleError

_MAGIC = 0x1950A86A20F9469CFC6C
_VERSION = 1001


def read_object(machine: Machine) -> Any:
    """Read the three pickles of the head, and return the object behind them.

    Raises:
        PickleError: They are not those of the format.
    """
    if machine.run() != _MAGIC:
        raise PickleError("it does not begin with the number of torch's legacy format")
    version = machine.run()
    if version != _VERSION:
        raise PickleError(f"it is of version {spell(version)}, and only {_VERSION} is known")
    machine.run()  # what the sizes of numbers were on the machine that wrote it
    return machine.run()


def place_storages(
    machine: Machine, storages: Storages, place: Callable[[int], int | None] = lambda inner: inner
) -> None:
    """Read the list of storages behind the object, and find the bytes of each.

    Raises:
        PickleError: One is missing, cut short, or not as large as the object says.
    """
    keys = machine.run()
    if type(keys) is not list:
        raise PickleError("there is no list of storages behind the object")
    missing = dict(storages.known)
    for key in keys:
        storage = missing.pop(key, None) if type(key) in (str, bytes) else None
        if storage is None:
            raise PickleError(f"the object speaks of no storage {spell(key)}, or it stands there twice")
        storage.position = place(skip_elements(machine, storage))
    if missing:
        raise PickleError(f"the storage {spell(next(iter(missing)))} is missing")


def skip_elements(machine: Machine, storage: Storage) -> int:
    """Go over a count of elements and the elements; return where these begin.

    Raises:
        PickleError: They are not as many as the storage has, or not all there.
    """
    itemsize = max(1, BITS[storage.dtype] // 8) if storage.dtype is not None else 1
    count = int.from_bytes(machine.bytes(8), "little", signed=True)
    if count * itemsize != storage.bytes:
        raise PickleError(
            f"the storage {spell(storage.key)} should have {storage.bytes:,} bytes, and has "
            f"{count * itemsize:,}"
        )
    return machine.skip(storage.bytes)
