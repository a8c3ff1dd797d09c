"""Computation graph of a file, whatever its format."""

from __future__ import annotations

from netinspect._utils.process import without_collector
from netinspect.checkpoints.folders.file_sets import open_file
from netinspect.checkpoints.formats.exported import graph_members
from netinspect.checkpoints.formats.zip_files import kind_of
from netinspect.checkpoints.graphs.collector import GraphTooLarge
from netinspect.checkpoints.io.bounded_json import read_object
from netinspect.checkpoints.io.protobuf import WireError
from netinspect.checkpoints.io.source import ByteSource
from netinspect.checkpoints.io.zip_archive import Archive
from netinspect.checkpoints.recognize import recognize
from netinspect.errors import CheckpointError
from netinspect.records.file_graph import FileGraph

FORMATS = ("exported program", "ONNX", "TorchScript")
"""Formats whose files contain a graph."""

_LARGEST_JSON = 48 << 20
_MOST_VALUES = 1_000_000


def read_file_graph(path: str, name: str | None = None) -> FileGraph | None:
    """Read the computation graph of a model file; None if its format has no graph.

    Nothing in the file is executed.

    Args:
        path: Path of the file.
        name: Name for messages; None for the path.

    Raises:
        CheckpointError: The file is damaged, or its graph is larger than the limits.
        LoadError: The file cannot be read.
    """
    with without_collector(), open_file(path, path if name is None else name) as source:
        return read_graph(source)


def read_graph(source: ByteSource) -> FileGraph | None:
    """Read the computation graph of a source; None if its format has no graph.

    Raises:
        CheckpointError: The file is damaged, or its graph is larger than the limits.
        LoadError: The file cannot be read.
    """
    format = recognize(source)
    try:
        if format == "ONNX":
            from netinspect.checkpoints.graphs.onnx import read_onnx_graph

            return read_onnx_graph(source)
        if format == "zip":
            return _read_archive(Archive(source))
    except WireError as error:
        raise CheckpointError(f"{source.name} is not a valid ONNX file", cause=str(error)) from None
    except GraphTooLarge as error:
        raise CheckpointError(f"cannot read the graph of {source.name}", cause=str(error)) from None
    return None


def _read_archive(archive: Archive) -> FileGraph | None:
    kind = kind_of(archive)
    if kind == "TorchScript":
        from netinspect.checkpoints.graphs.torch_script import read_torch_script_graph

        return read_torch_script_graph(archive, archive.source.name)
    if kind != "exported program":
        return None
    from netinspect.checkpoints.graphs.exported import read_exported_graph

    members = graph_members(archive)
    if len(members) != 1:
        return None
    model = read_object(archive.open(members[0]), largest=_LARGEST_JSON, most_values=_MOST_VALUES)
    return read_exported_graph(model, archive.source.name)
