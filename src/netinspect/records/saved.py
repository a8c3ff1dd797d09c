"""Saved traces: JSON documents with the name and version of their schema."""

from __future__ import annotations

import json
import reprlib
from pathlib import Path
from typing import Any

from netinspect.errors import LoadError, SavedTraceError
from netinspect.records.check import check_references
from netinspect.records.codec import CodecError, from_data, to_json
from netinspect.records.trace import Trace

_TOO_DEEP = "its entries are nested too deeply"


def identity() -> dict[str, Any]:
    """Return the entries by which a saved trace is recognised."""
    return {"schema": Trace.schema, "schema_version": Trace.schema_version}


def dump_trace(trace: Trace) -> str:
    """Encode a trace as a JSON document in ASCII; equal traces give equal documents."""
    return to_json(trace, identity()) + "\n"


def read_trace(file: Path, *, name: str) -> Trace:
    """Read a saved trace from a file.

    Raises:
        LoadError: The file cannot be read.
        SavedTraceError: The file is not a valid trace; see `parse_trace`.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise LoadError(f"cannot read {file}", cause=str(error)) from error
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
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        too_deep = isinstance(error, RecursionError)
        raise SavedTraceError(
            f"cannot read {name} as a saved trace",
            cause=_TOO_DEEP if too_deep else f"it is not valid JSON: {error}",
            hint="save one with --save FILE",
        ) from error
    if not isinstance(data, dict) or data.get("schema") != Trace.schema:
        raise SavedTraceError(
            f"{name} is not a saved trace",
            cause=f'it is JSON, but has no entry "schema": "{Trace.schema}"',
            hint="save one with --save FILE; --format json is for other programs to read",
        )
    version = data.get("schema_version")
    # True equals 1, but is not a version.
    if version != Trace.schema_version or type(version) is not int:
        found = reprlib.repr(version)
        writer = _writer(data)
        raise SavedTraceError(
            f"cannot read {name}",
            cause=f"its schema version is {found}{writer}, this netinspect reads {Trace.schema_version}",
            hint="save it again with this version, or update netinspect",
        )
    try:
        trace = from_data(Trace, data)
        check_references(trace)
    except (CodecError, RecursionError) as error:
        raise SavedTraceError(
            f"the saved trace {name} is damaged",
            cause=_TOO_DEEP if isinstance(error, RecursionError) else str(error),
            hint="save it again",
        ) from error
    return trace


def _writer(data: dict[str, Any]) -> str:
    """Return a clause with the version of netinspect that wrote a trace; empty if it is unknown."""
    versions = data.get("versions")
    version = versions.get("netinspect") if isinstance(versions, dict) else None
    return f" (written by netinspect {version[:40]})" if isinstance(version, str) else ""
