"""Validation of weight formats without pickles by their own readers."""

from __future__ import annotations

from netinspect.checkpoints.formats.npy_header import HeaderError
from netinspect.checkpoints.formats.numpy_files import HEAD, parse
from netinspect.checkpoints.io.source import ByteSource
from netinspect.checkpoints.scan.ledger import Ledger
from netinspect.checkpoints.scan.texts import find_runs
from netinspect.records.checkpoint import Checkpoint

_ONNX_DOMAINS = ("ai.onnx.", "ai.onnx.ml.", "com.microsoft.", "org.pytorch.aten.")
_PYTHON_OPERATORS = ("PythonOp", "PyOp", "PyCustomOp")
_LARGEST_TEXT = 16 << 20


def examine_weights(source: ByteSource, member: str, kind: str, ledger: Ledger) -> int:
    """Check a file of weights; return where its described content ends.

    Raises:
        CheckpointError: The file is damaged.
        LoadError: The file cannot be read.
    """
    end = source.size
    if kind == "GGUF":
        from netinspect.checkpoints.formats.gguf import read_with_end

        found, header = read_with_end(source)
        end = _end_of_tensors(found, header, source)
        for text in found.warnings:  # bytes between tensors, or unknown dtypes
            ledger.miss(member, text)
    elif kind == "ONNX":
        from netinspect.checkpoints.formats.onnx import read_onnx

        _onnx_operators(read_onnx(source), member, ledger)
    elif kind == "safetensors":
        from netinspect.checkpoints.formats.safetensors import read_safetensors

        read_safetensors(source)
        length = min(int.from_bytes(source.read(0, 8), "little"), source.size - 8, _LARGEST_TEXT)
        if runs := find_runs(source.read(8, length)):
            ledger.miss(member, f"in its header: {runs}")
    else:
        ledger.miss(member, f"{kind}, whose content is not examined")
        return end
    ledger.add(member, kind)
    return end


def _end_of_tensors(found: Checkpoint, header: int, source: ByteSource) -> int:
    """Return the position after the last tensor, or after the header without tensors."""
    ends = [each.position + each.bytes for each in found.tensors if each.position is not None]
    return min(max(ends, default=header), source.size)


def _onnx_operators(found: Checkpoint, member: str, ledger: Ledger) -> None:
    """Report operators that are implemented outside the file."""
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
