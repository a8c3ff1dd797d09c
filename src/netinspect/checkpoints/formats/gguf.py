"""GGUF files: a header with typed values and descriptions of tensors, followed by the tensors.

The rules are those of ggml's own reader, with additional bounds on counts and sizes, but without its
limit on the length of names. Versions 2 and 3 are read, in both byte orders.
"""

from __future__ import annotations

import math
import struct
from typing import Any

from netinspect.checkpoints.formats.gguf_tensors import Description, broken, locate_tensors
from netinspect.checkpoints.io.buffered_source import BufferedSource
from netinspect.checkpoints.io.short_text import LONGEST_TEXT, decode_start
from netinspect.checkpoints.io.source import ByteSource
from netinspect.errors import CheckpointError
from netinspect.records.checkpoint import Checkpoint, Entry

_SCALARS = {
    0: ("uint8", "B", 1),
    1: ("int8", "b", 1),
    2: ("uint16", "H", 2),
    3: ("int16", "h", 2),
    4: ("uint32", "I", 4),
    5: ("int32", "i", 4),
    6: ("float32", "f", 4),
    7: ("bool", "B", 1),
    10: ("uint64", "Q", 8),
    11: ("int64", "q", 8),
    12: ("float64", "d", 8),
}
_STRING, _ARRAY = 8, 9

_LONGEST_NAME = 65_535
_LONGEST_ITEM = 60
_SHOWN_ITEMS = 4
_DEEPEST = 4
_MOST_STRINGS = 5_000_000
"""Limit for strings in arrays, which are read one by one; large vocabularies have a tenth of it."""

_MOST_ARRAYS = 200_000

_MOST_ENTRIES = 10_000
_MOST_TENSORS = 200_000
_MOST_LETTERS = 64 << 20
"""Limit for the bytes of all names together."""

_MOST_DIMENSIONS = 8
_LARGEST_ALIGNMENT = 1 << 20
_SMALLEST_ENTRY = 8 + 1 + 4 + 1
_SMALLEST_TENSOR = 8 + 4 + 4 + 8


def read_gguf(source: ByteSource) -> Checkpoint:
    """Read the header of a GGUF file.

    Raises:
        CheckpointError: The file violates a rule of the format.
        LoadError: The file cannot be read.
    """
    return _read_with_end(source)[0]


def examine_gguf(source: ByteSource) -> tuple[int, tuple[str, ...]]:
    """Return where the tensors end, and warnings about other bytes; see `Format.examine`."""
    found, header = _read_with_end(source)
    ends = [each.position + each.bytes for each in found.tensors if each.position is not None]
    return min(max(ends, default=header), source.size), found.warnings


def _read_with_end(source: ByteSource) -> tuple[Checkpoint, int]:
    reader = _Reader(source)
    tensor_count, entry_count = reader.start()
    metadata: list[Entry] = []
    values: dict[str, Any] = {}
    for _ in range(entry_count):
        name = reader.name("a key")
        if name in values:
            raise broken(source, f"the key {name!r:.100} occurs twice")
        kind, text, values[name] = reader.value(name)
        metadata.append(Entry(name=name, type=kind, text=text))
    alignment = _alignment(source, metadata, values)
    described = [reader.tensor() for _ in range(tensor_count)]
    start = reader.position + -reader.position % alignment
    tensors, warnings = locate_tensors(source, described, start, alignment, reader.byte_order)
    found = Checkpoint(
        target=source.name,
        format="GGUF",
        files=(source.stored_file(),),
        tensors=tensors,
        metadata=tuple(metadata),
        warnings=warnings,
    )
    return found, reader.position


