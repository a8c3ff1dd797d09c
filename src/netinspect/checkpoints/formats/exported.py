"""Exported programs (`.pt2`): raw tensors with JSON descriptions, and a graph."""

from __future__ import annotations

from typing import Any

from netinspect.checkpoints.formats.exported_graph import DTYPES, read_graph
from netinspect.checkpoints.formats.torch_zip import (
    LARGEST_NOTE,
    add_pickle,
    finish,
    is_swapped,
    prefix_of,
)
from netinspect.checkpoints.io.bounded_json import read_object
from netinspect.checkpoints.io.zip_archive import Archive
from netinspect.checkpoints.pickle.collected_content import Content, readable
from netinspect.checkpoints.pickle.storages import Part, Storage
from netinspect.checkpoints.pickle.stream import PickleError
from netinspect.checkpoints.pickle.tensor_facts import Tensor
from netinspect.checkpoints.pickle.tensors import strided
from netinspect.errors import CheckpointError
from netinspect.records.base import replace
from netinspect.records.checkpoint import Checkpoint, Entry, Graph

_STRIDED = 7
_WEIGHTS = "data/weights/"
_CONSTANTS = "data/constants/"
_OLD = {"serialized_state_dict": "", "serialized_constants": "constants"}


def read_exported(archive: Archive) -> Checkpoint:
    """Read a file written by `torch.export.save`.

    Raises:
        CheckpointError: The archive is damaged, or has an unknown layout.
        LoadError: The archive cannot be read.
    """
    prefix = prefix_of(archive)
    content = Content(archive.source)
    graph: Graph | None = None
    if f"{prefix}archive_format" in archive.members:
        graph = _read_new(archive, prefix, content)
    else:
        _read_old(archive, prefix, content)
    content.warn_of_names()
    record = finish(archive, content, "exported program")
    return record if graph is None else replace(record, graph=graph)


def _read_new(archive: Archive, prefix: str, content: Content) -> Graph | None:
    """Read the layout since torch 2.8: a folder for weights, one for constants, one for models."""
    form = archive.read(f"{prefix}archive_format", LARGEST_NOTE)
    if form.strip() != b"pt2":
        raise CheckpointError(
            f"{archive.source.name} is a torch archive of an unknown kind",
            cause=f"its archive_format is {form[:40]!r}; expected pt2",
        )
    content.swapped = is_swapped(archive)
    models = _models(archive, prefix)
    for model in models:
        section = model if len(models) > 1 else ""
        _add_payload(archive, content, prefix, _WEIGHTS, model, "weights", section)
        constants = f"{section}.constants" if section else "constants"
        _add_payload(archive, content, prefix, _CONSTANTS, model, "constants", constants)
    if not models:
        content.warnings.append("it contains no exported program, but perhaps a compiled one")
    return _graph(archive, content, _member(prefix, models[0])) if len(models) == 1 else None


def graph_members(archive: Archive) -> list[str]:
    """Return the members of an archive that contain the graphs of its models."""
    prefix = prefix_of(archive)
    old = f"{prefix}serialized_exported_program.json"
    if old in archive.members:
        return [old]
    return [_member(prefix, model) for model in _models(archive, prefix)]


def _models(archive: Archive, prefix: str) -> list[str]:
    folder = f"{prefix}models/"
    return [
        name[len(folder) : -len(".json")]
        for name in archive.members
        if name.startswith(folder) and name.endswith(".json")
    ]


def _member(prefix: str, model: str) -> str:
    return f"{prefix}models/{model}.json"


def _read_old(archive: Archive, prefix: str, content: Content) -> None:
    """Read the layout before torch 2.8: the archive contains files of `torch.save`."""
    found = False
    for stem, name in _OLD.items():
        for suffix in (".pt", ".json"):  # early files are not JSON, despite their suffix
            member = f"{prefix}{stem}{suffix}"
            if member in archive.members:
                _add_file(archive, content, member, name)
                found = True
    if not found:
        raise CheckpointError(
            f"{archive.source.name} is an exported program with an unknown layout",
            cause="it has a serialized_exported_program.json, but no serialized_state_dict",
        )


