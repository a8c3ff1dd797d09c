"""The memory that tensors of a pickle lie in, by what the pickle calls it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from netinspect.checkpoints.formats.dtypes import BITS
from netinspect.checkpoints.pickle.format_object import spell
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
    """One piece of memory."""

    __slots__ = ("bytes", "dtype", "key", "member", "number", "position")

    def __init__(self, key: Any, dtype: str | None, size: int, number: int) -> None:
        self.key = key
        self.dtype = dtype
        """torch's name of its elements; None where it is of bytes only."""

        self.bytes = size
        self.number = number
        self.member = ""
        self.position: int | None = None
        """Byte of the file at which it begins."""


class Part:
    """A stretch of a storage that stands for a storage of its own."""

    __slots__ = ("bytes", "dtype", "shift", "storage")

    def __init__(self, storage: Storage, dtype: str | None, shift: int, size: int) -> None:
        self.storage = storage
        self.dtype = dtype
        self.shift = shift
        """Bytes of the storage before it."""

        self.bytes = size


class Storages:
    """All storages of one file, each under its key."""

    def __init__(self, place: Callable[[int], int | None] = lambda position: position) -> None:
        """Begin with none.

        Args:
            place: The byte of the file at which a byte of the pickle stands.
        """
        self.known: dict[Any, Storage] = {}
        self.place = place
        self._next = 0
        self._of_several: dict[tuple[Any, ...], int] = {}

    def number(self) -> int:
        """Return a number for memory that nothing else is in."""
        self._next += 1
        return self._next - 1

    def number_of_several(self, memories: tuple[Any, ...]) -> int:
        """Return the number for memories together: the same one for the same memories."""
        if memories not in self._of_several:
            self._of_several[memories] = self.number()
        return self._of_several[memories]

    def new(self, key: Any, dtype: str | None, size: int) -> Storage:
        """Return the storage under a key; two mentions of one must agree.

        Raises:
            PickleError: They do not.
        """
        found = self.known.get(key)
        if found is None:
            found = self.known[key] = Storage(key, dtype, size, self.number())
        elif (found.dtype, found.bytes) != (dtype, size):
            raise PickleError(f"the storage {spell(key)} has two types or sizes")
        return found

    def register(self, outside: Iterable[Persistent]) -> None:
        """Note all storages of a pickle, those too that no tensor lies in.

        Raises:
            PickleError: One is not as torch tells it.
        """
        for each in outside:
            self._persistent(each.key)

    def part(self, value: Any) -> Part | None:
        """Return what a value of the pickle stands for, where that is a storage."""
        if type(value) is Persistent:
            return self._persistent(value.key)
        if type(value) is Called and value.path in (
            "torch.storage.TypedStorage",
            "torch.storage._TypedStorage",
        ):
            return self._typed(value)
        return None

    def _persistent(self, key: Any) -> Part | None:
        """`("storage", type, key, device, elements)`; the legacy format has a view or None behind it."""
        if type(key) is not tuple or len(key) not in (5, 6) or key[0] != "storage":
            return None
        _, kind, name, _, count, *rest = key
        dtype, itemsize = storage_type(kind)
        size = whole_number(count, "the size of a storage") * itemsize
        if type(name) not in (str, int, bytes):
            raise PickleError(f"a storage is called {spell(name)}")
        storage = self.new(str(name) if type(name) is int else name, dtype, size)
        view = rest[0] if rest else None
        if view is None:
            return Part(storage, dtype, 0, size)
        if type(view) is not tuple or len(view) != 3:
            raise PickleError(f"a view of a storage is {spell(view)}")
        shift = whole_number(view[1], "the start of a view") * itemsize
        length = whole_number(view[2], "the size of a view") * itemsize
        if shift + length > size:
            raise PickleError(f"a view reaches beyond the {size:,} bytes of its storage {spell(name)}")
        return Part(storage, dtype, shift, length)

    def _typed(self, value: Called) -> Part | None:
        """A typed storage around another."""
        keywords = value.keywords if type(value.keywords) is dict else {}
        state = value.state if type(value.state) is dict else {}
        inner = keywords.get("wrap_storage", state.get("_untyped_storage"))
        dtype = dtype_name(keywords.get("dtype", state.get("dtype")))
        part = self.part(inner) if type(inner) is Persistent else None
        if part is not None and dtype is not None:
            part.dtype = dtype
        return part


def storage_type(kind: Any) -> tuple[str | None, int]:
    """Return the type of the elements of a class of storages, and the bytes of one."""
    if type(kind) is Named:
        name = kind.name.rpartition(".")[2]
        if name in _UNTYPED:
            return None, 1
        if name in _STORAGES:
            dtype = _STORAGES[name]
            return dtype, max(1, BITS[dtype] // 8)
    raise PickleError(f"a storage is of the unknown type {spell(kind)}")


def dtype_name(value: Any) -> str | None:
    """Return torch's name of a dtype; None where the value is none."""
    if type(value) is Named and value.module == "torch" and value.name in BITS:
        return value.name
    return None


def whole_number(value: Any, what: str) -> int:
    """Return a size or a place, which no honest file has negative or astronomical.

    Raises:
        PickleError: It is.
    """
    if type(value) is not int or not 0 <= value < LARGEST:
        raise PickleError(f"{what} is {spell(value)}")
    return value
