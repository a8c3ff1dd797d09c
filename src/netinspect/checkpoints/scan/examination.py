"""Scan of arbitrary bytes under every interpretation that a loader could choose."""

from __future__ import annotations

import re

from netinspect.checkpoints.formats.numpy_files import array_end
from netinspect.checkpoints.formats.table import format_named, load
from netinspect.checkpoints.io.compressed import TooMuch, decompress, method_of
from netinspect.checkpoints.io.source import ByteSource, SkippedError
from netinspect.checkpoints.io.sub_source import MemorySource, SubSource
from netinspect.checkpoints.io.tar import BLOCK, TarArchive, is_header
from netinspect.checkpoints.io.zip_archive import LARGEST_INFLATED, NotRead
from netinspect.checkpoints.io.zip_directory import find_appended
from netinspect.checkpoints.pickle.lenient_interpreter import probe
from netinspect.checkpoints.pickle.names import Names
from netinspect.checkpoints.recognize import recognize
from netinspect.checkpoints.scan import archives, streams
from netinspect.checkpoints.scan.concatenated_zips import find_concatenated
from netinspect.checkpoints.scan.images import image_end
from netinspect.checkpoints.scan.ledger import Ledger, label
from netinspect.checkpoints.scan.texts import read_text
from netinspect.checkpoints.unsupported.identify import identify
from netinspect.errors import CheckpointError

_HEAD = 1 << 10
_PADDING = 16
"""Minimum run of zeros that is taken for padding."""

_MOST_STRETCHES = 10_000
_SUFFIX = re.compile(r"\.(?:gz|bz2|xz|lzma|z)$", re.IGNORECASE)
_LARGEST_REMOTE_TEXT = 32 << 20
_PROBED_REMOTELY = 1 << 20


def examine(
    source: ByteSource,
    member: str,
    ledger: Ledger,
    layers: int,
    *,
    scripted: bool = False,
    name: str = "",
) -> list[Names]:
    """Examine arbitrary bytes completely.

    Args:
        source: The bytes.
        member: Name for reports.
        ledger: Receives the results.
        layers: How much deeper archives may nest.
        scripted: True if the bytes are from a TorchScript archive.
        name: Name of the file or member if it differs from `member`.

    Returns:
        The names in each pickle.

    Raises:
        LoadError: The bytes cannot be read.
    """
    if not source.size:
        ledger.add(member, "empty")
        return []
    if layers < 0:
        ledger.miss(member, "archives nest deeper here than is followed")
        return []
    view = _View(ledger, layers, scripted, name or member)
    padded = not source.read(0, min(_PADDING, source.size)).strip(b"\0") and source.size > _PADDING
    at, stretches = source.skip_zeros() if padded else 0, 0
    if at == source.size:
        ledger.add(member, "zeros")
    while at < source.size:
        if stretches == _MOST_STRETCHES:
            ledger.miss(member, f"from byte {at:,} on: too many parts follow each other")
            break
        part = source if not at else SubSource(source, at, source.size - at)
        part_label = member if not at else label(member, f"from byte {at:,} on")
        try:
            at += max(1, view.stretch(part, part_label))
        except (NotRead, SkippedError) as error:
            ledger.miss(part_label, error.cause or error.message)
            break
        except CheckpointError as error:
            ledger.fail(part_label, error)
            break
        at = source.skip_zeros(at)
        stretches += 1
    return view.names