def _add_payload(
    archive: Archive, content: Content, prefix: str, folder: str, model: str, what: str, section: str
) -> None:
    """Add the tensors that a JSON file describes."""
    old = f"{prefix}{folder}{model}.pt"
    if old in archive.members:
        _add_file(archive, content, old, section)
        return
    described = f"{prefix}{folder}{model}_{what}_config.json"
    if described not in archive.members:
        raise CheckpointError(
            f"{archive.source.name} is an exported program with an unknown layout",
            cause=f"it has neither {described!r} nor {old!r}",
        )
    config = read_object(archive.open(described)).get("config")
    if not isinstance(config, dict):
        raise _damaged(archive, described, "it has no config")
    storages: dict[str, Storage] = {}
    files: set[str] = set()
    first = content.next_storage
    for key, entry in config.items():
        name = f"{section}.{key}" if section else key
        path = entry.get("path_name") if isinstance(entry, dict) else None
        if not isinstance(path, str):
            raise _damaged(archive, described, f"{key!r} has no path_name")
        member = f"{prefix}{folder}{path}"
        if member not in archive.members:
            raise _damaged(archive, described, f"{key!r} should be in {member!r}, which is missing")
        meta = entry.get("tensor_meta")
        if entry.get("use_pickle"):
            if path in files:
                raise _damaged(archive, described, f"{path!r} is the file of two tensors")
            files.add(path)
            if isinstance(meta, dict) or path.startswith(("tensor_", "weight_")):
                _add_file(archive, content, member, name)
            else:
                content.metadata.append(Entry(name=name, type="object", text=f"pickled in {path}"))
            continue
        if not isinstance(meta, dict):
            raise _damaged(archive, described, f"{key!r} has no tensor_meta")
        storage = storages.get(path)
        if storage is None:
            storage = storages[path] = _storage(archive, member, first + len(storages))
        with readable(archive.source, described):
            tensor = _tensor(meta, storage, key)
        tensor.kind = "parameter" if entry.get("is_param") is True else "buffer"
        if what == "constants":
            tensor.kind = "tensor"
        flag = meta.get("requires_grad")
        tensor.trainable = flag if isinstance(flag, bool) and tensor.kind == "parameter" else None
        content.take(name, section, tensor)
    content.next_storage = max(content.next_storage, first + len(storages))


def _storage(archive: Archive, member: str, number: int) -> Storage:
    storage = Storage(member, None, archive.members[member].size, number)
    storage.member = member
    inner = archive.position(member)
    storage.position = None if inner is None else archive.source.file_position(inner)
    return storage


def _tensor(meta: dict[str, Any], storage: Storage, key: str) -> Tensor:
    number = meta.get("dtype")
    dtype = DTYPES.get(number) if isinstance(number, int) else None
    if dtype is None or meta.get("layout") != _STRIDED:
        raise PickleError(f"{key}: its type or layout is unknown")
    part = Part(storage, dtype, 0, storage.bytes)
    try:
        sizes = [size["as_int"] for size in meta["sizes"]]
        strides = [stride["as_int"] for stride in meta["strides"]]
        return strided(part, dtype, meta["storage_offset"]["as_int"], sizes, strides, None)
    except (KeyError, TypeError):
        raise PickleError(f"{key}: its sizes are not numbers") from None
    except PickleError as error:
        raise PickleError(f"{key}: {error}") from None


def _add_file(archive: Archive, content: Content, member: str, name: str) -> None:
    """Add the tensors of a member that is a file of `torch.save`."""
    opened = archive.open(member)
    if opened.read(0, min(4, opened.size)) != b"PK\x03\x04":
        content.warnings.append(f"{member!r} has an unknown layout and is not read")
        return
    inner = Archive(opened)
    add_pickle(inner, content, "data.pkl", "data", name=name, within=f"{member}:")
    content.warnings += inner.warnings


def _graph(archive: Archive, content: Content, member: str) -> Graph | None:
    try:
        return read_graph(read_object(archive.open(member)))
    except CheckpointError as error:
        content.warnings.append(f"its graph is not shown: {error.cause or error.message}")
        return None


def _damaged(archive: Archive, member: str, cause: str) -> CheckpointError:
    return CheckpointError(f"{archive.source.name} has a damaged {member!r}", cause=cause)
