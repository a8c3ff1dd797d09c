"""NumPy files: npy with one array, npz with several in a zip archive.

Arrays of Python objects are pickles and are refused without being read.
"""

from __future__ import annotations

import math

from netinspect._utils import units
from netinspect.checkpoints.formats.npy_header import Header, HeaderError, parse_header
from netinspect.checkpoints.io.short_text import first_problems
from netinspect.checkpoints.io.source import ByteSource
from netinspect.checkpoints.io.zip_archive import Archive
from netinspect.errors import CheckpointError
from netinspect.records.checkpoint import Checkpoint, StoredTensor

_MAGIC = b"\x93NUMPY"
_LONGEST_HEADER = 10_000
"""NumPy's own limit."""

HEAD = len(_MAGIC) + 2 + 4 + _LONGEST_HEADER
"""Bytes of the longest header."""

_SUFFIX = ".npy"
_OBJECTS = "it is an array of Python objects, which is a pickle; nothing was executed"
_MOST_PROBLEMS = 20


def read_npy(source: ByteSource) -> Checkpoint:
    """Read the header of an npy file; its tensor is called `array`.

    Raises:
        CheckpointError: The file is damaged, or an array of Python objects.
        LoadError: The file cannot be read.
    """
    head = source.read(0, min(HEAD, source.size))
    try:
        header, start = parse(head)
    except HeaderError as error:
        raise _broken(source.name, str(error)) from None
    if header.element.objects:
        raise CheckpointError(
            f"{source.name} cannot be read",
            cause=_OBJECTS,
            hint=f"netinspect globals {source.name} lists what it would call",
        )
    tensor = _tensor("array", header, 0, start)
    size = source.size - start - tensor.bytes
    if size < 0:
        raise CheckpointError(
            f"{source.name} is not whole",
            cause=f"expected {tensor.bytes:,} bytes of data, but only {tensor.bytes + size:,} follow",
            hint="fetch it again",
        )
    rest = (f"after the array: {units.plural(size, 'byte')} that are not read",) if size else ()
    return Checkpoint(
        target=source.name,
        format="npy",
        files=(source.stored_file(),),
        tensors=(tensor,),
        warnings=rest,
    )


def is_npz(archive: Archive) -> bool:
    """Return whether an archive has members with names of arrays."""
    return any(name.endswith(_SUFFIX) for name in archive.members)


def read_npz(archive: Archive) -> Checkpoint:
    """Read the headers of all arrays in an archive.

    An array that is damaged or has Python objects is reported as a problem, and the others are read.

    Raises:
        CheckpointError: No array can be read.
        LoadError: The archive cannot be read.
    """
    tensors: list[StoredTensor] = []
    problems: list[str] = []
    others: list[str] = []
    for name, member in archive.members.items():
        if not name.endswith(_SUFFIX):
            others.append(name)
            continue
        try:
            head, position = archive.start(name, min(HEAD, member.size))
            header, start = parse(head)
            if header.element.objects:
                raise HeaderError(_OBJECTS)
            at = None if position is None else position + start
            found = _tensor(name.removesuffix(_SUFFIX), header, len(tensors), at, name)
            if found.bytes > member.size - start:
                raise HeaderError(
                    f"expected {found.bytes:,} bytes, but it has only {member.size - start:,}"
                )
        except (HeaderError, CheckpointError) as error:
            cause = error.cause or error.message if isinstance(error, CheckpointError) else error
            problems.append(f"{name}: {cause}")
            continue
        tensors.append(found)
    name = archive.source.name
    if not tensors:
        raise CheckpointError(f"no array of {name} can be read", cause=problems[0] if problems else None)
    warnings = list(archive.warnings)
    if others:
        warnings.append(f"{len(others):,} members are not arrays, such as {others[0]!r}")
    return Checkpoint(
        target=name,
        format="npz",
        files=(archive.source.stored_file(),),
        tensors=tuple(tensors),
        problems=first_problems(problems, _MOST_PROBLEMS),
        warnings=tuple(warnings),
    )


def parse(head: bytes) -> tuple[Header, int]:
    """Parse a header; return it and the offset of the data.

    Raises:
        HeaderError: The header is damaged.
    """
    if head[:6] != _MAGIC:
        raise HeaderError("it does not start with the magic of an array")
    if len(head) < 10:
        raise HeaderError(f"it has {len(head)} bytes, too few for a header")
    version = head[6:8]
    if version not in (b"\x01\x00", b"\x02\x00", b"\x03\x00"):
        raise HeaderError(f"its version is {'.'.join(map(str, version))}, which is unknown")
    start = 10 if version == b"\x01\x00" else 12
    length = int.from_bytes(head[8:start], "little")
    if length > _LONGEST_HEADER:
        raise HeaderError(f"its header would have {length:,} bytes; {_LONGEST_HEADER:,} is the most")
    if start + length > len(head):
        raise HeaderError(
            f"expected a header of {length:,} bytes, but only {max(0, len(head) - start):,} follow"
        )
    try:
        text = head[start : start + length].decode("utf-8" if version == b"\x03\x00" else "latin-1")
    except UnicodeDecodeError:
        raise HeaderError("its header is not UTF-8") from None
    return parse_header(text), start + length


def array_end(source: ByteSource) -> tuple[int, bool] | None:
    """Return where a NumPy array ends and whether it contains Python objects, or None if it is damaged.

    An array of objects ends where its pickle starts.

    Raises:
        LoadError: The source cannot be read.
    """
    head = source.read(0, min(HEAD, source.size))
    try:
        header, start = parse(head)
    except HeaderError:
        return None
    if header.element.objects:
        return start, True
    size = header.element.bytes
    for each in header.shape:
        size *= each
    return start + size, False


def _tensor(
    name: str, header: Header, number: int, position: int | None, member: str = ""
) -> StoredTensor:
    element = header.element
    wide = [size for size in header.shape if size != 1]
    stride: tuple[int, ...] | None = None
    elements = 1
    if header.fortran and len(wide) > 1 and 0 not in wide:
        steps = []
        for size in header.shape:
            steps.append(elements)
            elements *= size
        stride = tuple(steps)
    return StoredTensor(
        name=name,
        dtype=element.dtype,
        shape=header.shape,
        bytes=math.prod(header.shape) * element.bytes,
        storage=number,
        position=position,
        member=member,
        stride=stride,
        byte_order="big" if element.big else "little",
    )


def _broken(name: str, cause: str) -> CheckpointError:
    return CheckpointError(f"{name} is not a valid npy file", cause=cause)