class _Reader:
    """Sequential reader of a header."""

    def __init__(self, source: ByteSource) -> None:
        self._source = source
        self._ahead = BufferedSource(source)
        self._strings = _MOST_STRINGS
        self._arrays = _MOST_ARRAYS
        self._letters = _MOST_LETTERS
        self._order = "<"
        self.position = 0

    @property
    def byte_order(self) -> Any:
        return "little" if self._order == "<" else "big"

    def start(self) -> tuple[int, int]:
        """Check the version; return the number of tensors and of values."""
        self.position = 4  # after the magic
        version = self._number("I")
        if version & 0xFFFF == 0 and version:
            # The format does not record its byte order; its readers infer it from the version too.
            self._order = ">"
            version = version >> 24 | version >> 8 & 0xFF00
        if version == 1:
            raise CheckpointError(
                f"{self._source.name} is a GGUF file of version 1, which is not read",
                cause="ggml's own tools read 2 and 3 only",
                hint="convert the model again",
            )
        if version not in (2, 3):
            raise CheckpointError(
                f"{self._source.name} is a GGUF file of the unknown version {version:,}",
                cause="versions 2 and 3 are",
            )
        tensors, entries = self._number("Q"), self._number("Q")
        self._check_count(entries, _SMALLEST_ENTRY, "values", _MOST_ENTRIES)
        self._check_count(tensors, _SMALLEST_TENSOR, "tensors", _MOST_TENSORS)
        return tensors, entries

    def name(self, what: str) -> str:
        """Read a string that is a name."""
        raw = self._string(_LONGEST_NAME, what)
        self._letters -= len(raw)
        if self._letters < 0:
            raise broken(self._source, f"its names have more than {_MOST_LETTERS:,} bytes")
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError:
            raise broken(self._source, f"{what} at byte {self.position:,} is not UTF-8") from None

    def value(self, name: str) -> tuple[str, str, Any]:
        """Read a value of any type; return its type, its text, and the value, None for an array."""
        number = self._number("I")
        if number == _ARRAY:
            item, count = self._array_head(name)
            text = self._array(name, item, count, 1)
            return f"{self._type_name(item, name)}[{count}]", text, None
        if number == _STRING:
            value = self._long_string(LONGEST_TEXT)
            return "string", value, value
        scalar = self._scalar(number, name)
        return self._type_name(number, name), _text(number, scalar), scalar

    def tensor(self) -> Description:
        """Read the description of one tensor."""
        name = self.name("the name of a tensor")
        dimensions = self._number("I")
        if dimensions > _MOST_DIMENSIONS:
            raise broken(self._source, f"{name!r:.100} would have {dimensions:,} dimensions")
        *sizes, kind, offset = self._numbers(f"{dimensions}QIQ")
        return Description(name, tuple(reversed(sizes)), kind, offset)

    # --- fields ----------------------------------------------------------------------------------

    def _number(self, form: str) -> Any:
        return self._numbers(form)[0]

    def _numbers(self, form: str) -> tuple[Any, ...]:
        form = self._order + form
        size = struct.calcsize(form)
        at = self._load(size)
        self.position += size
        return struct.unpack_from(form, self._ahead.buffer, at)

    def _load(self, length: int) -> int:
        if length > self._source.size - self.position:
            raise broken(
                self._source,
                f"its header is truncated: expected {length:,} more bytes at offset {self.position:,}",
            )
        return self._ahead.load(self.position, length)

    def _string(self, longest: int, what: str) -> bytes:
        length = self._number("Q")
        if length > longest:
            raise broken(self._source, f"{what} at byte {self.position:,} would have {length:,} bytes")
        at = self._load(length)
        self.position += length
        return self._ahead.buffer[at : at + length]

    def _long_string(self, shown: int) -> str:
        """Read the start of a string and skip the rest."""
        length = self._number("Q")
        taken = min(length, shown)
        at = self._load(taken)
        raw = self._ahead.buffer[at : at + taken]
        self._skip(length)
        return decode_start(raw, length)

    def _skip(self, length: int) -> None:
        left = self._source.size - self.position
        if length > left:
            raise broken(
                self._source,
                f"expected {length:,} bytes at offset {self.position:,}, but only {left:,} follow",
            )
        self.position += length

    def _check_count(self, count: int, smallest: int, what: str, most: int) -> None:
        left = self._source.size - self.position
        if count * smallest > left:
            raise broken(self._source, f"it would have {count:,} {what}, and has {left:,} more bytes")
        if count > most:
            raise broken(self._source, f"it would have {count:,} {what}; {most:,} is the most")

    # --- values ----------------------------------------------------------------------------------

    def _type_name(self, number: int, name: str) -> str:
        if number in _SCALARS:
            return _SCALARS[number][0]
        if number in (_STRING, _ARRAY):
            return "string" if number == _STRING else "array"
        raise broken(self._source, f"the value of {name!r:.100} has a type of number {number:,}")

    def _scalar(self, number: int, name: str) -> Any:
        kind = self._type_name(number, name)
        value = self._number(_SCALARS[number][1])
        if kind == "bool":
            if value > 1:
                raise broken(self._source, f"{name!r:.100} is neither true nor false but {value}")
            return bool(value)
        return value

    def _array_head(self, name: str) -> tuple[int, int]:
        item, count = self._numbers("IQ")
        self._type_name(item, name)
        smallest = {_STRING: 8, _ARRAY: 12}.get(item) or _SCALARS[item][2]
        self._check_count(count, smallest, f"items of {name!r:.100}", count)
        return item, count

    def _array(self, name: str, item: int, count: int, depth: int) -> str:
        """Read the first items of an array and skip the others; return the text of the first."""
        shown: list[str] = []
        for _ in range(min(count, _SHOWN_ITEMS)):
            if item == _STRING:
                shown.append(_quoted(self._long_string(_LONGEST_ITEM)))
            elif item == _ARRAY:
                shown.append(self._inner(name, depth))
            else:
                shown.append(_text(item, self._scalar(item, name)))
        more = count - len(shown)
        if more:
            shown.append("...")
            if item == _STRING:
                self._skip_strings(more)
            elif item == _ARRAY:
                for _ in range(more):
                    self._inner(name, depth)
            else:
                self._skip(more * _SCALARS[item][2])
        return f"[{', '.join(shown)}]"

    def _inner(self, name: str, depth: int) -> str:
        if depth == _DEEPEST:
            raise broken(self._source, f"the arrays of {name!r:.100} are nested deeper than {_DEEPEST}")
        self._arrays -= 1
        if self._arrays < 0:
            raise broken(self._source, f"its values have more than {_MOST_ARRAYS:,} arrays in arrays")
        return self._array(name, *self._array_head(name), depth + 1)

    def _skip_strings(self, count: int) -> None:
        """Skip strings; the loop runs often, so it accesses the buffer directly."""
        self._strings -= count
        if self._strings < 0:
            raise broken(self._source, f"its values have more than {_MOST_STRINGS:,} strings in arrays")
        unpack = struct.Struct(f"{self._order}Q").unpack_from
        while count:
            at = self._load(8)
            buffer = self._ahead.buffer
            last = len(buffer) - 8
            start = at
            while count and at <= last:
                at += 8 + unpack(buffer, at)[0]
                count -= 1
            self._skip(at - start)


def _alignment(source: ByteSource, metadata: list[Entry], values: dict[str, Any]) -> int:
    entry = next((each for each in metadata if each.name == "general.alignment"), None)
    if entry is None:
        return 32
    alignment = values[entry.name]
    if entry.type != "uint32" or not 0 < alignment <= _LARGEST_ALIGNMENT or alignment & (alignment - 1):
        raise broken(
            source,
            f"its general.alignment {entry.text:.40} is not a power of two up to {_LARGEST_ALIGNMENT:,}",
        )
    return int(alignment)


def _text(number: int, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if _SCALARS[number][0] != "float32" or not math.isfinite(value):
        return str(value)
    # The shortest number that rounds to the four bytes.
    packed = struct.pack("<f", value)
    for digits in range(6, 9):
        text = f"{value:.{digits}g}"
        if _packed(float(text)) == packed:
            return text
    return f"{value:.9g}"


def _packed(value: float) -> bytes | None:
    try:
        return struct.pack("<f", value)
    except OverflowError:  # rounded up beyond the largest float32
        return None


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
