"""Tests of the identification of unsupported formats by content."""

from __future__ import annotations

import io
import json
import random
import re
import struct
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from netinspect.checkpoints.pickle_globals import scan_pickles
from netinspect.checkpoints.read import read_checkpoint
from netinspect.checkpoints.recognize import recognize
from netinspect.checkpoints.unsupported.catalog import CATALOG
from netinspect.checkpoints.unsupported.format import UnreadFormat
from netinspect.checkpoints.unsupported.identify import identify
from netinspect.errors import CheckpointError
from netinspect.runner.stored_files import read_saved
from tests.checkpoints.hostile.formats import field
from tests.checkpoints.memory_source import MemorySource
from tests.checkpoints.specified_files import FOLDERS, SPECIFIED, ZIPS
from tests.checkpoints.written_files import WRITTEN, Written

ROOT = Path(__file__).parents[3]
FILES = {each.file: (each.key, each.bytes()) for each in WRITTEN} | SPECIFIED


def named(data: bytes, name: str = "file", *, remote: bool = False) -> UnreadFormat | None:
    source = MemorySource(data, remote=remote)
    source.name = name
    return identify(source)


@pytest.mark.parametrize("file", FILES)
def test_identify_returns_format(file: str) -> None:
    key, data = FILES[file]
    source = MemorySource(data)
    assert recognize(source) is None
    assert named(data, file) == CATALOG[key]


@pytest.mark.parametrize("written", WRITTEN, ids=lambda each: each.file)
def test_identify_does_not_need_file_name(written: Written) -> None:
    weak = () if CATALOG[written.key].name != "a MATLAB 4 file" else (None,)
    assert named(written.bytes(), "file") in (CATALOG[written.key], *weak)


@pytest.mark.parametrize("file", FILES)
def test_read_error_names_format_and_reader(tmp_path: Path, file: str) -> None:
    key, data = FILES[file]
    path = tmp_path / Path(file).name
    path.write_bytes(data)
    with pytest.raises(CheckpointError) as caught:
        read_checkpoint(str(path))
    unread = CATALOG[key]
    if file == "a.rds":  # compressed, and named by what is in it
        unread = CATALOG["rds"]._replace(name="an R object (.rds), compressed by gzip")
    assert unread.name in (caught.value.cause or "")
    assert caught.value.hint == unread.advice(str(path))
    assert "FILE" not in (caught.value.hint or "")


