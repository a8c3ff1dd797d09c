"""First torch format: a tar archive with storages, tensors and a pickle that names them."""

from __future__ import annotations

import struct
from typing import Any

from netinspect.checkpoints.formats.dtypes import BITS
from netinspect.checkpoints.io.source import ByteSource
from netinspect.checkpoints.io.sub_source import SubSource
from netinspect.checkpoints.io.tar import TarArchive
from netinspect.checkpoints.pickle.collected_content import Content, readable
from netinspect.checkpoints.pickle.format_object import format_object
from netinspect.checkpoints.pickle.interpreter import Interpreter
from netinspect.checkpoints.pickle.legacy import skip_elements
from netinspect.checkpoints.pickle.names import Names
from netinspect.checkpoints.pickle.storages import Part, Storages, storage_type, whole_number
from netinspect.checkpoints.pickle.stream import SMALL_WINDOW, PickleError
from netinspect.checkpoints.pickle.tensors import Tensors, strided
from netinspect.checkpoints.unsupported.archive_members import refuse_tar
from netinspect.errors import CheckpointError
from netinspect.records.checkpoint import Checkpoint

_MOST_MEMBERS = 1000
MEMBERS = ("storages", "tensors", "pickle")


def read_torch_tar(source: ByteSource) -> Checkpoint:
    """Read a file written by the first versions of `torch.save`.

    Raises:
        CheckpointError: The archive is damaged, or another tar archive.
        LoadError: The archive cannot be read.
    """
    members = find_members(source)
    missing = [each for each in MEMBERS if each not in members]
    if missing:
        cause = f"it is a tar archive without {', '.join(missing)}, which a torch file has"
        raise refuse_tar(source, members, cause)
    content = Content(source)
    tensors = Tensors(Storages())
    parts: dict[int, Part] = {}
    for member, read in (("storages", read_storages), ("tensors", read_tensors)):
        names = Names()
        with readable(source, member):
            read(members[member], names, tensors, parts)
        content.name(names, member)
    names = Names()
    with readable(source, "pickle"):
        value = Interpreter(members["pickle"], names).run()
    content.name(names, "pickle")
    content.add(value, tensors, lambda known: None)
    content.warn_of_names()
    return content.checkpoint("torch tar")


def find_members(source: ByteSource) -> dict[str, SubSource]:
    """Return the regular files of a tar archive by name.

    Raises:
        CheckpointError: The archive is damaged, or has two files with one name.
    """
    members: dict[str, SubSource] = {}
    archive = TarArchive(source)
    for entry in archive.entries[:_MOST_MEMBERS]:
        if entry.kind != "file":
            continue
        if entry.name in members:
            raise CheckpointError(
                f"{source.name} is a damaged tar archive",
                cause=f"two members are called {entry.name!r}",
            )
        members[entry.name] = archive.open(entry)
    return members


def read_storages(source: SubSource, names: Names, tensors: Tensors, parts: dict[int, Part]) -> int:
    """Read a count, and for each storage its key, location, type, number of elements, and elements.

    Returns:
        The offset after the last storage.

    Raises:
        PickleError: The storages are damaged.
    """
    interpreter = Interpreter(source, names, 0, SMALL_WINDOW)
    storages = tensors.storages
    for _ in range(whole_number(interpreter.run(), "the count of storages")):
        key, _, kind = _three(interpreter.run())
        dtype, itemsize = storage_type(kind)
        count = int.from_bytes(source.read(interpreter.position, 8), "little", signed=True)
        size = whole_number(count, "the size of a storage") * itemsize
        if key in parts:
            raise PickleError(f"there are two storages {key}")
        storage = storages.new(key, dtype, size)
        storage.position = source.file_position(skip_elements(interpreter, storage))
        storage.member = "storages"
        parts[key] = Part(storage, dtype, 0, size)
    views = interpreter.run()
    if type(views) is not list:
        raise PickleError("there is no list of views after the storages")
    for view in views:
        if type(view) is not tuple or len(view) != 4:
            raise PickleError(f"a view of a storage is {format_object(view, 60)}")
        key, root, offset, count = (whole_number(each, "a number of a view") for each in view)
        whole = parts.get(root)
        if whole is None or key in parts:
            raise PickleError(f"a view of a storage is {format_object(view, 60)}")
        itemsize = max(1, BITS[whole.dtype] // 8) if whole.dtype is not None else 1
        shift, size = whole.shift + offset * itemsize, count * itemsize
        if shift + size > whole.shift + whole.bytes:
            raise PickleError(f"a view reaches beyond its storage {root}")
        parts[key] = Part(whole.storage, whole.dtype, shift, size)
    return interpreter.position


def read_tensors(source: SubSource, names: Names, tensors: Tensors, parts: dict[int, Part]) -> int:
    """Read a count, and for each tensor two keys, a class, and binary sizes, strides and offset.

    Returns:
        The offset after the last tensor.

    Raises:
        PickleError: The tensors are damaged.
    """
    interpreter = Interpreter(source, names, 0, SMALL_WINDOW)
    for _ in range(whole_number(interpreter.run(), "the count of tensors")):
        key, storage_key, _ = _three(interpreter.run())
        part = parts.get(whole_number(storage_key, "the key of a storage"))
        (dimensions,) = struct.unpack("<i", interpreter.bytes(8)[:4])
        if not 0 <= dimensions <= 64:
            raise PickleError(f"a tensor has {dimensions:,} dimensions")
        numbers = struct.unpack(f"<{2 * dimensions + 1}q", interpreter.bytes(16 * dimensions + 8))
        sizes, strides, offset = numbers[:dimensions], numbers[dimensions:-1], numbers[-1]
        dtype = None if part is None else part.dtype
        tensors.outside[key] = strided(part, dtype, offset, sizes, strides, None)
    return interpreter.position


def _three(value: Any) -> tuple[int, Any, Any]:
    if type(value) is not tuple or len(value) != 3:
        raise PickleError(f"{format_object(value, 60)} is in the place of a key")
    return whole_number(value[0], "a key"), value[1], value[2]
