"""Checkpoint folders of torch.distributed.checkpoint, listed from their metadata."""

from __future__ import annotations

import math

from netinspect.checkpoints.distributed import metadata
from netinspect.checkpoints.distributed.metadata import Facts
from netinspect.checkpoints.folders.file_sets import FileSet
from netinspect.checkpoints.folders.weight_sets import DISTRIBUTED_METADATA
from netinspect.checkpoints.formats.torch_zip import read_torch_zip
from netinspect.checkpoints.io.short_text import first_problems, short, some
from netinspect.checkpoints.io.sibling_path import is_plain
from netinspect.checkpoints.io.source import ByteSource
from netinspect.checkpoints.io.sub_source import SubSource
from netinspect.checkpoints.io.zip_archive import Archive
from netinspect.errors import CheckpointError, LoadError
from netinspect.records.base import replace
from netinspect.records.checkpoint import Checkpoint, Entry, StoredFile, StoredPiece, StoredTensor

_MOST_FILES = 100_000
_MOST_OBJECTS = 200
_LARGEST_OBJECT = 64 << 10
_PATHS = {
    f"{module}.{name}"
    for module in ("pathlib", "pathlib._local")  # the latter in Python 3.13
    for name in ("PosixPath", "WindowsPath")
}
"""Classes of the path under which the folder was saved."""


def read_distributed(file_set: FileSet) -> Checkpoint:
    """List the tensors of a folder with the files of their pieces, and the values of small objects.

    Raises:
        CheckpointError: The metadata is missing or damaged, or names files elsewhere.
        LoadError: The folder cannot be read.
    """
    present = frozenset(file_set.names())
    if DISTRIBUTED_METADATA not in present:
        raise CheckpointError(
            f"{file_set.name} holds pieces of a checkpoint of torch.distributed.checkpoint",
            cause="the .metadata that assigns them to tensors is missing",
            hint="fetch the whole folder; it is written last, when all processes have saved",
        )
    with file_set.open(DISTRIBUTED_METADATA) as source:
        facts = metadata.read_metadata(source)
        return _Folder(file_set, present, facts, source.stored_file()).checkpoint()


