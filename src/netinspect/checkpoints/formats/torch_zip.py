"""torch files since 1.6: a zip archive with a pickle and the bytes of each storage."""

from __future__ import annotations

from netinspect.checkpoints.io.zip_archive import Archive
from netinspect.checkpoints.pickle.collected_content import Content, readable, without_tensors
from netinspect.checkpoints.pickle.format_object import format_object
from netinspect.checkpoints.pickle.interpreter import Interpreter
from netinspect.checkpoints.pickle.names import Names
from netinspect.checkpoints.pickle.storages import Storages
from netinspect.checkpoints.pickle.tensor_extractor import Kinds
from netinspect.checkpoints.pickle.tensors import Tensors
from netinspect.errors import CheckpointError
from netinspect.records.checkpoint import Checkpoint

LARGEST_NOTE = 1 << 10


def read_torch_zip(archive: Archive) -> Checkpoint:
    """Read a file written by `torch.save`.

    Raises:
        CheckpointError: The archive is damaged.
        LoadError: The archive cannot be read.
    """
    content = Content(archive.source)
    content.swapped = is_swapped(archive)
    value = add_pickle(archive, content, "data.pkl", "data")
    if not content.tensors and any(each.verdict == "other" for each in content.globals):
        raise without_tensors(archive.source, content, format_object(value, 60))
    content.warn_of_names()
    return finish(archive, content, "torch zip")


def add_pickle(
    archive: Archive,
    content: Content,
    pickle: str,
    folder: str,
    *,
    name: str = "",
    within: str = "",
    kinds: Kinds | None = None,
) -> object:
    """Read one pickle of an archive, with its storages in a folder; return its object.

    Args:
        archive: The archive.
        content: Collector of the tensors.
        pickle: Member with the pickle, without the archive's own folder.
        folder: Folder of the storages.
        name: Prefix of all names of tensors.
        within: Prefix of the names of members if the archive is itself a member.
        kinds: Kinds of the attributes of classes, for a pickle of TorchScript.

    Raises:
        CheckpointError: The pickle is damaged, or a storage is missing.
    """
    prefix = prefix_of(archive)
    member = archive.find(prefix + pickle)
    if member is None:
        raise CheckpointError(
            f"{archive.source.name} is not whole", cause=f"it has no member {prefix + pickle!r}"
        )
    opened = archive.open(member)
    names = Names(scripted=kinds is not None)
    storages = Storages(opened.file_position)
    with readable(archive.source, member):
        value = Interpreter(opened, names).run()
        storages.register(names.outside)
    content.name(names, within + member)
    content.add(
        value,
        Tensors(storages),
        lambda known: place_storages(archive, known, f"{prefix}{folder}/", within),
        name=name,
        kinds=kinds,
    )
    if archive.members[member].compressed:
        content.warnings.append(f"{member!r} is compressed, which torch never does")
    return value


def place_storages(archive: Archive, storages: Storages, folder: str, within: str) -> None:
    """Find the member of each storage, and check its size.

    Raises:
        CheckpointError: A member is missing, or smaller than its storage.
    """
    for key, storage in storages.known.items():
        name = f"{folder}{key}"
        found = name if name in archive.members else archive.find(name)
        if found is None:
            raise CheckpointError(
                f"{archive.source.name} is not whole",
                cause=f"its pickle refers to {name!r}, but the archive has no such member",
            )
        member = archive.members[found]
        if member.size < storage.bytes:
            raise CheckpointError(
                f"{archive.source.name} is damaged",
                cause=f"{name!r} should have {storage.bytes:,} bytes by its pickle, but has "
                f"{member.size:,}",
            )
        storage.member = within + found
        inner = archive.position(found)
        storage.position = None if inner is None else archive.source.file_position(inner)


def finish(archive: Archive, content: Content, kind: str) -> Checkpoint:
    """Return the checkpoint of an archive."""
    if content.swapped:
        content.warnings.append("its numbers are big-endian")
    return content.checkpoint(kind, archive.warnings)


def prefix_of(archive: Archive) -> str:
    """Return the folder of the first member, which torch uses for all members."""
    first = next(iter(archive.members), "")
    folder, slash, _ = first.partition("/")
    return folder + slash if slash else ""


def is_swapped(archive: Archive) -> bool:
    """Return whether numbers are big-endian."""
    member = archive.find(f"{prefix_of(archive)}byteorder")
    return member is not None and archive.read(member, LARGEST_NOTE).strip() == b"big"
