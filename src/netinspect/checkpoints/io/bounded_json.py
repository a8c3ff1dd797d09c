"""JSON from untrusted files, with bounds on its size and number of values."""

from __future__ import annotations

import json
from typing import Any

from netinspect.checkpoints.io.source import ByteSource
from netinspect.errors import CheckpointError

LARGEST = 24 << 20
"""Bytes; the index of a model with 100,000 tensors has about ten million."""

MOST_VALUES = 300_000


def read_object(
    source: ByteSource, *, largest: int = LARGEST, most_values: int = MOST_VALUES
) -> dict[str, Any]:
    """Read a file that is one JSON object.

    Args:
        source: The file.
        largest: Largest size in bytes.
        most_values: Largest number of values.

    Raises:
        CheckpointError: The file is too large, has too many values, or is not a JSON object.
        LoadError: The file cannot be read.
    """
    raw = source.read(0, source.size) if source.size <= largest else b""
    if not raw.isascii():
        largest //= 4  # One character can make Python use four bytes for each of the others.
    if source.size > largest:
        raise CheckpointError(
            f"{source.name} is damaged", cause=f"it has {source.size:,} bytes; {largest:,} is the most"
        )
    # Python uses 100 bytes or more for each value, however short its text. Marks within strings are
    # counted too: the count is an upper bound.
    if sum(raw.count(mark) for mark in (b",", b"[", b"{")) > most_values:
        raise CheckpointError(
            f"{source.name} is damaged", cause=f"it holds more than {most_values:,} values"
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
        cause = "it is not a JSON object"
    raise CheckpointError(f"{source.name} is damaged", cause=cause)
