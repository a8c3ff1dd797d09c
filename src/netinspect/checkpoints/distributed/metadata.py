"""Reader of `.metadata`, the pickle that describes a folder of torch.distributed.checkpoint."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from netinspect.checkpoints.formats.dtypes import BITS
from netinspect.checkpoints.io.source import ByteSource
from netinspect.checkpoints.pickle.classes import class_of, state_entries
from netinspect.checkpoints.pickle.collected_content import Content, readable
from netinspect.checkpoints.pickle.format_object import format_key, format_object
from netinspect.checkpoints.pickle.interpreter import Interpreter
from netinspect.checkpoints.pickle.names import Names
from netinspect.checkpoints.pickle.objects import Called, Key
from netinspect.checkpoints.pickle.storages import dtype_name, whole_number
from netinspect.checkpoints.pickle.stream import PickleError
from netinspect.checkpoints.pickle.tensor_facts import MOST_DIMENSIONS
from netinspect.checkpoints.pickle.tensors import shape_of
from netinspect.errors import CheckpointError

_MOST_TENSORS = 500_000
_MOST_CHUNKS = 1_000_000
_MOST_LETTERS = 48 << 20
_LONGEST_FILE = 255

Box = tuple[tuple[int, ...], tuple[int, ...]]
"""Index of the first element, and sizes."""


class FileRange(NamedTuple):
    """Range of a file."""

    file: str
    begin: int
    bytes: int
    transformed: bool
    """True if the bytes were compressed or otherwise transformed."""


class Shared(NamedTuple):
    """One tensor, distributed over all processes."""

    name: str
    section: str
    dtype: str
    shape: tuple[int, ...]
    chunks: tuple[tuple[Box, FileRange | None], ...]
    """Stored boxes with their ranges; None for an unknown range."""

    @property
    def bytes(self) -> int:
        """Bytes of all elements."""
        return (math.prod(self.shape) * BITS[self.dtype] + 7) // 8


@dataclass
class Facts:
    """Content of the metadata."""

    content: Content
    tensors: list[Shared] = field(default_factory=list)
    objects: list[tuple[str, FileRange | None]] = field(default_factory=list)
    """Objects that are not tensors, each with the range of its pickle."""


def read_metadata(source: ByteSource) -> Facts:
    """Read the metadata of a folder.

    Raises:
        CheckpointError: The file is damaged, or not such metadata.
        LoadError: The file cannot be read.
    """
    content, names = Content(source), Names()
    with readable(source):
        value = Interpreter(source, names).run()
    content.name(names)
    state = _state(value, "Metadata")
    if state is None:
        raise CheckpointError(
            f"{source.name} is not the metadata of torch.distributed.checkpoint",
            cause=f"it is a pickle of {format_object(value, 60)}",
            hint="netinspect globals lists what loading it would call; nothing was executed",
        )
    facts = Facts(content)
    with readable(source):
        ranges = dict(_file_ranges(state.get("storage_data")))
        paths = state.get("planner_data")
        _fill(facts, state.get("state_dict_metadata"), paths if type(paths) is dict else {}, ranges)
    return facts


def _fill(facts: Facts, stored: Any, paths: dict[Any, Any], ranges: dict[object, FileRange]) -> None:
    if type(stored) is not dict:
        raise PickleError("it has no table of what is stored")
    chunks = letters = 0
    for key, value in stored.items():
        name = format_key(key)
        letters += len(name)
        if len(facts.tensors) == _MOST_TENSORS or letters > _MOST_LETTERS:
            raise PickleError(f"it has more than {_MOST_TENSORS:,} tensors, or names as long")
        state = _state(value, "TensorStorageMetadata")
        if state is None:
            facts.objects.append((name, ranges.get((name, None))))
            continue
        try:
            made = _tensor(name, _section(name, paths.get(key)), state, ranges)
        except PickleError as error:
            raise PickleError(f"{name:.200}: {error}") from None
        chunks += len(made.chunks)
        if chunks > _MOST_CHUNKS:
            raise PickleError(f"its tensors are in more than {_MOST_CHUNKS:,} pieces")
        facts.tensors.append(made)


def _tensor(name: str, section: str, state: dict[Any, Any], ranges: dict[object, FileRange]) -> Shared:
    shape = shape_of(state.get("size"))
    properties = state.get("properties")
    described = properties.state if type(properties) is Called else None
    dtype = dtype_name(described[0]) if type(described) is tuple and described else None
    if dtype is None:
        raise PickleError(f"its type is {format_object(described, 60)}")
    if math.prod(shape) >= 1 << 63:
        raise PickleError(f"its shape is {format_object(shape, 60)}: too many elements")
    listed = state.get("chunks")
    if type(listed) is not list:
        raise PickleError(f"its pieces are {format_object(listed, 60)}")
    chunks = []
    for each in listed:
        chunk = _state(each, "ChunkStorageMetadata") or {}
        offsets, sizes = shape_of(chunk.get("offsets")), shape_of(chunk.get("sizes"))
        fits = len(offsets) == len(sizes) == len(shape) and all(
            at + size <= most for at, size, most in zip(offsets, sizes, shape, strict=True)
        )
        if not fits:
            raise PickleError(
                f"a piece of {format_object(sizes, 60)} at {format_object(offsets, 60)} "
                f"is not in {format_object(shape, 60)}"
            )
        chunks.append(((offsets, sizes), ranges.get((name, offsets))))
    return Shared(name, section, dtype, shape, tuple(chunks))


def _section(name: str, path: Any) -> str:
    """Return all keys of a name but the last, if the planner recorded the keys."""
    if type(path) is not tuple or not 1 < len(path) <= MOST_DIMENSIONS:
        return ""
    section = ".".join(format_key(each) for each in path[:-1])
    return section if name.startswith(f"{section}.") else ""


def _file_ranges(stored: Any) -> Iterator[tuple[object, FileRange]]:
    """Iterate over the ranges of pieces, by name and offsets, and of objects, by name and None."""
    if type(stored) is not dict:
        return
    for key, value in stored.items():
        index = _state(key.value if type(key) is Key else key, "MetadataIndex")
        info = _state(value, "_StorageInfo")
        if index is None or info is None:
            continue
        offset = index.get("offset")
        file = info.get("relative_path")
        if type(file) is not str or len(file) > _LONGEST_FILE:
            raise PickleError(f"a piece is in the file {format_object(file, 60)}")
        yield (
            (index.get("fqn"), None if offset is None else shape_of(offset)),
            FileRange(
                file,
                whole_number(info.get("offset"), "the start of a piece"),
                whole_number(info.get("length"), "the length of a piece"),
                bool(info.get("transform_descriptors")),
            ),
        )


def _state(value: Any, name: str) -> dict[Any, Any] | None:
    """Return the attributes of an instance of a class; None for any other object."""
    named = class_of(value) if type(value) is Called else None
    if named is None or named.name != name or not named.module.startswith("torch.distributed."):
        return None
    return dict(state_entries(value.state))
