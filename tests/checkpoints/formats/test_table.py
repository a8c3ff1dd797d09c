"""The table of checkpoint formats: its rows, and a format that a test adds."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from netinspect.checkpoints import recognize
from netinspect.checkpoints.formats import table, zip_files
from netinspect.checkpoints.formats.table import FORMATS, TITLES, Format
from netinspect.checkpoints.io.source import ByteSource
from netinspect.checkpoints.pickle_globals import scan_pickles
from netinspect.checkpoints.read import read_checkpoint
from netinspect.errors import CheckpointError
from netinspect.records.checkpoint import Checkpoint, StoredTensor

ROWS = (*FORMATS, *zip_files.ZIP_FORMATS)


@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_table_row_functions_exist(row: Format | zip_files.ZipFormat) -> None:
    assert callable(table.load(row.reader))
    assert callable(row.matches if callable(row.matches) else table.load(row.matches))


def test_table_names_are_unique() -> None:
    assert len({row.name for row in FORMATS}) == len(FORMATS)


def test_table_suffixes_are_unique() -> None:
    assert len(set(table.SUFFIXES)) == len(table.SUFFIXES)


def test_unknown_format_error_lists_formats(tmp_path: Path) -> None:
    path = tmp_path / "unknown"
    path.write_bytes(bytes(range(1, 200)) * 3)
    with pytest.raises(CheckpointError) as caught:
        read_checkpoint(str(path))
    cause = caught.value.cause or ""
    assert cause.startswith("unknown format: not torch's own files, ")
    assert [title for title in TITLES if title not in cause] == []


@pytest.fixture
def added_format(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Add a format with one module and one row, and return a file of it."""

    def read_added(source: ByteSource) -> Checkpoint:
        tensor = StoredTensor(
            name="weight", dtype="uint8", shape=(4,), bytes=4, storage=0, position=source.size - 4
        )
        return Checkpoint(
            target=source.name,
            format="added",
            files=(source.stored_file(),),
            tensors=(tensor,),
        )

    module = ModuleType("added")
    module.read_added = read_added  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "netinspect.checkpoints.formats.added", module)
    row = Format("added", lambda head: head.startswith(b"ADDED"), "added:read_added")
    for user in (table, recognize):
        monkeypatch.setattr(user, "FORMATS", (*FORMATS, row))
    path = tmp_path / "model.added"
    path.write_bytes(b"ADDED" + bytes(4))
    return path


def test_read_checkpoint_uses_an_added_row(added_format: Path) -> None:
    checkpoint = read_checkpoint(str(added_format))
    assert checkpoint.format == "added"
    assert [tensor.name for tensor in checkpoint.tensors] == ["weight"]


def test_scan_pickles_reports_an_added_format_as_not_examined(added_format: Path) -> None:
    (part,) = scan_pickles(str(added_format)).unexamined
    assert re.search("^added, whose content is not examined", part.reason)
