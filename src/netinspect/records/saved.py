"""Saved traces: JSON documents with the name and version of their schema; large ones are compressed."""

from __future__ import annotations

import json
import reprlib
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

from netinspect._utils.process import without_collector
from netinspect.errors import LoadError, SavedTraceError
from netinspect.records.base import record
from netinspect.records.check import check_references
from netinspect.records.codec import CodecError, from_json, to_json
from netinspect.records.trace import Trace

LARGEST = 1 << 29
"""Maximum bytes of a decompressed document: about 400,000 steps."""

_COMPRESSED_FROM = 1 << 20
_GZIP = b"\x1f\x8b"
_AGAIN = "save it again"
_TOO_DEEP = "its entries are nested too deeply"


@record
class _Identity:
    schema: Any = None
    schema_version: Any = None
    versions: Any = None


def identity() -> dict[str, Any]:
    """Return the entries by which a saved trace is recognised."""
    return {"schema": Trace.schema, "schema_version": Trace.schema_version}


def dump_trace(trace: Trace) -> str:
    """Encode a trace as a JSON document in ASCII; equal traces give equal documents."""
    with without_collector():
        return to_json(trace, identity()) + "\n"


def pack(document: str) -> str | bytes:
    """Return the content of a file: an ASCII document, compressed by gzip if it is longer than 1 MiB."""
    if len(document) <= _COMPRESSED_FROM:
        return document
    compressor = zlib.compressobj(wbits=31)  # gzip without a time, so that equal traces give equal files
    return compressor.compress(document.encode("ascii")) + compressor.flush()


def unpack(content: bytes) -> str:
    """Return the document for the content of a file.

    Raises:
        UnicodeDecodeError: It is not text.
        ValueError: The compressed data is damaged, or has more than `LARGEST` bytes.
    """
    if not content.startswith(_GZIP):
        return content.decode("utf-8")
    stream = zlib.decompressobj(wbits=31)
    try:
        document = stream.decompress(content, LARGEST)
    except zlib.error as error:
        raise ValueError(f"its compressed data is damaged: {error}") from None
    if stream.unconsumed_tail:
        raise ValueError(f"it has more than {LARGEST:,} bytes")
    if not stream.eof:
        raise ValueError("its compressed data is incomplete")
    if stream.unused_data:
        raise ValueError("more data follows its compressed document")
    return document.decode("utf-8")


def start_of(head: bytes) -> bytes:
    """Return the first bytes of a document, given those of its file."""
    if head.startswith(_GZIP):
        with suppress(zlib.error):
            return zlib.decompressobj(wbits=31).decompress(head, 256)
    return head


def read_trace(file: Path, *, name: str) -> Trace:
    """Read a saved trace from a file.

    Raises:
        LoadError: The file cannot be read.
        SavedTraceError: The file is not a valid trace; see `parse_trace`.
    """
    try:
        text = unpack(file.read_bytes())
    except (OSError, UnicodeDecodeError) as error:
        raise LoadError(f"cannot read {file}", cause=str(error)) from error
    except ValueError as error:
        raise SavedTraceError(f"cannot decompress {name}", cause=str(error), hint=_AGAIN) from error
    return parse_trace(text, name=name)


def parse_trace(text: str, *, name: str) -> Trace:
    """Parse the output of `dump_trace`.

    Args:
        text: The document.
        name: Name of the document in error messages.

    Raises:
        SavedTraceError: The document is not JSON, not a trace, of another schema version, or damaged.
    """
    try:
        found = _identity_of(text)
    except (ValueError, RecursionError) as error:
        too_deep = isinstance(error, RecursionError)
        raise SavedTraceError(
            f"cannot read {name} as a saved trace",
            cause=_TOO_DEEP if too_deep else f"it is not valid JSON: {error}",
            hint="save one with --save FILE",
        ) from error
    if found.schema != Trace.schema:
        raise SavedTraceError(
            f"{name} is not a saved trace",
            cause=f'it is JSON, but has no entry "schema": "{Trace.schema}"',
            hint="save one with --save FILE; --format json is for other programs to read",
        )
    version = found.schema_version
    # True equals 1, but is not a version.
    if version != Trace.schema_version or type(version) is not int:
        writer = _writer(found.versions)
        raise SavedTraceError(
            f"cannot read {name}",
            cause=f"its schema version is {reprlib.repr(version)}{writer}, "
            f"this netinspect reads {Trace.schema_version}",
            hint="save it again with this version, or update netinspect",
        )
    try:
        with without_collector():
            trace = from_json(Trace, text)
            check_references(trace)
    except (CodecError, RecursionError) as error:
        raise SavedTraceError(
            f"the saved trace {name} is damaged",
            cause=_TOO_DEEP if isinstance(error, RecursionError) else str(error),
            hint=_AGAIN,
        ) from error
    return trace


def _identity_of(text: str) -> _Identity:
    try:
        return from_json(_Identity, text)
    except CodecError:
        json.loads(text)  # what is not an object may still not be JSON
        return _Identity()


def _writer(versions: Any) -> str:
    """Return a clause with the version of netinspect that wrote a trace; empty if it is unknown."""
    version = versions.get("netinspect") if isinstance(versions, dict) else None
    return f" (written by netinspect {version[:40]})" if isinstance(version, str) else ""
