"""One checkpoint from several files or folders that belong together."""

from __future__ import annotations

from netinspect.records.base import replace
from netinspect.records.checkpoint import Checkpoint, Global, StoredFile, StoredTensor


def join(name: str, parts: list[Checkpoint]) -> Checkpoint:
    """Return one checkpoint with the content of several files.

    Args:
        name: Target of the result.
        parts: Checkpoints of the files, at least one, all of the same format.
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
    """Put a prefix before all names of a checkpoint that becomes part of another."""
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
