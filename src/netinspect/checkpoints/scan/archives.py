"""Scan of zip and tar archives, including the bytes between members."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Iterator

from netinspect.checkpoints.formats.numpy_files import array_end
from netinspect.checkpoints.formats.torch_tar import MEMBERS as TORCH_TAR
from netinspect.checkpoints.formats.zip_files import kind_of
from netinspect.checkpoints.io.bounded_json import read_object
from netinspect.checkpoints.io.source import ByteSource, SkippedError
from netinspect.checkpoints.io.sub_source import MemorySource, SubSource
from netinspect.checkpoints.io.tar import BLOCK, TarArchive, is_header
from netinspect.checkpoints.io.zip_archive import Archive, NotRead
from netinspect.checkpoints.io.zip_directory import find_appended
from netinspect.checkpoints.pickle.lenient_interpreter import probe
from netinspect.checkpoints.pickle.names import Names
from netinspect.checkpoints.pickle.storages import Storages
from netinspect.checkpoints.pickle.stream import PickleError
from netinspect.checkpoints.recognize import recognize
from netinspect.checkpoints.scan import streams
from netinspect.checkpoints.scan.ledger import Ledger, label
from netinspect.checkpoints.scan.texts import find_runs
from netinspect.errors import CheckpointError

_PICKLES = (".pkl", ".pickle", ".debug_pkl")
_HEAD = 12 << 10
_PROBED = 32 << 10
_LARGEST_TEXT = 1 << 20
_COMPRESSED = (b"\x1f\x8b\x08", b"\xfd7zXZ\x00")
"""Signatures of compressed files that numbers are unlikely to match."""

_OTHER_LOADERS: tuple[tuple[tuple[str, ...], str], ...] = (
    (("mar-inf/manifest.json",), "a TorchServe archive: what its handler runs was not examined"),
    (("config.json", "metadata.json"), "a Keras archive: what Keras runs was not examined"),
    (("schema.json",), "an archive of skops: what its loader imports was not examined"),
)
"""Archives whose loaders execute content other than pickles, by their members."""

_PACKAGE = (".data/extern_modules", ".data/python_version")


Examine = Callable[..., list[Names]]
"""`examine` of `examination.py`, which examines the bytes of a member."""


def examine_zip(source: ByteSource, member: str, ledger: Ledger, layers: int, examine: Examine) -> None:
    """Examine all members of a zip archive, continuing after damaged ones.

    Args:
        source: The archive.
        member: Name for reports; empty for the file itself.
        ledger: Receives the results.
        layers: How much deeper archives may nest.
        examine: Examines each member.

    Raises:
        CheckpointError: The archive is damaged or ambiguous.
        LoadError: The archive cannot be read.
    """
    archive = Archive(source, encrypted=True)
    _Zip(archive, member, ledger, layers, examine).examine()
    ledger.warnings += [f"{member}: {each}" if member else each for each in archive.warnings]


class _Zip:
    """Members of one archive."""

    def __init__(
        self, archive: Archive, within: str, ledger: Ledger, layers: int, examine: Examine
    ) -> None:
        self._archive = archive
        self._examine = examine
        self._within = within
        self._ledger = ledger
        self._layers = layers
        self._kind = kind_of(archive)
        self._storages: dict[str, int | None] = {}
        """Members that contain only numbers, with their sizes if known."""

    def examine(self) -> None:
        """Examine pickles first, because they identify the members that are storages."""
        archive, ledger = self._archive, self._ledger
        members = list(archive.members)
        self._name_other_loaders([each.lower() for each in members])
        if self._kind == "exported program":
            self._exported()
        pickles = [each for each in members if each.lower().endswith(_PICKLES)]
        for name in pickles:
            self._each(name)
        done = set(pickles)
        for name in members:
            if name not in done:
                self._each(name)
        if archive.source.remote:
            return  # each header would be downloaded; loaders use the directory
        for at, size in archive.unused():
            self._gap(SubSource(archive.source, at, size), f"bytes {at:,} to {at + size:,}")
        for name, each in archive.members.items():
            self._gap(MemorySource(archive.source, each.comment), f"{name} (comment)")
            self._gap(MemorySource(archive.source, archive.extra(name)), f"{name} (extra field)")
        if not members:
            ledger.add(self._within, "empty archive")

    def _label(self, name: str) -> str:
        return label(self._within, name)

    def _name_other_loaders(self, members: list[str]) -> None:
        inside = set(members)
        for needed, reason in _OTHER_LOADERS:
            if inside.issuperset(needed):
                self._ledger.miss(self._within, reason)
        if any(each.endswith(_PACKAGE) for each in members):
            self._ledger.miss(
                self._within, "a package of torch.package: it holds code that its loader runs"
            )

    def _each(self, name: str) -> None:
        try:
            self._member(name)
        except (NotRead, SkippedError) as error:
            self._ledger.miss(self._label(name), error.cause or error.message)
        except CheckpointError as error:
            self._ledger.fail(self._label(name), error)

    def _member(self, name: str) -> None:
        archive, ledger, part_label = self._archive, self._ledger, self._label(name)
        member = archive.members[name]
        if not member.size and not member.stored:
            return
        if self._storages.get(name, -1) in (None, member.size) and self._is_plain_storage(name):
            ledger.add(self._label(posixpath.dirname(name) + "/"), "tensor storages")
            return
        head, _ = archive.start(name, _HEAD)
        if head[:6] == b"\x93NUMPY" and array_end(MemorySource(archive.source, head)) == (
            member.size,
            False,
        ):
            ledger.add(part_label, "NumPy array")  # the size in its header is checked
            return
        opened = archive.open(name)
        held = opened.size if isinstance(opened, MemorySource) else 0
        ledger.hold(held)
        is_script = self._kind == "TorchScript"
        if name.lower().endswith(_PICKLES):
            names = self._pickle(opened, part_label, scripted=is_script)
        elif is_script and "/code/" in f"/{name}":
            # TorchScript code is a separate language, whatever its suffix.
            names = self._examine(
                opened, part_label, ledger, self._layers - 1, scripted=True, name="code"
            )
        else:
            names = self._examine(
                opened, part_label, ledger, self._layers - 1, scripted=is_script, name=name
            )
        ledger.release(held)
        self._note_storages(name, names)

    def _pickle(self, source: ByteSource, part_label: str, *, scripted: bool) -> list[Names]:
        end, names = streams.read_stream(source, part_label, self._ledger, scripted=scripted)
        for each in names:
            streams.miss_outside(each, part_label, self._ledger)
        if end < source.size:
            rest = SubSource(source, end, source.size - end)
            self._gap(rest, posixpath.basename(part_label) + f" from byte {end:,} on")
        return names

    def _note_storages(self, name: str, pickles: Iterable[Names]) -> None:
        """Record the members that are storages of a pickle."""
        folder, _, base = name.rpartition("/")
        within = f"{folder}/" if folder else ""
        stem = base.rpartition(".")[0] or base
        for names in pickles:
            storages = Storages()
            try:
                storages.register(names.outside)
            except PickleError:
                continue  # their members are examined by content
            for key, storage in storages.known.items():
                member = f"{within}{stem}/{key}"
                found = member if member in self._archive.members else self._archive.find(member)
                if found is not None:
                    self._storages[found] = storage.bytes

    def _exported(self) -> None:
        """Record the weights of an exported program, as listed in its JSON."""
        for name in self._archive.members:
            if not name.endswith("_config.json"):
                continue
            try:
                config = read_object(self._archive.open(name)).get("config")
            except CheckpointError:
                continue
            for entry in config.values() if isinstance(config, dict) else ():
                path = entry.get("path_name") if isinstance(entry, dict) else None
                if isinstance(path, str) and not entry.get("use_pickle"):
                    self._storages[f"{posixpath.dirname(name)}/{path}"] = None

    def _is_plain_storage(self, name: str) -> bool:
        """Return whether a storage cannot be mistaken for another format, without downloading it."""
        if self._archive.source.remote:
            return True
        head, _ = self._archive.start(name, _PROBED)
        source: ByteSource = MemorySource(self._archive.source, head)
        if is_header(head[:BLOCK]) or recognize(MemorySource(source, head[:BLOCK])) in (
            "zip",
            "torch legacy",
        ):
            return False
        if head.startswith(_COMPRESSED):
            return False
        if not self._archive.members[name].compressed:
            source = self._archive.open(name, check=False)
            if find_appended(source) is not None:
                return False
        found = probe(source)
        if found.is_cut and source.size < self._archive.members[name].size:
            found = probe(self._archive.open(name))
        return not (found.names or found.calls)

    def _gap(self, source: ByteSource, what: str) -> None:
        """Examine bytes that are not part of a member."""
        if source.size and source.read(0, min(source.size, 1 << 20)).strip(b"\0"):
            self._examine(source, self._label(what), self._ledger, self._layers - 1)


def examine_tar(source: ByteSource, member: str, ledger: Ledger, layers: int, examine: Examine) -> int:
    """Examine all members of a tar archive and return where it ends; see `examine_zip`.

    Raises:
        CheckpointError: The archive is damaged.
        LoadError: The archive cannot be read.
    """
    archive = TarArchive(source)
    names = {each.name for each in archive.entries}
    files = [each for each in archive.entries if each.kind == "file"]
    done: set[str] = set()
    if len(names) == len(archive.entries) and names.issuperset(TORCH_TAR):
        windows = {each.name: archive.open(each) for each in files}
        if windows.keys() >= set(TORCH_TAR):
            streams.read_torch_tar(windows, ledger, f"{member}:" if member else "")
            done.update(TORCH_TAR)
    for entry in archive.entries:
        part_label = label(member, entry.name)
        if entry.kind == "device":
            ledger.miss(part_label, "a device or a pipe")
        elif entry.kind == "link":
            target = posixpath.normpath(posixpath.join(posixpath.dirname(entry.name), entry.target))
            if target not in names and posixpath.normpath(entry.target) not in names:
                ledger.miss(part_label, f"a link to {entry.target!r:.200}, which is not in the archive")
        elif entry.kind == "sparse":
            ledger.miss(part_label, "a sparse file, whose parts are stored apart")
            examine(archive.open(entry), part_label, ledger, layers - 1, name=entry.name)
        elif entry.kind == "file" and entry.name not in done:
            examine(archive.open(entry), part_label, ledger, layers - 1, name=entry.name)
        for padding in _padding(source, entry.start + entry.size):
            examine(padding, label(part_label, "after its end"), ledger, layers - 1)
    for start, size in archive.extras:
        found = probe(SubSource(source, start, size))
        if found.names and (found.end is not None or found.calls):
            examine(SubSource(source, start, size), label(member, "a header"), ledger, layers - 1)
        elif runs := find_runs(source.read(start, min(size, _LARGEST_TEXT))):
            ledger.miss(label(member, "a header"), runs)
    if not archive.entries:
        ledger.add(member, "empty archive")
    return max(archive.end, BLOCK)


def _padding(source: ByteSource, at: int) -> Iterator[ByteSource]:
    """Yield the padding of an entry's last block if it is not zeros."""
    length = min(-at % BLOCK, source.size - at)
    if length > 0 and source.read(at, length).strip(b"\0"):
        yield SubSource(source, at, length)
