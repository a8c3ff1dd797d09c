"""Storages of the tensors in a pickle, by key."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from netinspect.checkpoints.formats.dtypes import BITS
from netinspect.checkpoints.pickle.format_object import format_object
from netinspect.checkpoints.pickle.objects import Called, Named, Persistent
from netinspect.checkpoints.pickle.stream import PickleError

LARGEST = 1 << 63

_STORAGES = {
    "DoubleStorage": "float64",
    "FloatStorage": "float32",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
    "ComplexDoubleStorage": "complex128",
    "ComplexFloatStorage": "complex64",
    "QInt8Storage": "qint8",
    "QUInt8Storage": "quint8",
    "QInt32Storage": "qint32",
    "QUInt4x2Storage": "quint4x2",
    "QUInt2x4Storage": "quint2x4",
}
_UNTYPED = ("UntypedStorage", "_UntypedStorage")


class Storage:
    """Contiguous memory that tensors share."""

    __slots__ = ("bytes", "dtype", "key", "member", "number", "position")

    def __init__(self, key: Any, dtype: str | None, size: int, number: int) -> None:
        self.key = key
        self.dtype = dtype
        """torch dtype of the elements; None for untyped bytes."""

        self.bytes = size
        self.number = number
        self.member = ""
        self.position: int | None = None
        """Position of the first byte in the file."""


class Part:
    """View of a storage that is used as a storage."""

    __slots__ = ("bytes", "dtype", "shift", "storage")

    def __init__(self, storage: Storage, dtype: str | None, shift: int, size: int) -> None:
        self.storage = storage
        self.dtype = dtype
        self.shift = shift
        """Offset of the view in the storage in bytes."""

        self.bytes = size


class Storages:
    """All storages of one file by key."""

    def __init__(self, place: Callable[[int], int | None] = lambda position: position) -> None:
        """Create an empty table.

        Args:
            place: Maps a position in the pickle to a position in the file.
        """
        self.known: dict[Any, Storage] = {}
        self.place = place
        self._next = 0
        self._of_several: dict[tuple[Any, ...], int] = {}

    def number(self) -> int:
        """Return an unused number for new memory."""
        self._next += 1
        return self._next - 1

    def number_of_several(self, memories: tuple[Any, ...]) -> int:
        """Return one number for several memories; the same memories get the same number."""
        if memories not in self._of_several:
            self._of_several[memories] = self.number()
        return self._of_several[memories]

    def new(self, key: Any, dtype: str | None, size: int) -> Storage:
        """Return the storage with a key, or create it.

        Raises:
            PickleError: The storage exists with another dtype or size.
        """
        found = self.known.get(key)
        if found is None:
            found = self.known[key] = Storage(key, dtype, size, self.number())
        elif (found.dtype, found.bytes) != (dtype, size):
            raise PickleError(f"the storage {format_object(key)} has two types or sizes")
        return found

    def register(self, outside: Iterable[Persistent]) -> None:
        """Add all storages that a pickle refers to, including those without tensors.

        Raises:
            PickleError: A reference is malformed.
        """
        for each in outside:
            self._persistent(each.key)

    def part(self, value: Any) -> Part | None:
        """Return the storage that a value represents, or None for any other value."""
        if type(value) is Persistent:
            return self._persistent(value.key)
        if type(value) is Called and value.path in (
            "torch.storage.TypedStorage",
            "torch.storage._TypedStorage",
        ):
            return self._typed(value)
        return None

    def _persistent(self, key: Any) -> Part | None:
        """Parse `("storage", type, key, device, elements)`, followed in old files by a view."""
        if type(key) is not tuple or len(key) not in (5, 6) or key[0] != "storage":
            return None
        _, kind, name, _, count, *rest = key
        dtype, itemsize = storage_type(kind)
        size = whole_number(count, "the size of a storage") * itemsize
        if type(name) not in (str, int, bytes):
            raise PickleError(f"a storage is called {format_object(name)}")
        storage = self.new(str(name) if type(name) is int else name, dtype, size)
        view = rest[0] if rest else None
        if view is None:
            return Part(storage, dtype, 0, size)
        if type(view) is not tuple or len(view) != 3:
            raise PickleError(f"a view of a storage is {format_object(view)}")
        shift = whole_number(view[1], "the start of a view") * itemsize
        length = whole_number(view[2], "the size of a view") * itemsize
        if shift + length > size:
            raise PickleError(
                f"a view reaches beyond the {size:,} bytes of its storage {format_object(name)}"
            )
        return Part(storage, dtype, shift, length)

    def _typed(self, value: Called) -> Part | None:
        """Unwrap a typed storage."""
        keywords = value.keywords if type(value.keywords) is dict else {}
        state = value.state if type(value.state) is dict else {}
        inner = keywords.get("wrap_storage", state.get("_untyped_storage"))
        dtype = dtype_name(keywords.get("dtype", state.get("dtype")))
        part = self.part(inner) if type(inner) is Persistent else None
        if part is not None and dtype is not None:
            part.dtype = dtype
        return part


def storage_type(kind: Any) -> tuple[str | None, int]:
    """Return the element dtype of a storage class, and the size of an element in bytes."""
    if type(kind) is Named:
        name = kind.name.rpartition(".")[2]
        if name in _UNTYPED:
            return None, 1
        if name in _STORAGES:
            dtype = _STORAGES[name]
            return dtype, max(1, BITS[dtype] // 8)
    raise PickleError(f"a storage is of the unknown type {format_object(kind)}")


def dtype_name(value: Any) -> str | None:
    """Return the name of a torch dtype, or None for any other value."""
    if type(value) is Named and value.module == "torch" and value.name in BITS:
        return value.name
    return None


def whole_number(value: Any, what: str) -> int:
    """Return a valid size or offset.

    Raises:
        PickleError: The value is negative, too large or not an integer.
    """
    if type(value) is not int or not 0 <= value < LARGEST:
        raise PickleError(f"{what} is {format_object(value)}")
    return value
