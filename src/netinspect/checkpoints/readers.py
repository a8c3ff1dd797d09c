"""Which reader is for which file, and how what several files hold is made one."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import replace
from typing import cast

from netinspect.checkpoints.io.source import ByteSource
from netinspect.checkpoints.recognize import Container, recognize, unreadable
from netinspect.records.checkpoint import Checkpoint, Global, StoredFile, StoredTensor

_HEAD = 64
# Readers are imported when used: a command needs one of them.
_READERS: dict[Container, tuple[str, str]] = {
    "safetensors": ("netinspect.checkpoints.formats.safetensors", "read_safetensors"),
    "npy": ("netinspect.checkpoints.formats.numpy_files", "read_npy"),
    "ONNX": ("netinspect.checkpoints.formats.onnx", "read_onnx"),
    "GGUF": ("netinspect.checkpoints.formats.gguf", "read_gguf"),
    "zip": ("netinspect.checkpoints.formats.zip_files", "read_zip"),
    "torch legacy": ("netinspect.checkpoints.formats.torch_legacy", "read_torch_legacy"),
    "tar": ("netinspect.checkpoints.formats.torch_tar", "read_torch_tar"),
    "pickle": ("netinspect.checkpoints.formats.plain_pickle", "read_plain_pickle"),
}


def read_source(source: ByteSource) -> Checkpoint:
    """Read one file of any format that is known.

    Raises:
        CheckpointError: It is damaged, or no checkpoint.
        LoadError: It cannot be read.
    """
    found = recognize(source)
    if found is None:
        return _read_compressed(source)
    module, function = _READERS[found]
    reader = cast(
        "Callable[[ByteSource], Checkpoint]", getattr(importlib.import_module(module), function)
    )
    return reader(source)


def _read_compressed(source: ByteSource) -> Checkpoint:
    """Read a checkpoint that is compressed as a whole.

    Raises:
        CheckpointError: It is damaged, or no checkpoint.
        LoadError: It cannot be read.
    """
    from netinspect.checkpoints.io.compressed import method_of
    from netinspect.checkpoints.io.decompressed import UnpackedSource, peek_inside

    method = method_of(source.read(0, min(_HEAD, source.size)))
    inside = None if method is None or source.remote else peek_inside(source, method)
    if method is None or inside is None or recognize(inside) is None:
        raise unreadable(source)
    with UnpackedSource(source, method) as unpacked:
        found = read_source(unpacked)
    warnings = [f"compressed by {method}: bytes are counted in what it decompresses to"]
    if unpacked.left:
        warnings.append(f"behind the compressed part: {unpacked.left:,} bytes that are not read")
    return replace(found, warnings=(*found.warnings, *warnings))


def join(name: str, parts: list[Checkpoint]) -> Checkpoint:
    """Make one checkpoint of several files that belong together.

    Args:
        name: What it is called.
        parts: At least one, all of the same format.
    """
    files: list[StoredFile] = []
    tensors: list[StoredTensor] = []
    globals_: list[Global] = []
    storages = 0
    for part in parts:
        first_file, first_storage = len(files), storages
        files += part.files
        globals_ += [replace(each, file=first_file + each.file) for each in part.globals]
        for tensor in part.tensors:
            storages = max(storages, first_storage + tensor.storage + 1)
            tensors.append(
                replace(
                    tensor,
                    file=None if tensor.file is None else first_file + tensor.file,
                    storage=first_storage + tensor.storage,
                )
            )
    return Checkpoint(
        target=name,
        format=parts[0].format,
        files=tuple(files),
        tensors=tuple(tensors),
        metadata=tuple(dict.fromkeys(entry for part in parts for entry in part.metadata)),
        globals=tuple(globals_),
        versions=tuple(each for part in parts for each in part.versions),
        described=tuple(each for part in parts for each in part.described),
        problems=tuple(text for part in parts for text in part.problems),
        warnings=tuple(dict.fromkeys(text for part in parts for text in part.warnings)),
    )


def prefixed(part: Checkpoint, prefix: str) -> Checkpoint:
    """Put a word in front of all names of a checkpoint that becomes a part of another."""
    return replace(
        part,
        tensors=tuple(
            replace(
                tensor,
                name=f"{prefix}.{tensor.name}",
                section=f"{prefix}.{tensor.section}" if tensor.section else prefix,
            )
            for tensor in part.tensors
        ),
        metadata=tuple(replace(entry, name=f"{prefix}.{entry.name}") for entry in part.metadata),
        described=tuple(replace(each, name=f"{prefix}.{each.name}") for each in part.described),
        modules=(),
        versions=tuple(
            replace(each, section=f"{prefix}.{each.section}" if each.section else prefix)
            for each in part.versions
        ),
    )
