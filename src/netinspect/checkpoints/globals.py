"""All pickles of a file or folder, whatever it is, and what they would import and call."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace

from netinspect.checkpoints.access.archive import Archive
from netinspect.checkpoints.access.source import Source
from netinspect.checkpoints.access.window import Loose
from netinspect.checkpoints.formats.torch_tar import find_members
from netinspect.checkpoints.formats.zip_files import kind_of
from netinspect.checkpoints.pickles.content import globals_of
from netinspect.checkpoints.pickles.legacy import read_object
from netinspect.checkpoints.pickles.machine import Machine, Names
from netinspect.checkpoints.pickles.nested import NestedStorages
from netinspect.checkpoints.pickles.stream import PickleError
from netinspect.checkpoints.places import Folder, Place, open_file
from netinspect.checkpoints.recognize import Container, recognize, tell_unknown
from netinspect.errors import CheckpointError, LoadError
from netinspect.process import without_collector
from netinspect.records.checkpoint import Global, StoredFile
from netinspect.records.pickles import Pickle, PickleScan

_SUFFIXES = (".pkl", ".pickle", ".debug_pkl")
_TAR_MEMBERS = ("storages", "tensors", "pickle")
_MOST_FILES = 1000
_MOST_LAYERS = 3
_HEAD = 1 << 12
_OBJECTS = b"|O"
"""What the header of an array has for its type where it is one of Python's objects."""
_NAMED: dict[Container, str] = {"zip": "zip archive", "tar": "torch tar"}


def scan_pickles(path: str, name: str | None = None) -> PickleScan:
    """Read the pickles of a file, or of each file of a folder.

    One that cannot be read to its end is a problem, and what it names before is listed.

    Args:
        path: Where it is.
        name: What to call it; None for the path.

    Raises:
        CheckpointError: It is damaged otherwise, or neither a pickle nor a checkpoint.
        LoadError: It cannot be read.
    """
    name = path if name is None else name
    with without_collector():
        if os.path.isdir(path):
            return scan_place(Folder(path, name))
        with open_file(path, name) as source:
            return _Scan(source).whole()


def scan_file(place: Place, name: str) -> PickleScan:
    """Read the pickles of one file of a folder; see `scan_pickles`."""
    with place.open(name) as source:
        return _Scan(source).whole()


def scan_place(place: Place) -> PickleScan:
    """Read the pickles of each file of a folder that holds any, by its content: a loader may take it.

    Raises:
        LoadError: It cannot be read.
    """
    inside = place.files()
    files: list[StoredFile] = []
    pickles: list[Pickle] = []
    globals_: list[Global] = []
    problems: list[str] = []
    warnings: list[str] = []
    if len(inside) > _MOST_FILES:
        problems.append(f"it holds {len(inside):,} files; the first {_MOST_FILES:,} are read")
    for each in inside[:_MOST_FILES]:
        try:
            with place.open(each) as source:
                if recognize(source) not in ("zip", "tar", "torch legacy", "pickle", "npy"):
                    continue
                scan = _Scan(source).whole()
        except LoadError as error:
            if place.remote and not isinstance(error, CheckpointError):
                raise  # What one file meets on the way, all others meet too.
            problems.append(f"{each}: {error.cause or error.message}")
            continue
        number = len(files)
        files += scan.files
        pickles += [replace(found, file=number) for found in scan.pickles]
        globals_ += [replace(found, file=number) for found in scan.globals]
        problems += [f"{each}: {text}" for text in scan.problems]
        warnings += [f"{each}: {text}" for text in scan.warnings]
    return PickleScan(
        target=place.name,
        format="folder",
        files=tuple(files),
        pickles=tuple(pickles),
        globals=tuple(globals_),
        problems=tuple(problems),
        warnings=tuple(warnings),
    )


