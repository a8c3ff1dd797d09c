"""Checkpoints that are compressed as a whole: read through a temporary file, in bounded memory."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import pickle
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from netinspect.checkpoints.io import decompressed
from netinspect.checkpoints.read import read_checkpoint
from netinspect.checkpoints.readers import read_source
from netinspect.checkpoints.values.data import CheckpointData
from netinspect.checkpoints.values.statistics import summarize_values
from netinspect.errors import CheckpointError, LoadError
from tests.checkpoints.memory_source import MemorySource
from tests.support import Outcome

Cli = Callable[..., Outcome]

METHODS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bzip2": lambda data: bz2.compress(data, 1),
    "xz": lzma.compress,
    "lzma": lambda data: lzma.compress(data, lzma.FORMAT_ALONE),
    "zlib": zlib.compress,
}
ARRAY = np.arange(6, dtype=np.float32).reshape(2, 3)


def npz() -> bytes:
    made = io.BytesIO()
    np.savez_compressed(made, w=ARRAY)
    return made.getvalue()


FORMATS: dict[str, Callable[[], bytes]] = {
    "safetensors": lambda: safetensors.numpy.save({"w": ARRAY}),
    "pickle": lambda: pickle.dumps({"w": ARRAY}),
    "npz": npz,
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("format", FORMATS)
def test_compressed_checkpoint_is_read_with_values(tmp_path: Path, method: str, format: str) -> None:
    path = tmp_path / "model"
    path.write_bytes(METHODS[method](FORMATS[format]()))
    found = read_checkpoint(str(path))
    assert found.format == format
    assert found.files[0].compressed == method
    assert found.files[0].bytes == path.stat().st_size
    assert [(each.name, each.shape, each.dtype) for each in found.tensors] == [("w", (2, 3), "float32")]
    assert found.warnings[-1].startswith(f"compressed by {method}: ")
    with CheckpointData(found) as data:
        (summary,) = summarize_values(data, list(found.tensors))
    assert summary.statistics is not None
    assert (summary.statistics.mean, summary.statistics.max) == (2.5, 5.0)
    assert os.listdir(tmp_path) == ["model"]


def test_parts_that_follow_each_other_are_one_file(tmp_path: Path) -> None:
    path = tmp_path / "model.gz"
    data = FORMATS["safetensors"]()
    path.write_bytes(gzip.compress(data[:50]) + gzip.compress(data[50:]) + b"tail")
    found = read_checkpoint(str(path))
    assert [each.name for each in found.tensors] == ["w"]
    assert "after the compressed data: 4 bytes that are not read" in found.warnings


@pytest.mark.parametrize("method", METHODS)
def test_cut_compressed_file_is_an_error(tmp_path: Path, method: str) -> None:
    path = tmp_path / "model"
    noise = np.random.default_rng(0).normal(size=40_000)
    whole = METHODS[method](safetensors.numpy.save({"w": noise}))
    path.write_bytes(whole[: len(whole) * 3 // 4])
    with pytest.raises(CheckpointError, match="is damaged") as caught:
        read_checkpoint(str(path))
    assert (
        caught.value.cause
        == f"it is compressed by {method}, and the compressed data is damaged or incomplete"
    )


def test_compressed_file_in_another_is_unpacked_from_outside(tmp_path: Path) -> None:
    path = tmp_path / "model.xz"
    path.write_bytes(lzma.compress(bz2.compress(FORMATS["safetensors"]())))
    with pytest.raises(CheckpointError, match="is not a checkpoint") as caught:
        read_checkpoint(str(path))
    assert caught.value.cause == "it is compressed by bzip2, compressed by xz"
    assert caught.value.hint == f"unpack it first: xz -dk {path}"


def test_file_that_comes_to_too_much_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.gz"
    path.write_bytes(gzip.compress(safetensors.numpy.save({"w": np.zeros(50_000)})))
    monkeypatch.setattr(decompressed, "LARGEST", 100_000)
    with pytest.raises(CheckpointError, match="too large to be decompressed") as caught:
        read_checkpoint(str(path))
    assert caught.value.hint == "decompress it first, and name the resulting file"


def test_other_content_is_not_decompressed_whole(tmp_path: Path) -> None:
    path = tmp_path / "logs.gz"
    path.write_bytes(gzip.compress(b"a line of a log\n" * 10_000_000, 1))
    with pytest.raises(CheckpointError, match="is not a checkpoint") as caught:
        read_checkpoint(str(path))
    assert caught.value.cause == "it is compressed by gzip"
    assert caught.value.hint == f"unpack it first: gzip -dk {path}"


def test_no_room_for_the_temporary_file_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.gz"
    path.write_bytes(gzip.compress(FORMATS["safetensors"]()))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    with pytest.raises(LoadError, match="cannot decompress") as caught:
        read_checkpoint(str(path))
    assert "TMPDIR" in (caught.value.hint or "")


def test_compressed_file_far_away_is_named_and_not_fetched() -> None:
    source = MemorySource(gzip.compress(FORMATS["safetensors"]()), remote=True)
    with pytest.raises(CheckpointError, match="is not a checkpoint"):
        read_source(source)


def test_file_that_changed_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "model.gz"
    path.write_bytes(gzip.compress(FORMATS["safetensors"]()))
    found = read_checkpoint(str(path))
    path.write_bytes(gzip.compress(FORMATS["safetensors"](), 1) + b"more")
    with pytest.raises(LoadError, match="changed since it was read"):
        CheckpointData(found)


def test_commands_read_a_compressed_file(cli: Cli, tmp_path: Path) -> None:
    old, new = tmp_path / "old.gz", tmp_path / "new.safetensors"
    old.write_bytes(gzip.compress(FORMATS["safetensors"]()))
    new.write_bytes(safetensors.numpy.save({"w": ARRAY + 1}))
    rows = json.loads(cli("params", str(old), "--stats", "--format", "json").out)["rows"]
    assert [(row["name"], row["statistics"]["mean"]) for row in rows] == [("w", 2.5)]
    assert "compressed by gzip" in cli("summary", str(old), "--format", "rich").out
    compared = cli("diff", str(old), str(new), "--compare-values", "--format", "json")
    assert compared.code == 0
