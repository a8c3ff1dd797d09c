"""Tensors of ONNX models: their descriptions and the positions of their elements."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field

from netinspect.checkpoints.formats.dtypes import BITS
from netinspect.checkpoints.io.protobuf import (
    BYTES,
    EIGHT_BYTES,
    FOUR_BYTES,
    NUMBER,
    Wire,
    WireError,
    signed,
)
from netinspect.checkpoints.io.short_text import LONGEST_TEXT, some
from netinspect.checkpoints.io.sibling_path import resolve_sibling
from netinspect.checkpoints.io.source import ByteSource, LocalSource
from netinspect.errors import LoadError
from netinspect.records.checkpoint import StoredFile, StoredTensor

DTYPES = {
    0: "UNDEFINED",
    1: "float32",
    2: "uint8",
    3: "int8",
    4: "uint16",
    5: "int16",
    6: "int32",
    7: "int64",
    8: "STRING",
    9: "bool",
    10: "float16",
    11: "float64",
    12: "uint32",
    13: "uint64",
    14: "complex64",
    15: "complex128",
    16: "bfloat16",
    17: "float8_e4m3fn",
    18: "float8_e4m3fnuz",
    19: "float8_e5m2",
    20: "float8_e5m2fnuz",
    21: "UINT4",
    22: "INT4",
    23: "FLOAT4E2M1",
    24: "float8_e8m0fnu",
    25: "UINT2",
    26: "INT2",
    27: "FLOAT6E2M3",
    28: "FLOAT6E3M2",
}
"""torch's name for each `TensorProto.DataType`, or ONNX's where torch has none."""

_BITS = {**BITS, "UINT4": 4, "INT4": 4, "FLOAT4E2M1": 4, "UINT2": 2, "INT2": 2} | dict.fromkeys(
    ("FLOAT6E2M3", "FLOAT6E3M2"), 6
)

# Fields of `TensorProto`.
_DIMS, _DATA_TYPE, _NAME, _EXTERNAL_DATA, _LOCATION = 1, 2, 8, 13, 14
_RAW, FLOATS, _INT32S, STRINGS, INT64S, _DOUBLES, _UINT64S = 9, 4, 5, 6, 7, 10, 11
_UNPACKED = {
    _RAW: BYTES,
    STRINGS: BYTES,
    FLOATS: FOUR_BYTES,
    _DOUBLES: EIGHT_BYTES,
    _INT32S: NUMBER,
    INT64S: NUMBER,
    _UINT64S: NUMBER,
}
"""Kinds of the fields with elements if the elements are not packed."""

_FIELD_OF = {
    "float32": FLOATS,
    "complex64": FLOATS,
    "float64": _DOUBLES,
    "complex128": _DOUBLES,
    "int64": INT64S,
    "uint32": _UINT64S,
    "uint64": _UINT64S,
    "STRING": STRINGS,
}
"""Field of elements that are not raw, by dtype; `int32_data` for all others."""

_INT32 = 0xFFFF_FFFF
MOST_DIMENSIONS = 64
_LARGEST_SIZE = 2**63
LONGEST_NAME = 65_535
_LONGEST_SHOWN = 200
_MOST_TENSORS = 120_000
_MOST_LETTERS = 64 << 20
"""Limit for the letters of all names, which repeat the names of the graphs around them."""

_MOST_LOCATIONS = 10_000
_MOST_PROBLEMS = 20
_DIGITS = 19


@dataclass(slots=True)
class Described:
    """One `TensorProto`."""

    name: str = ""
    dtype: str = "UNDEFINED"
    shape: tuple[int, ...] = ()
    external: dict[str, str] | None = None
    """Description of the file with its elements; None if the message contains them."""

    data: dict[int, tuple[int, int, int]] = field(default_factory=dict)
    """For each field with elements: total bytes, pieces, start of the first piece."""

    @property
    def elements(self) -> int:
        """Expected number of elements."""
        return math.prod(self.shape)

    @property
    def bytes(self) -> int:
        """Expected bytes of the elements; the actual ones for strings and unknown types."""
        if self.dtype not in _BITS:
            return self.data.get(STRINGS if self.dtype == "STRING" else _RAW, (0, 0, 0))[0]
        return (self.elements * _BITS[self.dtype] + 7) // 8

    def position(self) -> tuple[int | None, str]:
        """Return the position of contiguous elements, or None; and a problem, or an empty text."""
        own = _FIELD_OF.get(self.dtype, _INT32S)
        number = _RAW if _RAW in self.data and own != STRINGS else own
        held, pieces, first = self.data.get(number, (0, 0, 0))
        if number in (_RAW, FLOATS, _DOUBLES):
            if held != self.bytes:
                return None, f"should have {self.bytes:,} bytes and has {held:,}"
            return (first if pieces == 1 else None), ""
        if number == STRINGS:
            wrong = f"should have {self.elements:,} strings and has {pieces:,}"
            return None, wrong if pieces != self.elements else ""
        if self.dtype not in _BITS:
            return None, f"has elements of the type {self.dtype}, which is unknown, and no raw bytes"
        # A number takes one to ten bytes; several elements of less than six bits share a number.
        bits = _BITS[self.dtype]
        numbers = self.elements if bits >= 6 else self.bytes
        if not numbers <= held <= 10 * numbers:
            return None, f"should have {numbers:,} numbers, which do not fit {held:,} bytes"
        return None, ""


def dtype_of(number: int) -> str:
    """Return the name of a type number, of which protobuf uses 32 bits."""
    number = (number & _INT32 ^ 1 << 31) - (1 << 31)
    return DTYPES.get(number, f"ONNX type {number}")


def read_described(wire: Wire, begin: int, end: int) -> Described:
    """Read a `TensorProto` without its data.

    Raises:
        WireError: The bytes are not one.
        LoadError: The file cannot be read.
    """
    found = Described()
    sizes: list[int] = []
    external: dict[str, str] = {}
    is_external = False
    for number, kind, first, last in wire.fields(begin, end):
        if number == _DIMS and kind in (NUMBER, BYTES):
            more = [first] if kind == NUMBER else wire.packed_numbers(first, last, MOST_DIMENSIONS)
            sizes += [signed(each) for each in more]
            if len(sizes) > MOST_DIMENSIONS:
                raise WireError(f"the tensor at byte {begin:,} has more than {MOST_DIMENSIONS} sizes")
        elif number == _DATA_TYPE and kind == NUMBER:
            found.dtype = dtype_of(first)
        elif number == _NAME and kind == BYTES:
            found.name = wire.text(first, last, LONGEST_NAME)
        elif number == _LOCATION and kind == NUMBER:
            is_external = first & _INT32 == 1
        elif number == _EXTERNAL_DATA and kind == BYTES:
            key, value = read_pair(wire, first, last)
            external[key] = value
        elif number in _UNPACKED and kind in (BYTES, _UNPACKED[number]):
            length = (
                1 if kind == NUMBER else last - first
            )  # a lower bound: the start of a number is not known
            held, pieces, start = found.data.get(number, (0, 0, first))
            if number == _RAW:  # the last one counts
                held, pieces, start = 0, 0, first
            found.data[number] = (held + length, pieces + 1, start)
    if any(size < 0 for size in sizes) or math.prod(sizes) >= _LARGEST_SIZE:
        raise WireError(f"the tensor {found.name!r:.100} would have the sizes {tuple(sizes)!s:.200}")
    found.shape = tuple(sizes)
    found.external = external if is_external else None
    return found


def read_pair(wire: Wire, begin: int, end: int, longest: int = LONGEST_TEXT) -> tuple[str, str]:
    """Read a `StringStringEntryProto`, whose texts are shortened to `longest` bytes."""
    texts = {1: "", 2: ""}
    for number, kind, first, last in wire.fields(begin, end):
        if number in texts and kind == BYTES:
            texts[number] = wire.text(first, last, longest)
    return texts[1], texts[2]


class Tensors:
    """Collector of the tensors of one model."""

    def __init__(self, source: ByteSource) -> None:
        self._source = source
        self.files: list[StoredFile] = [source.stored_file()]
        self.stored: list[StoredTensor] = []
        self._names: set[str] = set()
        self._locations: dict[str, tuple[int | None, str]] = {}
        self._lost: dict[str, list[str]] = {}
        self._wrong: list[str] = []
        self._more_wrong = 0
        self._letters = 0

    @property
    def problems(self) -> tuple[str, ...]:
        """Descriptions of missing or damaged data."""
        lost = [
            f"the external data {location!r:.200} {self._locations[location][1]}; "
            f"it should hold {some(names)}"
            for location, names in self._lost.items()
        ]
        found = [*lost, *self._wrong]
        more = len(found) - _MOST_PROBLEMS + self._more_wrong
        return (*found[:_MOST_PROBLEMS], *([f"and {more:,} problems more"] if more > 0 else []))

    def _note(self, name: str, wrong: str) -> None:
        if len(self._wrong) < _MOST_PROBLEMS:
            self._wrong.append(f"{name:.{_LONGEST_SHOWN}} {wrong}")
        else:
            self._more_wrong += 1

    def add(self, section: str, found: Described) -> None:
        """Add a tensor whose elements are in the message or in another file."""
        name = self._name(section, found.name)
        file: int | None = 0
        if found.external is not None:
            file, position = self._outside(name, found)
        else:
            position, wrong = found.position()
            if wrong:
                file = None
                self._note(name, wrong)
        self._add(section, name, found.dtype, found.shape, found.bytes, file, position)

    def add_sparse(
        self, section: str, shape: tuple[int, ...], values: Described, indices: Described
    ) -> None:
        """Add a tensor that is stored as its nonzero values and their indices."""
        self._add(
            section,
            self._name(section, values.name),
            values.dtype,
            shape,
            values.bytes + indices.bytes,
            0,
            None,
            layout="sparse_coo",
        )

    def _add(
        self,
        section: str,
        name: str,
        dtype: str,
        shape: tuple[int, ...],
        size: int,
        file: int | None,
        position: int | None,
        layout: str = "strided",
    ) -> None:
        self.stored.append(
            StoredTensor(
                name=name,
                section=section,
                dtype=dtype,
                shape=shape,
                bytes=size,
                storage=len(self.stored),
                file=file,
                position=position,
                layout=layout,
            )
        )

    def _name(self, section: str, own: str) -> str:
        """Return the full name of a tensor, and check the number and length of names."""
        if len(self.stored) == _MOST_TENSORS:
            raise WireError(f"it has more than {_MOST_TENSORS:,} tensors")
        name = f"{section}.{own}" if section else own
        self._letters += len(name)
        if self._letters > _MOST_LETTERS:
            raise WireError(f"the names of its tensors have more than {_MOST_LETTERS:,} letters")
        if name in self._names:
            self._note(name, "occurs twice")
        self._names.add(name)
        return name

    def _outside(self, name: str, found: Described) -> tuple[int | None, int | None]:
        """Return the index of the file with the elements, and their position; the file is not read."""
        assert found.external is not None
        location = found.external.get("location", "")
        if location not in self._locations:
            if len(self._locations) == _MOST_LOCATIONS:
                raise WireError(f"its tensors are in more than {_MOST_LOCATIONS:,} other files")
            self._locations[location] = self._find(location)
        index, _ = self._locations[location]
        if index is None:
            self._lost.setdefault(location, []).append(name[:_LONGEST_SHOWN])
            return None, None
        offset = _number(found.external.get("offset", "0"))
        left = self.files[index].bytes - (offset or 0)
        length = _number(found.external.get("length", str(max(0, left))))
        if offset is None or length is None or length > left:
            self._note(name, f"extends beyond the end of {location!r:.200}")
        elif length != found.bytes:
            self._note(
                name, f"should have {found.bytes:,} bytes and has {length:,} in {location!r:.200}"
            )
        else:
            return index, offset
        return None, None

    def _find(self, location: str) -> tuple[int | None, str]:
        """Return the index of an external file, or the reason that it is not used."""
        if self._source.remote:
            return None, "was not searched for"
        path = resolve_sibling(os.path.dirname(self._source.path), location)
        if path is None:
            return None, "is not in the folder of the model: nothing was read from there"
        try:
            with LocalSource(path, location) as source:
                self.files.append(source.stored_file())
        except LoadError as error:
            return None, f"cannot be read ({error.cause or error.message})"
        return len(self.files) - 1, ""


def _number(text: str) -> int | None:
    is_number = text.isascii() and text.isdigit() and len(text) <= _DIGITS
    return int(text) if is_number else None