class _Scan:
    """The pickles of one file."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._pickles: list[Pickle] = []
        self._globals: list[Global] = []
        self._error: CheckpointError | None = None
        self._problems: list[str] = []
        self._warnings: list[str] = []

    def whole(self) -> PickleScan:
        """Read them.

        Raises:
            CheckpointError: The file is damaged otherwise, or holds neither tensors nor a pickle.
        """
        kind = recognize(self._source)
        told: str = _NAMED.get(kind, kind) if kind is not None else "pickle"
        if kind == "zip":
            archive = Archive(self._source)
            told = kind_of(archive) or told
            self._archive(archive, "", _MOST_LAYERS)
            if self._error is not None and not self._pickles:
                raise self._error
        elif kind == "tar":
            for member, window in find_members(self._source).items():
                if member in _TAR_MEMBERS:
                    self._pickle(window, member)
        elif kind == "torch legacy":
            self._legacy(self._source, "")
        elif kind == "pickle":
            self._plain(self._source)
        elif kind == "npy":
            self._array(self._source, "")
        elif kind is None:
            self._unknown()
        return PickleScan(
            target=self._source.name,
            format=told,
            files=(self._source.stored_file(),),
            pickles=tuple(self._pickles),
            globals=tuple(self._globals),
            problems=tuple(self._problems),
            warnings=tuple(self._warnings),
        )

    def _archive(self, archive: Archive, within: str, layers: int) -> None:
        """Members that are pickles by their names or their bytes; and archives in the archive.

        One that is damaged hides no other.
        """
        scripted = kind_of(archive) == "TorchScript"
        for name in archive.members:
            try:
                self._member(archive, name, within, layers, scripted)
            except CheckpointError as error:
                self._error = self._error or error
                if len(self._problems) < _MOST_FILES:
                    self._problems.append(f"{within}{name}: {error.cause or error.message}")
        self._warnings += archive.warnings

    def _member(self, archive: Archive, name: str, within: str, layers: int, scripted: bool) -> None:
        folded = name.lower()  # torch overlooks the case of letters
        if folded.endswith(_SUFFIXES):
            self._pickle(archive.open(name), within + name, scripted=scripted)
            return
        is_array = folded.endswith(".npy")
        if not is_array and not _may_be_file(folded):
            return
        # Most of these are large and no pickles: their first bytes tell.
        head, _ = archive.start(name, _HEAD)
        kind = recognize(Loose(archive.source, head))
        if is_array:
            if _OBJECTS in head:
                self._array(archive.open(name), within + name)
        elif kind == "zip" and layers:
            self._archive(Archive(archive.open(name, check=False)), f"{within}{name}:", layers - 1)
        elif kind == "torch legacy":
            self._legacy(archive.open(name), within + name)
        elif kind == "pickle" and "opaque_obj_" in name:
            self._pickle(archive.open(name), within + name)

    def _array(self, source: Source, member: str) -> None:
        """An array of Python's objects is a pickle behind the header."""
        head = source.read(0, min(12, source.size))
        width = 2 if head[6:7] == b"\x01" else 4
        length = int.from_bytes(head[8 : 8 + width], "little")
        start = 8 + width + length
        if head[:6] != b"\x93NUMPY" or start > source.size or length > 1 << 16:
            return
        if _OBJECTS in source.read(8 + width, length):
            self._pickle(source, member, start)

    def _legacy(self, source: Source, member: str) -> None:
        names = Names()
        machine = Machine(source, names)

        def read() -> None:
            read_object(machine)
            machine.run()  # the list of storages

        self._note(read, names, source, member, 0)

    def _plain(self, source: Source) -> None:
        """A pickle, and those behind it, which a loader may read too."""
        at = self._pickle(source, "")
        while at is not None and at < source.size and len(self._pickles) < _MOST_FILES:
            pickles, globals_, problems = len(self._pickles), len(self._globals), len(self._problems)
            end = self._pickle(source, "", at)
            if end is None and len(self._globals) == globals_:
                # What stands behind the first need be no pickle.
                del self._pickles[pickles:], self._problems[problems:]
                self._warnings.append(f"{source.size - at:,} bytes behind it are no pickle")
            at = end

    def _pickle(
        self, source: Source, member: str, start: int = 0, *, scripted: bool = False
    ) -> int | None:
        """Read one pickle; return where it ends, None where it cannot be read so far."""
        names = Names(scripted=scripted)
        machine = Machine(source, names, start)
        is_whole = self._note(lambda: machine.run(), names, source, member, start)
        return machine.position if is_whole else None

    def _note(
        self, read: Callable[[], object], names: Names, source: Source, member: str, start: int
    ) -> bool:
        """Note what one pickle names, however its reading ends; return whether it was read whole."""
        error: PickleError | None = None
        try:
            read()
        except PickleError as found:
            error = found
        try:
            NestedStorages(source, names)
        except PickleError as found:
            error = error or found
        self._pickles.append(Pickle(file=0, member=member, position=start))
        self._globals += globals_of(names, member)
        if error is not None:
            self._problems.append(f"{member}: {error}" if member else str(error))
        return error is None

    def _unknown(self) -> None:
        """What does not look like a pickle may be one nevertheless, of the oldest protocols."""
        self._pickle(self._source, "")
        called = any(each.uses for each in self._globals)
        if self._problems and not called:
            cause, hint = tell_unknown(self._source)
            if hint is None and self._source.size:
                cause = f"read as a pickle: {self._problems[0]}; and {cause}"
            raise CheckpointError(
                f"{self._source.name} is neither a pickle nor a checkpoint", cause=cause, hint=hint
            )


def _may_be_file(name: str) -> bool:
    """Whether a member may be a file of `torch.save` itself: of an exported program."""
    return name.endswith((".pt", ".pth", ".ckpt", ".bin")) or any(
        part in name for part in ("data/weights/weight_", "data/constants/", "serialized_")
    )
