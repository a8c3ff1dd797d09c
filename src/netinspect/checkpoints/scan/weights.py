"""Formats of weights that hold no pickle: checked by their own readers, to their last byte."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import cast

from netinspect.checkpoints.access.source import Source
from netinspect.checkpoints.formats.npy_header import HeaderError
from netinspect.checkpoints.formats.numpy_files import HEAD, parse
from netinspect.checkpoints.scan.ledger import Ledger
from netinspect.checkpoints.scan.texts import find_runs
from netinspect.records.checkpoint import Checkpoint

_READERS = {
    "safetensors": ("netinspect.checkpoints.formats.safetensors", "read_safetensors"),
    "GGUF": ("netinspect.checkpoints.formats.gguf", "read_gguf"),
    "ONNX": ("netinspect.checkpoints.formats.onnx", "read_onnx"),
}
_ALIGNMENT = 1 << 20
_ONNX_DOMAINS = ("ai.onnx.", "ai.onnx.ml.", "com.microsoft.", "org.pytorch.aten.")
_PYTHON_OPERATORS = ("PythonOp", "PyOp", "PyCustomOp")
_LARGEST_TEXT = 16 << 20


def examine_weights(source: Source, member: str, kind: str, ledger: Ledger) -> int:
    """Check a file of weights; return where what it describes ends.

    Raises:
        CheckpointError: It is damaged.
        LoadError: It cannot be read.
    """
    module, function = _READERS[kind]
    reader = cast("Callable[[Source], Checkpoint]", getattr(importlib.import_module(module), function))
    found = reader(source)
    end = source.size
    if kind == "GGUF":
        end = _end_of_tensors(found, source)
    elif kind == "ONNX":
        _onnx_operators(found, member, ledger)
    elif kind == "safetensors":
        length = min(int.from_bytes(source.read(0, 8), "little"), source.size - 8, _LARGEST_TEXT)
        if runs := find_runs(source.read(8, length)):
            ledger.miss(member, f"in its header: {runs}")
    ledger.add(member, kind)
    return end


def _end_of_tensors(found: Checkpoint, source: Source) -> int:
    ends = [each.position + each.bytes for each in found.tensors if each.position is not None]
    end = max(ends, default=source.size)
    # Writers fill up to the alignment, which is a property of the file and small.
    return end if source.size - end > _ALIGNMENT or _is_filled(source, end) else source.size


def _is_filled(source: Source, end: int) -> bool:
    """Whether there is something else than zeros after the last tensor."""
    return end < source.size and bool(source.read(end, source.size - end).strip(b"\0"))


def _onnx_operators(found: Checkpoint, member: str, ledger: Ledger) -> None:
    """Name operators that code outside the file computes, which whoever runs it must have."""
    if found.graph is None:
        return
    own = [
        each.name
        for each in found.graph.operators
        if ("." in each.name and not each.name.startswith(_ONNX_DOMAINS))
        or each.name.rpartition(".")[2] in _PYTHON_OPERATORS
    ]
    if own:
        more = f" and {len(own) - 3:,} more" if len(own) > 3 else ""
        ledger.miss(member, f"its custom operators, whose code is elsewhere: {', '.join(own[:3])}{more}")


def array_end(source: Source) -> tuple[int, bool] | None:
    """Return where an array of NumPy's ends, and whether it holds Python's objects; None if damaged.

    For an array of objects it is where its pickle begins.

    Raises:
        LoadError: It cannot be read.
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
