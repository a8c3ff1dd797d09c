"""JSON of strangers: as much of it as an honest file has, and no more."""

from __future__ import annotations

import json
from typing import Any

from netinspect.checkpoints.io.source import ByteSource
from netinspect.errors import CheckpointError

LARGEST = 24 << 20
"""Bytes; the index of a model with 100,000 tensors has some ten million."""

_MOST_VALUES = 300_000


def read_object(source: ByteSource, *, largest: int = LARGEST) -> dict[str, Any]:
    """Read a file that is one JSON object.

    Raises:
        CheckpointError: It is larger, holds more values than any honest one, or is not a JSON object.
        LoadError: It cannot be read.
    """
    raw = source.read(0, source.size) if source.size <= largest else b""
    if not raw.isascii():
        largest //= 4  # A single character can make Python take four bytes for each of the others.
    if source.size > largest:
        raise CheckpointError(
            f"{source.name} is damaged", cause=f"it has {source.size:,} bytes; {largest:,} is the most"
        )
    # Python takes 100 bytes and more for each value, however short it is in the text. Marks in strings
    # are counted along: what matters is that there are never too few.
    if sum(raw.count(mark) for mark in (b",", b"[", b"{")) > _MOST_VALUES:
        raise CheckpointError(
            f"{source.name} is damaged", cause=f"it holds more than {_MOST_VALUES:,} values"
        )
    try:
        data = json.loads(raw.decode("utf-8"))
    except RecursionError:
        cause = "it is nested too deeply"
    except ValueError as error:
        cause = f"it is not valid JSON: {error}"[:200]
    else:
        if isinstance(data, dict):
            return data
        cause = "it is no JSON object"
    raise CheckpointError(f"{source.name} is damaged", cause=cause)
