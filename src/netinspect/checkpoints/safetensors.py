"""safetensors: a header of JSON, and the bytes that it describes.

The rules are those of the format's own library, and one more: a name may not stand twice. The library
takes the last of them without a word, so that two readers could see two files.
"""

from __future__ import annotations

import json
import math
from typing import Any

from netinspect.checkpoints.dtypes import BITS, SAFETENSORS, SAFETENSORS_BITS
from netinspect.checkpoints.source import Source
from netinspect.errors import CheckpointError
from netinspect.records.checkpoint import Checkpoint, Entry, StoredTensor

LARGEST_HEADER = 100_000_000
"""Bytes; the library's limit too."""

_METADATA = "__metadata__"
_LONGEST_TEXT = 2000
_LARGEST_SIZE = 2**63


def read_safetensors(source: Source) -> Checkpoint:
    """Read the header of a safetensors file.

    Raises:
        CheckpointError: It breaks a rule of the format.
        LoadError: It cannot be read.
    """
    header, start = read_header(source)
    metadata = header.pop(_METADATA, {})
    entries = [(name, *_entry(source.name, name, entry)) for name, entry in header.items()]
    entries.sort(key=lambda each: (each[3], each[4]))  # as the bytes lie
    _check_cover(source, start, entries)
    return Checkpoint(
        target=source.name,
        format="safetensors",
        files=(source.stored_file(),),
        tensors=tuple(
            StoredTensor(
                name=name,
                dtype=SAFETENSORS.get(dtype, dtype),
                shape=shape,
                bytes=end - begin,
                storage=number,
                position=start + begin,
            )
            for number, (name, dtype, shape, begin, end) in enumerate(entries)
        ),
        metadata=_metadata(source.name, metadata),
    )


def read_header(source: Source) -> tuple[dict[str, Any], int]:
    """Return the header as JSON, its objects known to name nothing twice, and where the data starts."""
    if source.size < 8:
        raise _broken(source.name, f"it has {source.size} bytes, too few for a header")
    length = int.from_bytes(source.read(0, 8), "little")
    if length > LARGEST_HEADER:
        raise _broken(
            source.name, f"its header would have {length:,} bytes; {LARGEST_HEADER:,} is the most"
        )
    if 8 + length > source.size:
        raise _broken(
            source.name,
            f"its header should have {length:,} bytes, and the file has {source.size - 8:,} more",
        )
    raw = source.read(8, length)
    try:
        header = json.loads(raw.decode("utf-8"), object_pairs_hook=_object, parse_constant=_no_constant)
    except RecursionError:
        raise _broken(source.name, "its header is nested too deeply") from None
    except UnicodeDecodeError as error:
        raise _broken(source.name, f"its header is not UTF-8: {error}") from None
    except ValueError as error:
        raise _broken(source.name, f"its header is not valid JSON: {error}") from None
    if not isinstance(header, dict):
        raise _broken(source.name, "its header is no JSON object")
    return header, 8 + length


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"{twice!r} stands in it twice")
    return made


def _no_constant(text: str) -> None:
    raise ValueError(f"{text} is no JSON")


def _entry(file: str, name: str, entry: Any) -> tuple[str, tuple[int, ...], int, int]:
    """Check one tensor's description; return its type, sizes, first byte and end."""
    if type(entry) is not dict or entry.keys() != {"dtype", "shape", "data_offsets"}:
        raise _broken(file, f"the entry {name!r} has not just a dtype, a shape and data_offsets")
    dtype, sizes, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if type(dtype) is not str:
        raise _broken(file, f"the dtype of {name!r} is no string")
    if type(sizes) is not list or type(offsets) is not list or len(offsets) != 2:
        raise _broken(file, f"the shape or data_offsets of {name!r} are no lists of numbers")
    for number in (*sizes, *offsets):
        if type(number) is not int or not 0 <= number < _LARGEST_SIZE:
            raise _broken(file, f"the shape or data_offsets of {name!r} have an entry {number!r:.40}")
    begin, end = offsets
    if begin > end:
        raise _broken(file, f"the data of {name!r} ends at {end:,}, before its start at {begin:,}")
    known = SAFETENSORS.get(dtype)
    bits = BITS[known] if known is not None else SAFETENSORS_BITS.get(dtype)
    # The bytes of a type that is not known cannot be checked, and tell its size.
    if bits is not None and (end - begin) * 8 != math.prod(sizes) * bits:
        raise _broken(
            file,
            f"{name!r} takes {end - begin:,} bytes, and {tuple(sizes)} of {dtype} takes "
            f"{math.prod(sizes) * bits / 8:,.10g}",
        )
    return dtype, tuple(sizes), begin, end


def _check_cover(
    source: Source, start: int, entries: list[tuple[str, str, tuple[int, ...], int, int]]
) -> None:
    """Each byte behind the header belongs to one tensor: nothing is hidden, nothing is shared."""
    at = 0
    before = None
    for name, _, _, begin, end in entries:
        if begin != at:
            between = f"behind {before!r}" if before is not None else "at the start of the data"
            what = f"{begin - at:,} bytes {between} belong to no tensor"
            if begin < at:
                what = f"{name!r} and {before!r} share {at - begin:,} bytes"
            raise _broken(source.name, what)
        at, before = end, name
    if start + at != source.size:
        left = source.size - start - at
        if left < 0:
            cut = next(name for name, _, _, _, end in entries if start + end > source.size)
            raise CheckpointError(
                f"{source.name} is not whole",
                cause=f"its header describes {start + at:,} bytes, and it has {source.size:,}; "
                f"{cut!r} is the first tensor that is cut",
                hint="fetch it again",
            )
        raise _broken(source.name, f"{left:,} bytes behind the last tensor belong to none")


def _metadata(file: str, metadata: Any) -> tuple[Entry, ...]:
    if type(metadata) is not dict or any(type(value) is not str for value in metadata.values()):
        raise _broken(file, "its __metadata__ has more than strings")
    return tuple(
        Entry(name=name, type="string", text=value[:_LONGEST_TEXT]) for name, value in metadata.items()
    )


def _broken(name: str, cause: str) -> CheckpointError:
    return CheckpointError(f"{name} is not a valid safetensors file", cause=cause)
