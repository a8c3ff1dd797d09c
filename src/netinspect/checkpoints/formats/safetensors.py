"""safetensors files: a JSON header, followed by the bytes that it describes.

The rules are those of the format's own library, with additions. The library reads the following, which
is an error here:

- a duplicate name of a tensor, in a description or in the metadata: the library silently takes one of
  them, so that two readers could see different content;
- more than 250,000 tensors, an entry of more than 8 MiB, a description of more than 4 KiB, a shape of
  more than 64 sizes, two million sizes in all, a size of 2**63 or more: these have no use and could
  exhaust memory;
- a description with more keys than dtype, shape and data_offsets, or written as a list; a
  `__metadata__` that is null;
- a header that starts with whitespace, which the format forbids.

An unknown dtype is accepted, which the library refuses: its next version may add it.
"""

from __future__ import annotations

import math
import re
from typing import Any

from netinspect._utils import units
from netinspect.checkpoints.formats.described import describe_packed
from netinspect.checkpoints.formats.dtypes import BITS, SAFETENSORS, SAFETENSORS_BITS
from netinspect.checkpoints.formats.safetensors_header import Header
from netinspect.checkpoints.io.short_text import LONGEST_TEXT, short
from netinspect.checkpoints.io.source import ByteSource
from netinspect.errors import CheckpointError
from netinspect.records.checkpoint import Checkpoint, Entry, StoredTensor

_LARGEST_SIZE = 2**63
_MOST_DIMENSIONS = 64
_MOST_SIZES = 2_000_000
_LONGEST_LIST = 20
_LARGEST_TEXT = 16 << 20
_DTYPE = re.compile(r"[A-Z][A-Z0-9_]{0,31}")
_KEYS = {"dtype", "shape", "data_offsets"}


def read_safetensors(source: ByteSource) -> Checkpoint:
    """Read the header of a safetensors file.

    Raises:
        CheckpointError: The file violates a rule of the format.
        LoadError: The file cannot be read.
    """
    header = Header(source)
    entries = []
    sizes = 0
    for name, description in header.tensors():
        entries.append((name, *_entry(source.name, name, description)))
        sizes += len(description["shape"])
        if sizes > _MOST_SIZES:
            raise _broken(source.name, f"its shapes have more than {_MOST_SIZES:,} sizes")
    entries.sort(key=lambda each: (each[3], each[4]))  # in the order of their bytes
    _check_cover(source, header.end, entries)
    tensors = tuple(
        StoredTensor(
            name=name,
            dtype=SAFETENSORS.get(dtype, dtype),
            shape=shape,
            bytes=end - begin,
            storage=number,
            position=header.end + begin,
        )
        for number, (name, dtype, shape, begin, end) in enumerate(entries)
    )
    unknown = sorted({dtype for _, dtype, *_ in entries} - SAFETENSORS.keys() - SAFETENSORS_BITS.keys())
    return Checkpoint(
        target=source.name,
        format="safetensors",
        files=(source.stored_file(),),
        tensors=tensors,
        metadata=tuple(
            Entry(name=name, type="string", text=text[:LONGEST_TEXT])
            for name, text in header.metadata.items()
        ),
        described=describe_packed(source, tensors),
        warnings=tuple(
            f"the dtype {dtype} is unknown: its bytes were not checked against the shape"
            for dtype in unknown[:_LONGEST_LIST]
        ),
    )


def examine_safetensors(source: ByteSource) -> tuple[int, list[str]]:
    """Check a file, and search its header for settings that make a loader run code."""
    from netinspect.checkpoints.scan.texts import find_runs

    read_safetensors(source)
    length = min(int.from_bytes(source.read(0, 8), "little"), source.size - 8, _LARGEST_TEXT)
    runs = find_runs(source.read(8, length))
    return source.size, [f"in its header: {runs}"] if runs else []


def _entry(file: str, name: str, entry: dict[str, Any]) -> tuple[str, tuple[int, ...], int, int]:
    """Check the description of a tensor; return its dtype, shape, start and end."""
    if entry.keys() != _KEYS:
        raise _broken(file, f"the entry {short(name)!r} must have exactly dtype, shape and data_offsets")
    dtype, sizes, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if type(dtype) is not str or not (dtype in SAFETENSORS or _DTYPE.fullmatch(dtype)):
        raise _broken(file, f"the dtype of {short(name)!r} is not valid: {dtype!r:.40}")
    if type(sizes) is not list or type(offsets) is not list or len(offsets) != 2:
        raise _broken(file, f"the shape or data_offsets of {short(name)!r} are not lists of numbers")
    if len(sizes) > _MOST_DIMENSIONS:
        raise _broken(
            file, f"{short(name)!r} has {len(sizes):,} dimensions; {_MOST_DIMENSIONS} is the most"
        )
    for number in (*sizes, *offsets):
        if type(number) is not int or not 0 <= number < _LARGEST_SIZE:
            raise _broken(
                file, f"the shape or data_offsets of {short(name)!r} have an entry {number!r:.40}"
            )
    begin, end = offsets
    if begin > end:
        raise _broken(
            file, f"the data of {short(name)!r} ends at {end:,}, before its start at {begin:,}"
        )
    known = SAFETENSORS.get(dtype)
    bits = BITS[known] if known is not None else SAFETENSORS_BITS.get(dtype)
    # The size of an unknown type is not known, so that its bytes cannot be checked.
    if bits is not None and (end - begin) * 8 != math.prod(sizes) * bits:
        takes = math.prod(sizes) * bits
        raise _broken(
            file,
            f"{short(name)!r} takes {end - begin:,} bytes, and {tuple(sizes)} of {dtype} takes "
            + (f"{takes / 8:,.10g}" if takes < _LARGEST_SIZE else "more than any file has"),
        )
    # Sizes before a zero have no effect, unless a reader multiplies them in 64 bits.
    if 0 in sizes and math.prod(sizes[: sizes.index(0)]) >= 2 * _LARGEST_SIZE:
        raise _broken(file, f"the shape of {short(name)!r} cannot be counted: {tuple(sizes)}")
    return dtype, tuple(sizes), begin, end


def _check_cover(
    source: ByteSource, start: int, entries: list[tuple[str, str, tuple[int, ...], int, int]]
) -> None:
    """Check that each byte after the header belongs to exactly one tensor."""
    at = 0
    before: str | None = None
    for name, _, _, begin, end in entries:
        if begin != at:
            between = f"after {short(before)!r}" if before is not None else "at the start of the data"
            what = f"{begin - at:,} bytes {between} belong to no tensor"
            if before is not None and begin < at:
                what = f"{short(name)!r} and {short(before)!r} share {at - begin:,} bytes"
            raise _broken(source.name, what)
        at, before = end, name
    if start + at != source.size:
        left = source.size - start - at
        if left < 0:
            cut = next(name for name, _, _, _, end in entries if start + end > source.size)
            raise CheckpointError(
                f"{source.name} is not whole",
                cause=f"its header describes {start + at:,} bytes, and it has {source.size:,}; "
                f"{short(cut)!r} is the first tensor that is cut",
                hint="fetch it again",
            )
        raise _broken(
            source.name, f"after the last tensor: {units.plural(left, 'byte')} that belong to no tensor"
        )


def _broken(name: str, cause: str) -> CheckpointError:
    return CheckpointError(f"{name} is not a valid safetensors file", cause=cause)