class _Folder:
    """Folder with its metadata."""

    def __init__(
        self, file_set: FileSet, present: frozenset[str], facts: Facts, own: StoredFile
    ) -> None:
        self._file_set = file_set
        self._facts = facts
        self._files: list[StoredFile] = [own]
        self._numbers: dict[str, int | None] = {}
        self._lost: dict[str, tuple[str, list[str]]] = {}
        self._problems: list[str] = []
        self._tensors: list[StoredTensor] = []
        self._open(present)

    def checkpoint(self) -> Checkpoint:
        """Return the checkpoint of the folder."""
        for shared in self._facts.tensors:
            pieces = tuple(self._piece(shared.name, box, at) for box, at in shared.chunks)
            held = sum(math.prod(each.sizes) for each in pieces)
            if held != math.prod(shared.shape):
                self._problem(
                    f"{shared.name:.200} has {math.prod(shared.shape):,} elements, and its pieces "
                    f"have {held:,}"
                )
            file = next((each.file for each in pieces if each.file is not None), None)
            self._tensors.append(
                StoredTensor(
                    name=shared.name,
                    section=shared.section,
                    dtype=shared.dtype,
                    shape=shared.shape,
                    bytes=shared.bytes,
                    storage=len(self._tensors),
                    file=file,
                    pieces=pieces,
                )
            )
        content = self._facts.content
        entries = self._objects()
        others = [each.name for each in content.globals if each.verdict == "other"]
        if set(others) - _PATHS:
            content.warn_of_names()
        lost = [
            f"{file} {why}; it should hold pieces of {some(names)}"
            for file, (why, names) in self._lost.items()
        ]
        problems = [*lost, *self._problems]
        return Checkpoint(
            target=self._file_set.name,
            format="torch distributed",
            files=tuple(self._files),
            tensors=tuple(self._tensors),
            metadata=tuple(entries),
            globals=tuple(content.globals),
            problems=first_problems(problems),
            warnings=tuple(content.warnings),
        )

    def _open(self, present: frozenset[str]) -> None:
        """Record the size of each file with pieces or objects; the files are not read."""
        named = dict.fromkeys(
            at.file for each in self._facts.tensors for _, at in each.chunks if at is not None
        )
        named |= dict.fromkeys(at.file for _, at in self._facts.objects if at is not None)
        if len(named) > _MOST_FILES:
            raise CheckpointError(
                f"cannot read {self._file_set.name}", cause=f"it has pieces in {len(named):,} files"
            )
        for name in sorted(named):
            self._numbers[name] = None
            if not is_plain(name) or (name in present and not self._file_set.contains(name)):
                raise CheckpointError(
                    f"the .metadata of {self._file_set.name} names a file in another folder",
                    cause=f"{short(name)!r} is not the name of a file in the same folder",
                    hint="nothing was read from there",
                )
            if name not in present:
                self._lost[name] = ("is not there", [])
                continue
            try:
                with self._file_set.open(name) as source:
                    self._numbers[name] = len(self._files)
                    self._files.append(source.stored_file())
            except LoadError as error:
                if self._file_set.remote:
                    raise
                self._lost[name] = (f"cannot be read ({error.cause or error.message})", [])

    def _piece(self, name: str, box: metadata.Box, at: metadata.FileRange | None) -> StoredPiece:
        offsets, sizes = box
        if at is None:
            self._problem(f"{name:.200}: .metadata does not locate a piece of it")
            return StoredPiece(offsets=offsets, sizes=sizes, file=None)
        file = self._numbers[at.file]
        if file is None:
            self._lost[at.file][1].append(name[:200])
        elif at.begin + at.bytes > self._files[file].bytes:
            self._problem(f"{name:.200} extends beyond the end of {at.file}")
            file = None
        size = 0 if at.transformed else at.bytes
        return StoredPiece(offsets=offsets, sizes=sizes, file=file, begin=at.begin, bytes=size)

    def _problem(self, text: str) -> None:
        self._problems.append(text)

    def _objects(self) -> list[Entry]:
        """Read small objects that are not tensors; nothing is executed."""
        entries = []
        for count, (name, at) in enumerate(self._facts.objects):
            if at is None or self._numbers[at.file] is None:
                text = "its file is not there" if at is not None else "its location is not recorded"
            elif count >= _MOST_OBJECTS or at.bytes > _LARGEST_OBJECT or self._file_set.remote:
                text = f"{at.bytes:,} bytes in {at.file}, not read"
            else:
                found = self._object(name, at)
                if isinstance(found, list):
                    entries += found
                    continue
                text = found
            entries.append(Entry(name=name, type="object", text=text))
        return entries

    def _object(self, name: str, at: metadata.FileRange) -> list[Entry] | str:
        """Return the values of one object, or the reason that they are not known."""
        try:
            with self._file_set.open(at.file) as source:
                part = _read_zip(source, at.begin, at.bytes)
        except LoadError as error:
            return f"not read: {error.cause or error.message}"
        number = self._numbers[at.file]
        content = self._facts.content
        content.globals += [replace(each, file=number or 0) for each in part.globals]
        for tensor in part.tensors:
            self._tensors.append(
                replace(
                    tensor,
                    name=_joined(name, tensor.name),
                    section=_joined(name, tensor.section),
                    file=None if tensor.file is None else number,
                    storage=len(self._tensors),
                )
            )
        if not part.metadata and not part.tensors:
            return "an empty object"
        return [replace(each, name=_joined(name, each.name)) for each in part.metadata]


def _read_zip(source: ByteSource, begin: int, size: int) -> Checkpoint:
    """Read a file of `torch.save` within another file."""
    source.check_range(begin, size)
    return read_torch_zip(Archive(SubSource(source, begin, size)))


def _joined(name: str, rest: str) -> str:
    return f"{name}.{rest}" if rest else name
