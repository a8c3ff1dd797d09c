"""Header of a safetensors file, read entry by entry.

A header may have 100 MB. Python's `json` would create gigabytes of objects before one could be checked,
so that a small file could exhaust memory. Here each entry is checked before the next is read, and only
descriptions of tensors and the metadata are stored.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NoReturn

from netinspect.checkpoints.io.short_text import short
from netinspect.checkpoints.io.source import ByteSource
from netinspect.errors import CheckpointError

LARGEST_HEADER = 100_000_000
"""Limit in bytes, the same as in the library."""

MOST_TENSORS = 250_000
"""Limit for one file; the largest models have about a hundred thousand, in many files."""

METADATA = "__metadata__"

_MOST_METADATA = 100_000
_LONGEST_DESCRIPTION = 4096
_PIECE = 1 << 20
_LONGEST_ENTRY = 8 << 20

_GAP = rb"[ \t\n\r]*+"
_INSIDE = rb'[^"\\\x00-\x1f]*+(?:\\.[^"\\\x00-\x1f]*+)*+'
_STRING = rb'"(' + _INSIDE + rb')"'
_NAMED = _GAP + _STRING + _GAP + rb":" + _GAP
_END = _GAP + rb"([,}])"
# Each pattern ends in a delimiter: more text after it cannot change the match.
_OPEN = re.compile(rb"\{" + _GAP + rb'(?=["}])')
_ENTRY = re.compile(_NAMED + rb"(\{[^{}]*+\})" + _END)
_STRINGS = re.compile(_NAMED + rb'(\{(?:[ \t\n\r:,]|"' + _INSIDE + rb'")*+\})' + _END)
"""Entry with string values only, which may contain braces."""

_PAIR = re.compile(_NAMED + _STRING + _END)
_NAME = re.compile(_NAMED)


class Header:
    """Header of a file, read once from start to end."""

    def __init__(self, source: ByteSource) -> None:
        """Read the length of the header; `tensors` reads the rest.

        Raises:
            CheckpointError: The header is missing or too long.
            LoadError: The file cannot be read.
        """
        self._source = source
        if source.size < 8:
            self._refuse(f"it has {source.size} bytes, too few for a header")
        length = int.from_bytes(source.read(0, 8), "little")
        if length > LARGEST_HEADER:
            self._refuse(f"its header would have {length:,} bytes; {LARGEST_HEADER:,} is the most")
        if 8 + length > source.size:
            self._refuse(f"expected a header of {length:,} bytes, but only {source.size - 8:,} follow")
        self.end = 8 + length
        """Offset of the data."""

        self.metadata: dict[str, str] = {}
        """Entries of `__metadata__`; complete when `tensors` is exhausted."""

        self._text = b""
        self._at = 0
        self._next = 8

    def tensors(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Iterate over the names and unchecked descriptions of the tensors.

        Raises:
            CheckpointError: The header is not JSON of the expected structure, has duplicate names, or
                more than `MOST_TENSORS` tensors.
            LoadError: The file cannot be read.
        """
        if self._match(_OPEN) is None:
            self._refuse("its header is not a JSON object")
        more = self._text[self._at : self._at + 1] != b"}"
        self._at += not more
        names: set[str] = set()
        while more:
            entry = self._match(_ENTRY) or self._match(_STRINGS)
            if entry is None:
                self._refuse_next()
            name = self._string(entry[1])
            if name in names:
                self._refuse(f"{short(name)!r} occurs twice in its header")
            names.add(name)
            if name == METADATA:
                self._read_metadata(entry[2])
            else:
                if len(names) > MOST_TENSORS:
                    self._refuse(f"it has more than {MOST_TENSORS:,} tensors")
                yield name, self._description(name, entry[2])
            more = entry[3] == b","
        self._check_rest()

    def _match(self, pattern: re.Pattern[bytes]) -> re.Match[bytes] | None:
        """Match a pattern at the current position, reading more text as needed."""
        while True:
            found = pattern.match(self._text, self._at)
            left = len(self._text) - self._at
            if found is not None or self._next >= self.end or left >= _LONGEST_ENTRY:
                if found is not None:
                    self._at = found.end()
                return found
            more = self._source.read(self._next, min(max(_PIECE, left), self.end - self._next))
            self._text = self._text[self._at :] + more
            self._at = 0
            self._next += len(more)

    def _description(self, name: str, raw: bytes) -> dict[str, Any]:
        if len(raw) > _LONGEST_DESCRIPTION:
            self._refuse(
                f"the entry {short(name)!r} has {len(raw):,} bytes, too many to describe a tensor"
            )
        if b"-" in raw:  # Python parses -0 as a number that is not negative
            self._refuse(f"the entry {short(name)!r} has a negative number")
        try:
            described: dict[str, Any] = _DECODER.raw_decode(raw.decode("utf-8"))[0]
        except UnicodeDecodeError as error:
            self._refuse(f"its header is not UTF-8: {error}")
        except (ValueError, RecursionError) as error:
            self._refuse(f"the entry {short(name)!r} is not valid JSON: {error}")
        return described

    def _read_metadata(self, raw: bytes) -> None:
        if raw.strip(b"{} \t\n\r") == b"":
            return
        at, last = 1, b","
        while last == b",":
            pair = _PAIR.match(raw, at)
            if pair is None:
                self._refuse(f"its {METADATA} has more than strings")
            key = self._string(pair[1])
            if key in self.metadata:
                self._refuse(f"{short(key)!r} occurs twice in its {METADATA}")
            if len(self.metadata) >= _MOST_METADATA:
                self._refuse(f"its {METADATA} has more than {_MOST_METADATA:,} entries")
            self.metadata[key] = self._string(pair[2])
            at, last = pair.end(), pair[3]
        if at != len(raw):
            self._refuse(f"its {METADATA} has more than strings")

    def _string(self, raw: bytes) -> str:
        try:
            text = raw.decode("utf-8")
            if b"\\" in raw:
                text = json.loads(f'"{text}"')
                text.encode("utf-8")  # fails for half of a surrogate pair
        except UnicodeDecodeError as error:
            self._refuse(f"its header is not UTF-8: {error}")
        except ValueError as error:
            self._refuse(f"its header has a damaged string: {error}")
        return text

    def _check_rest(self) -> None:
        """Check that only whitespace follows, which aligns the data."""
        rest = self._text[self._at :]
        while not rest.strip(b" \t\n\r"):
            if self._next >= self.end:
                return
            rest = self._source.read(self._next, min(_PIECE, self.end - self._next))
            self._next += len(rest)
        self._refuse("its header has text after its end")

    def _refuse_next(self) -> NoReturn:
        """Raise the error for an invalid next entry."""
        position = self._next - len(self._text) + self._at
        if len(self._text) - self._at >= _LONGEST_ENTRY:
            self._refuse(f"the entry of its header at byte {position:,} has more than 8 MiB")
        named = _NAME.match(self._text, self._at)
        if named is not None:
            name = short(self._string(named[1]))
            self._refuse(f"the entry {name!r} must have exactly dtype, shape and data_offsets")
        self._refuse(f"its header is not valid JSON at byte {position:,}")

    def _refuse(self, cause: str) -> NoReturn:
        raise CheckpointError(f"{self._source.name} is not a valid safetensors file", cause=cause)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("it has a duplicate key")
    return made


_DECODER = json.JSONDecoder(object_pairs_hook=_object)
