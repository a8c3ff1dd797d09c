"""Tests of the zip reader against those of Python and torch."""

from __future__ import annotations

import warnings
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import netinspect
from netinspect.checkpoints.io.source import ByteSource, LocalSource
from netinspect.checkpoints.io.sub_source import SubSource
from netinspect.checkpoints.io.zip_archive import Archive
from netinspect.checkpoints.read import read_checkpoint
from netinspect.errors import CheckpointError
from netinspect.records.checkpoint import StoredFile
from tests.checkpoints.expected import check
from tests.checkpoints.hostile.parts import state, torch_zip
from tests.checkpoints.inert import source
from tests.checkpoints.zips import Directory, Part, build, members_of, write_zip


class CountingRemoteSource(ByteSource):
    """Remote source that counts its reads."""

    def __init__(self, data: bytes) -> None:
        self.name = self.path = "far.pt"
        self.remote = True
        self.data = data
        self.size = len(data)
        self.reads = 0

    def _read(self, position: int, length: int) -> bytes:
        self.reads += 1
        return self.data[position : position + length]

    def stored_file(self) -> StoredFile:
        return StoredFile(name=self.name, path=self.path, bytes=self.size)


names = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20)


@settings(max_examples=60)
@given(st.dictionaries(names, st.tuples(st.binary(max_size=300), st.booleans()), max_size=6))
def test_archive_reads_zipfile_output(
    tmp_path_factory: pytest.TempPathFactory, members: dict[str, tuple[bytes, bool]]
) -> None:
    file = tmp_path_factory.mktemp("zip") / "made.zip"
    write_zip(
        file,
        {name: data for name, (data, _) in members.items()},
        compressed=[name for name, (_, compressed) in members.items() if compressed],
    )
    with LocalSource(str(file)) as opened:
        archive = Archive(opened)
        assert {name: archive.read(name) for name in archive.members} == members_of(file)
        for name, (data, compressed) in members.items():
            position = archive.position(name)
            assert (position is None) == compressed
            if position is not None:
                assert opened.read(position, len(data)) == data
        assert archive.warnings == ()


def test_archive_positions_equal_torch(tmp_path: Path) -> None:
    file = tmp_path / "model.pt"
    torch.save({f"w{index}": torch.ones(index) for index in range(50)}, file)
    reader: Any = torch._C.PyTorchFileReader(str(file))
    with LocalSource(str(file)) as opened:
        archive = Archive(opened)
        assert set(archive.members) == {f"model/{name}" for name in reader.get_all_records()}
        for name in reader.get_all_records():
            assert archive.position(f"model/{name}") == reader.get_record_offset(name)


def test_archive_reads_zip64_sizes(tmp_path: Path) -> None:
    """Members larger than 4 GiB have their size there; it is optional for others."""
    file = tmp_path / "wide.zip"
    with zipfile.ZipFile(file, "w") as made:
        for name in ("a", "b"):
            with made.open(zipfile.ZipInfo(name), "w", force_zip64=True) as member:
                member.write(name.encode() * 100)
    with LocalSource(str(file)) as opened:
        archive = Archive(opened)
        assert [archive.read(name) for name in ("a", "b")] == [b"a" * 100, b"b" * 100]


def test_archive_accepts_comment_at_end() -> None:
    data = build([Part("a", b"x", comment=b"inner")], Directory(comment=b"about PK\x05\x06 or so"))
    # The last mark of an end is the one that readers take, and it is none.
    with pytest.raises(CheckpointError):
        Archive(source(data))
    assert Archive(source(build([Part("a", b"x")], Directory(comment=b"about")))).read("a") == b"x"


def test_archive_ignores_case_of_names(tmp_path: Path) -> None:
    file, upper = tmp_path / "model.pt", tmp_path / "upper.pt"
    item = {"w": torch.arange(3.0), "v": torch.arange(4)}
    torch.save(item, file)
    write_zip(
        upper, {name.upper().replace("MODEL", "model"): data for name, data in members_of(file).items()}
    )
    loaded = torch.load(upper)
    assert torch.equal(loaded["w"], item["w"])
    check(upper, loaded)
    assert netinspect.pickle_globals(upper).record.pickles == 1


