"""Pickles of a file or folder of any kind, and what they would import and call."""

from __future__ import annotations

import os
from itertools import accumulate

from netinspect._utils.process import without_collector
from netinspect.checkpoints.folders.file_sets import FileSet, Folder, open_file
from netinspect.checkpoints.formats.torch_tar import MEMBERS
from netinspect.checkpoints.formats.zip_files import kind_of
from netinspect.checkpoints.io.source import ByteSource, SkippedError
from netinspect.checkpoints.io.zip_archive import Archive
from netinspect.checkpoints.recognize import find_mistaken, recognize
from netinspect.checkpoints.scan.examination import examine
from netinspect.checkpoints.scan.ledger import MOST_LAYERS, Ledger
from netinspect.errors import CheckpointError, LoadError
from netinspect.records.base import replace
from netinspect.records.pickles import PickleScan, UnexaminedPart

_MOST_FILES = 10_000


def scan_pickles(path: str, name: str | None = None) -> PickleScan:
    """Read the pickles of a file, or of all files of a folder, and list what was not examined.

    A pickle that cannot be read to its end is a problem; the names before the error are listed.

    Args:
        path: Path of the file or folder.
        name: Name for messages; None for the path.

    Raises:
        CheckpointError: The file is damaged, and no pickle was found in it.
        LoadError: The file or folder cannot be read.
    """
    name = path if name is None else name
    with without_collector():
        if os.path.isdir(path):
            return scan_file_set(Folder(path, name))
        with open_file(path, name) as source:
            return _scan_target(source)


def scan_file(file_set: FileSet, name: str) -> PickleScan:
    """Read the pickles of one file of a folder; see `scan_pickles`."""
    with file_set.open(name) as source:
        return _scan_target(source)


def scan_file_set(file_set: FileSet) -> PickleScan:
    """Read the pickles of all files of a folder and its subfolders, recognized by content.

    Raises:
        LoadError: The folder cannot be read, or the network fails.
    """
    scans: list[PickleScan] = []
    count = 0
    for name, reason in file_set.walk():
        count += reason is None
        if count > _MOST_FILES:
            reason = f"it and what follows: the first {_MOST_FILES:,} files are read"
            scans.append(_unread(name, reason))
            break
        scans.append(_scan_member(file_set, name) if reason is None else _unread(name, reason))
    numbers = list(accumulate((len(each.files) for each in scans), initial=0))
    numbered = list(zip(numbers, scans, strict=False))
    return PickleScan(
        target=file_set.name,
        format="folder",
        files=tuple(file for scan in scans for file in scan.files),
        pickles=tuple(replace(each, file=number) for number, scan in numbered for each in scan.pickles),
        globals=tuple(replace(each, file=number) for number, scan in numbered for each in scan.globals),
        examined=tuple(each for scan in scans for each in scan.examined),
        unexamined=tuple(each for scan in scans for each in scan.unexamined),
        problems=tuple(f"{scan.target}: {text}" for scan in scans for text in scan.problems),
        warnings=tuple(f"{scan.target}: {text}" for scan in scans for text in scan.warnings),
    )


def _scan_member(file_set: FileSet, name: str) -> PickleScan:
    """Read the pickles of one file of a folder; an error becomes a problem or an unexamined part."""
    try:
        with file_set.open(name) as source:
            return replace(_scan(source), target=name)
    except CheckpointError as error:
        return PickleScan(target=name, format="", problems=(error.cause or error.message,))
    except LoadError as error:
        if file_set.remote and not isinstance(error, SkippedError):
            raise  # a network error applies to all other files too
        return _unread(name, error.cause or error.message)


def _unread(name: str, reason: str) -> PickleScan:
    part = UnexaminedPart(file=name, member="", reason=reason)
    return PickleScan(target=name, format="", unexamined=(part,))


def _scan_target(source: ByteSource) -> PickleScan:
    """Read the pickles of one target file; refuse a file that was downloaded by mistake."""
    scan = _scan(source)
    mistaken = None if scan.pickles else find_mistaken(source)
    if mistaken is not None:
        raise CheckpointError(
            f"{source.name} is neither a pickle nor a checkpoint",
            cause=mistaken.describe(),
            hint=mistaken.advice(source.name),
        )
    return scan


def _scan(source: ByteSource) -> PickleScan:
    """Read the pickles of one file.

    Raises:
        CheckpointError: The file is damaged, and no pickle was found in it.
        LoadError: The file cannot be read.
    """
    ledger = Ledger(source.name)
    examine(source, "", ledger, MOST_LAYERS, name=source.name)
    if ledger.error is not None and not ledger.pickles:
        raise ledger.error
    return PickleScan(
        target=source.name,
        format=_format(source, ledger),
        files=(source.stored_file(),),
        pickles=tuple(ledger.pickles),
        globals=tuple(ledger.globals),
        examined=tuple(ledger.examined),
        unexamined=tuple(ledger.unexamined),
        problems=tuple(ledger.problems),
        warnings=tuple(ledger.warnings),
    )


def _format(source: ByteSource, ledger: Ledger) -> str:
    """Return the name of a file's format."""
    kind = recognize(source)
    if kind == "zip":
        try:
            return kind_of(Archive(source, encrypted=True)) or "zip archive"
        except CheckpointError:
            return "concatenated zip archives"  # a damaged archive has raised its error before
    members = {each.member for each in ledger.examined}
    if kind == "tar":
        return "torch tar" if members.issuperset(MEMBERS) else "tar archive"
    of_file = next((each.kind for each in ledger.examined if not each.member), None)
    return kind or of_file or ("archive" if members else "unknown format")