@pytest.mark.parametrize("file", FILES)
def test_identify_of_truncated_file_is_format_or_none(file: str) -> None:
    key, data = FILES[file]
    # A truncated file may be indistinguishable from a more general format.
    allowed = {CATALOG[key].name, CATALOG["hdf5"].name, CATALOG["xml"].name}
    for length in range(1, len(data), max(1, len(data) // 40)):
        found = named(data[:length], file)
        assert found is None or found.name in allowed, length


@pytest.mark.parametrize("file", FILES)
def test_identify_reads_little_of_remote_file(file: str) -> None:
    _, data = FILES[file]
    source = MemorySource(data + bytes(1 << 20), remote=True)
    identify(source)
    assert source.reads < 30


# --- files of no unsupported format --------------------------------------------------------------


def test_identify_random_bytes_is_none() -> None:
    source = random.Random(0)
    for number in range(10_000):
        data = source.randbytes(1 + number % 700)
        found = named(data, "file.bin")
        assert found is None, (number, found)


def test_identify_random_messages_is_none() -> None:
    source = random.Random(0)

    def message(levels: int) -> bytes:
        parts = []
        for _ in range(source.randrange(1, 6)):
            number = source.choice((1, 1, 2, 2, 3, 4, 5, 7, 10, 100, 500))
            kind = source.randrange(3 if levels else 2)
            parts.append(
                field(number, source.randrange(12))
                if kind == 0
                else field(number, source.choice((b"", b"a b", b"\xff\xfe", b"12", b"\0\0\0\0")))
                if kind == 1
                else field(number, message(levels - 1))
            )
        return b"".join(parts)

    for number in range(4000):
        found = named(message(3))
        assert found is None, (number, found)


@pytest.mark.parametrize("dtype", ["<f4", "<f2", "<f8", "<i4", "<i8", "<i2", "u1", ">f4", ">i4"])
def test_identify_raw_arrays_is_none(dtype: str) -> None:
    generator = np.random.default_rng(0)
    for number in range(400):
        values = generator.normal(size=200) * (1 if "f" in dtype else 1 + number % 90)
        found = named(np.abs(values).astype(dtype).tobytes(), "file.bin")
        assert found is None, (number, found)
        assert named(np.arange(number, number + 64).astype(dtype).tobytes(), "file.bin") is None


@pytest.mark.parametrize(
    "text",
    [
        "a: 1\nb: [2, 3]\n",
        "import torch\n\nclass Net(torch.nn.Module):\n    pass\n",
        "1.0 2.0 3.0 4.0 5.0 6.0\n1.0 2.0 3.0 4.0 5.0 6.0\n",
        "name,age\nx,1\n",
        "This page was not found to be of use, said the reader of a long book.\n" * 40,
        "[section]\nkey = value\n",
        "<unk>\t0\n<s>\t0\n",
        '{"a": 1, "b": {"model_type": "bert"}}',
        '["model_type", "architectures"]',
        '{"learning_rate": 0.1}',
        "type: Sedan\nlayers of paint: 3\n",
        "",
    ],
)
def test_identify_other_texts_is_none(text: str) -> None:
    assert named(text.encode()) is None


def test_identify_own_source_files_is_none() -> None:
    for path in [*ROOT.glob("src/netinspect/*.py"), *ROOT.glob("docs/*.md"), ROOT / "pyproject.toml"]:
        assert named(path.read_bytes(), path.name) is None, path


@pytest.mark.parametrize(
    "text",
    [
        "\n" * 65_536,
        '"' + '\\"' * 32_000,
        "{" + '"\\' * 32_000,
        "{" * 65_000,
        "<!-- -->" * 8000 + "x",
        "<?" * 32_000,
        " " * 65_000 + "<",
        "layer" + " " * 65_000,
        "0" * 65_000,
        "type:" * 13_000,
        "a " * 32_000 + "\n" + "a " * 100,
        "not found " * 150,
    ],
    ids=range(12),
)
def test_identify_takes_linear_time_for_texts(text: str) -> None:
    # Work that is quadratic in the length would not end here.
    assert named(text.encode()) is None


def test_identify_needs_file_name_for_weak_signatures() -> None:
    for file, weak in (
        ("yolo.weights", True),
        ("table.t7", True),
        ("weights.bin", True),
        ("model.t7", False),
    ):
        _, data = SPECIFIED[file]
        assert (named(data, "array.dat2") is None) == weak


def test_read_error_qualifies_uncertain_formats(tmp_path: Path) -> None:
    path = tmp_path / "yolo.weights"
    path.write_bytes(SPECIFIED["yolo.weights"][1])
    with pytest.raises(CheckpointError) as caught:
        read_checkpoint(str(path))
    assert caught.value.cause == "it looks like Darknet weights"
    assert scan_pickles(str(path)).unexamined[0].reason == "perhaps Darknet weights"


# --- unknown formats -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "data", "cause"),
    [
        ("model.pt", b"", "it is empty"),
        ("model.pt", bytes(100), "the file consists of zeros only (100 bytes)"),
        ("model.pt", bytes(5000) + b"x", "its first 5,000 bytes are zeros"),
        ("model.mnn", b"\x18\0\0\0" + b"\1" * 60, "by its name it would be an MNN model"),
        ("a.data-00000-of-00001", b"\1" * 60, "it would be a data shard of a TensorFlow checkpoint"),
        ("notes.pt", b"some words\n", "it is text in an unknown format"),
        ("model.dat", b"\x01" + bytes(60), "unknown format: not torch's own files"),
    ],
)
def test_read_error_of_unknown_format(tmp_path: Path, name: str, data: bytes, cause: str) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(CheckpointError) as caught:
        read_checkpoint(str(path))
    assert caught.value.exit_code == 3
    assert cause in (caught.value.cause or "")


# --- archives, folders and JSON ------------------------------------------------------------------


@pytest.mark.parametrize("key", ZIPS)
def test_identify_zip_by_members(tmp_path: Path, key: str) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ZIPS[key]:
            archive.writestr(name, "{}")
    with pytest.raises(CheckpointError, match=re.escape(str(path))) as caught:
        read_checkpoint(str(path))
    assert caught.value.cause == f"it is {CATALOG[key].name}"


def test_identify_nemo_tar(tmp_path: Path) -> None:
    path = tmp_path / "a.nemo"
    with tarfile.open(path, "w") as tar:
        for name in ("./model_config.yaml", "./model_weights.ckpt"):
            tar.addfile(tarfile.TarInfo(name), io.BytesIO())
    with pytest.raises(CheckpointError) as caught:
        read_checkpoint(str(path))
    assert caught.value.cause == "it is a NeMo archive"


@pytest.mark.parametrize("key", FOLDERS)
def test_identify_folder_by_content(tmp_path: Path, key: str) -> None:
    for name in FOLDERS[key]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(CheckpointError) as caught:
        read_checkpoint(str(tmp_path))
    assert caught.value.cause == f"it is {CATALOG[key].name}"


def test_folder_with_supported_weights_is_read(tmp_path: Path) -> None:
    header = json.dumps({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    (tmp_path / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + bytes(4))
    (tmp_path / "saved_model.pb").write_bytes(b"x")
    assert [each.name for each in read_checkpoint(str(tmp_path)).tensors] == ["w"]


@pytest.mark.parametrize("file", ["xgboost.json", "tokenizer.json", "model.json", "config.json"])
def test_json_of_known_format_is_not_read_as_trace(tmp_path: Path, file: str) -> None:
    key, data = FILES[file]
    path = tmp_path / file
    path.write_bytes(data)
    with pytest.raises(CheckpointError, match="not a checkpoint") as caught:
        read_saved(str(path), file)
    assert caught.value.cause == f"it is {CATALOG[key].name}"


def test_globals_names_unexamined_formats(tmp_path: Path) -> None:
    for file in ("model.tflite", "model.weights.h5", "model.pte", "spm.model", "a.feather"):
        key, data = FILES[file]
        path = tmp_path / file
        path.write_bytes(data)
        scan = scan_pickles(str(path))
        assert [each.reason for each in scan.unexamined] == [CATALOG[key].text]


def test_globals_examines_texts_except_failed_downloads(tmp_path: Path) -> None:
    for file in ("model.xml", "model.pmml", "xgboost.json", "lightgbm.txt"):
        path = tmp_path / file
        path.write_bytes(FILES[file][1])
        assert not scan_pickles(str(path)).unexamined
    for file in ("pointer.pt", "page.pt", "denied.pt", "missing.pt", "error.pt"):
        path = tmp_path / file
        path.write_bytes(FILES[file][1])
        with pytest.raises(CheckpointError, match="neither a pickle nor a checkpoint"):
            scan_pickles(str(path))


def test_documented_formats_match_catalog() -> None:
    page = (ROOT / "docs" / "reference" / "formats.md").read_text(encoding="utf-8")
    missing = [each.name for each in CATALOG.values() if each.is_model and each.name not in page]
    assert not missing