def test_archive_warns_of_wrong_checksum(tmp_path: Path) -> None:
    file = tmp_path / "model.pt"
    file.write_bytes(torch_zip(state(), checksum=1))
    assert list(torch.load(file)) == ["w"]
    found = read_checkpoint(str(file))
    assert [tensor.name for tensor in found.tensors] == ["w"]
    assert found.warnings == ("a/data.pkl: the checksum is wrong, but torch loads it",)


def test_archive_warns_of_other_local_name(tmp_path: Path) -> None:
    file = tmp_path / "model.pt"
    file.write_bytes(torch_zip(state(), local_name="b/data.pkl"))
    assert list(torch.load(file)) == ["w"]
    (warning,) = read_checkpoint(str(file)).warnings
    assert warning.startswith("a/data.pkl: the name before the bytes differs from that in")


def test_archive_refuses_duplicate_names(tmp_path: Path) -> None:
    """Two members with one name are an error, because Python's reader takes the last."""
    file = tmp_path / "model.pt"
    second = state().replace(b"\x01\0\0\0w", b"\x01\0\0\0v")
    file.write_bytes(torch_zip(state(), Part("a/data.pkl", second)))
    assert list(torch.load(file)) == ["w"]
    with zipfile.ZipFile(file) as archive:
        assert archive.read("a/data.pkl") == second
    with pytest.raises(CheckpointError, match="is ambiguous"):
        read_checkpoint(str(file))


def test_read_checkpoint_warns_of_compressed_pickle(tmp_path: Path) -> None:
    file, packed = tmp_path / "model.pt", tmp_path / "packed.pt"
    torch.save({"w": torch.ones(2)}, file)
    write_zip(packed, members_of(file), compressed=["model/data.pkl"])
    found = read_checkpoint(str(packed))
    assert found.warnings == ("'model/data.pkl' is compressed, which torch never does",)
    assert found.tensors[0].position is not None


def test_read_checkpoint_compressed_storage_has_no_position(tmp_path: Path) -> None:
    file, packed = tmp_path / "model.pt", tmp_path / "packed.pt"
    torch.save({"w": torch.ones(200)}, file)
    write_zip(packed, members_of(file), compressed=["model/data/0"])
    (tensor,) = read_checkpoint(str(packed)).tensors
    assert (tensor.position, tensor.file, tensor.bytes) == (None, 0, 800)


def test_sub_source_offsets_start_at_its_first_byte() -> None:
    whole = source(b"0123456789")
    outer = SubSource(whole, 2, 6)
    inner = SubSource(outer, 1, 3)
    assert inner.read(0, 3) == b"345"
    with pytest.raises(CheckpointError, match="ends too early") as caught:
        inner.read(1, 3)
    assert caught.value.cause == "expected 3 bytes at offset 1, but this part of it has only 3"
    with pytest.raises(CheckpointError, match="ends too early"):
        inner.read(-1, 2)
    assert inner.read(9, 0) == b""
    # Inflated bytes have no position in the file; a window of the file has one.
    assert inner.file_position(0) is None

    remote = SubSource(SubSource(CountingRemoteSource(b"0123456789"), 2, 6), 1, 3)
    assert remote.file_position(1) == 4


def test_read_zip_fetches_few_parts_of_remote_file(tmp_path: Path) -> None:
    from netinspect.checkpoints.formats.zip_files import read_zip

    file = tmp_path / "model.pt"
    torch.save({f"w{index}": torch.ones(1000) for index in range(300)}, file)
    far = CountingRemoteSource(file.read_bytes())
    found = read_zip(far)
    assert len(found.tensors) == 300
    assert {tensor.position for tensor in found.tensors} == {None}
    assert far.reads < 10


def test_archive_shortens_long_name_in_error(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with warnings.catch_warnings(), zipfile.ZipFile(path, "w") as archive:
        warnings.simplefilter("ignore")
        for _ in range(2):
            archive.writestr("n" * 60_000, b"")
    with pytest.raises(CheckpointError, match="is ambiguous") as caught:
        read_checkpoint(str(path))
    assert len(caught.value.cause or "") < 300