class _View:
    """Scan of some bytes."""

    def __init__(self, ledger: Ledger, layers: int, scripted: bool, name: str) -> None:
        self._ledger = ledger
        self._layers = layers
        self._scripted = scripted
        self._name = name
        self.names: list[Names] = []

    def stretch(self, source: ByteSource, member: str) -> int:
        """Examine the content that starts at the first byte, and return where it ends."""
        kind = self._kind(source)
        appended = None if kind == "zip" else find_appended(source)
        if kind is None and appended is not None and appended[0] > 0:
            # Bytes before the archive are examined separately.
            begin, end = appended
            self._inner(SubSource(source, 0, begin), label(member, f"bytes 0 to {begin:,}"))
            self._inner(SubSource(source, begin, end - begin), label(member, f"from byte {begin:,} on"))
            return end
        end = self._as(kind, source, member)
        if appended is not None and appended[0] < end and not _is_member(kind, source, *appended):
            begin, stop = appended
            inner = SubSource(source, begin, stop - begin)
            part_label = label(member, "as a zip archive")
            archives.examine_zip(inner, part_label, self._ledger, self._layers - 1, examine)
            end = max(end, stop)
        if kind not in ("pickle", "torch legacy", "zip"):
            # A tar archive starts with the name of its first member, which can be a pickle.
            if kind != "tar" and is_header(source.read(0, min(BLOCK, source.size))):
                part_label = label(member, "as a tar archive")
                archives.examine_tar(source, part_label, self._ledger, self._layers - 1, examine)
            self._probe(source, member, is_known=kind is not None)
        return end

    def _kind(self, source: ByteSource) -> str | None:
        head = source.read(0, min(BLOCK, source.size))
        kind = recognize(source)
        if kind != "tar" and is_header(head) and kind in (None, "pickle"):
            return "tar"
        if kind == "tar" and not is_header(head):
            kind = None
        if kind == "pickle" and head[:1] in b"ci(" and head[:2] not in (b"(d", b"(l"):
            found = probe(source)
            return kind if found.end is not None or found.calls else None
        return kind

    def _as(self, kind: str | None, source: ByteSource, member: str) -> int:
        """Examine bytes as one kind of container; return where it ends."""
        ledger = self._ledger
        if kind == "zip":
            self._zip(source, member)
            return source.size
        if kind == "tar":
            return archives.examine_tar(source, member, ledger, self._layers, examine)
        if kind == "torch legacy":
            return streams.read_legacy(source, member, ledger)
        if kind == "pickle":
            return self._stream(source, member, 0)
        if kind == "npy":
            return self._array(source, member)
        if kind is None:
            return self._other(source, member)
        function = format_named(kind).examine
        if function is None:
            ledger.miss(member, f"{kind}, whose content is not examined")
            return source.size
        end, reasons = load(function)(source)
        for reason in reasons:
            ledger.miss(member, reason)
        ledger.add(member, kind)
        return int(end)

    def _zip(self, source: ByteSource, member: str) -> None:
        """Examine one or more consecutive archives."""
        try:
            archives.examine_zip(source, member, self._ledger, self._layers, examine)
        except CheckpointError:
            parts = [] if source.remote else find_concatenated(source)
            if len(parts) < 2:
                raise
            for begin, end in parts:
                part, part_label = SubSource(source, begin, end - begin), f"bytes {begin:,} to {end:,}"
                archives.examine_zip(
                    part, label(member, part_label), self._ledger, self._layers, examine
                )

    def _stream(self, source: ByteSource, member: str, start: int) -> int:
        end, names = streams.read_stream(source, member, self._ledger, start, scripted=self._scripted)
        for each in names:
            streams.miss_outside(each, member, self._ledger)
        self.names += names
        return end

    def _array(self, source: ByteSource, member: str) -> int:
        found = array_end(source)
        if found is None:
            raise CheckpointError(
                f"{source.name} is not a valid npy file", cause="the header of an array is damaged"
            )
        end, has_objects = found
        if has_objects:
            return self._stream(source, member, end)
        if end > source.size:
            raise CheckpointError(
                f"{source.name} is not whole",
                cause=f"its array has {end:,} bytes with its header, of which {source.size:,} are there",
            )
        self._ledger.add(member, "NumPy array")
        return end

    def _other(self, source: ByteSource, member: str) -> int:
        """Examine bytes that no checkpoint reader accepts."""
        ledger = self._ledger
        head = source.read(0, min(_HEAD, source.size))
        found = probe(_near(source))
        if found.calls or (found.end is not None and (found.names or _goes_on(source, found.end))):
            return self._stream(source, member, 0)
        method = method_of(head)
        if method is not None:
            end = self._compressed(source, member, method)
            if end is not None:
                return end
        image = image_end(source)
        if image is not None:
            ledger.add(member, image[0])
            return image[1]
        if source.remote and source.size > _LARGEST_REMOTE_TEXT:
            ledger.miss(member, "it was not fetched whole")
            return source.size
        text = read_text(source, self._name)
        if text is None:
            unread = identify(source)
            ledger.miss(member, "an unknown format" if unread is None else unread.text)
        elif text.runs:
            ledger.miss(member, text.runs)
        elif found.names:
            ledger.miss(member, f"text that a loader of pickles would import {found.names[0]:.100} for")
        else:
            ledger.add(member, text.kind)
        return source.size

    def _compressed(self, source: ByteSource, member: str, method: str) -> int | None:
        ledger = self._ledger
        room = min(LARGEST_INFLATED, ledger.room())
        try:
            found = decompress(source, method, room)
        except TooMuch:
            ledger.miss(member, f"compressed by {method}: it decompresses to more than {room:,} bytes")
            return source.size
        if found is None:
            return None
        data, end = found
        ledger.hold(len(data))
        self._name = _SUFFIX.sub("", self._name)
        self._inner(MemorySource(source, data), label(member, "decompressed"))
        ledger.release(len(data))
        return end

    def _inner(self, source: ByteSource, member: str) -> None:
        examine(source, member, self._ledger, self._layers - 1, scripted=self._scripted, name=self._name)

    def _probe(self, source: ByteSource, member: str, *, is_known: bool) -> None:
        """Examine a file of another kind as a pickle too if a loader could mistake it for one."""
        if not is_known:
            return  # already tried
        found = probe(_near(source))
        if found.names or found.calls:
            self._stream(source, label(member, "as a pickle"), 0)


def _is_member(kind: str | None, source: ByteSource, begin: int, end: int) -> bool:
    """Return whether a range is within one entry of a tar archive and examined with it."""
    if kind != "tar":
        return False
    entries = TarArchive(source).entries
    return any(each.start <= begin and end <= each.start + each.size for each in entries)


def _goes_on(source: ByteSource, end: int) -> bool:
    """Return whether a pickle of plain values is followed by nothing or by another pickle."""
    return end == source.size or streams.is_pickle(SubSource(source, end, source.size - end))


def _near(source: ByteSource) -> ByteSource:
    """Return the part of a source that is checked for a pickle."""
    if source.remote and source.size > _PROBED_REMOTELY:
        return SubSource(source, 0, _PROBED_REMOTELY)
    return source
