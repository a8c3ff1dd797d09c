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
def test_read_checkpoint_reads_compressed_file_and_values(
    tmp_path: Path, method: str, format: str
) -> None:
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


def test_read_checkpoint_joins_concatenated_gzip_parts(tmp_path: Path) -> None:
    path = tmp_path / "model.gz"
    data = FORMATS["safetensors"]()
    path.write_bytes(gzip.compress(data[:50]) + gzip.compress(data[50:]) + b"tail")
    found = read_checkpoint(str(path))
    assert [each.name for each in found.tensors] == ["w"]
    assert "after the compressed data: 4 bytes that are not read" in found.warnings


@pytest.mark.parametrize("method", METHODS)
def test_read_checkpoint_refuses_truncated_compressed_file(tmp_path: Path, method: str) -> None:
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


def test_read_checkpoint_refuses_nested_compression(tmp_path: Path) -> None:
    path = tmp_path / "model.xz"
    path.write_bytes(lzma.compress(bz2.compress(FORMATS["safetensors"]())))
    with pytest.raises(CheckpointError, match="is not a checkpoint") as caught:
        read_checkpoint(str(path))
    assert caught.value.cause == "it is compressed by bzip2, compressed by xz"
    assert caught.value.hint == f"unpack it first: xz -dk {path}"


def test_read_checkpoint_refuses_too_large_compressed_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.gz"
    path.write_bytes(gzip.compress(safetensors.numpy.save({"w": np.zeros(50_000)})))
    monkeypatch.setattr(decompressed, "LARGEST", 100_000)
    with pytest.raises(CheckpointError, match="too large to be decompressed") as caught:
        read_checkpoint(str(path))
    assert caught.value.hint == "decompress it first, and name the resulting file"


def test_read_checkpoint_does_not_decompress_other_content(tmp_path: Path) -> None:
    path = tmp_path / "logs.gz"
    path.write_bytes(gzip.compress(b"a line of a log\n" * 10_000_000, 1))
    with pytest.raises(CheckpointError, match="is not a checkpoint") as caught:
        read_checkpoint(str(path))
    assert caught.value.cause == "it is compressed by gzip"
    assert caught.value.hint == f"unpack it first: gzip -dk {path}"


def test_read_checkpoint_reports_missing_temporary_space(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.gz"
    path.write_bytes(gzip.compress(FORMATS["safetensors"]()))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    with pytest.raises(LoadError, match="cannot decompress") as caught:
        read_checkpoint(str(path))
    assert "TMPDIR" in (caught.value.hint or "")


def test_read_source_does_not_fetch_remote_compressed_file() -> None:
    source = MemorySource(gzip.compress(FORMATS["safetensors"]()), remote=True)
    with pytest.raises(CheckpointError, match="is not a checkpoint"):
        read_source(source)


def test_checkpoint_data_reports_changed_compressed_file(tmp_path: Path) -> None:
    path = tmp_path / "model.gz"
    path.write_bytes(gzip.compress(FORMATS["safetensors"]()))
    found = read_checkpoint(str(path))
    path.write_bytes(gzip.compress(FORMATS["safetensors"](), 1) + b"more")
    with pytest.raises(LoadError, match="changed since it was read"):
        CheckpointData(found)


def test_commands_accept_compressed_file(cli: Cli, tmp_path: Path) -> None:
    old, new = tmp_path / "old.gz", tmp_path / "new.safetensors"
    old.write_bytes(gzip.compress(FORMATS["safetensors"]()))
    new.write_bytes(safetensors.numpy.save({"w": ARRAY + 1}))
    rows = json.loads(cli("params", str(old), "--stats", "--format", "json").out)["rows"]
    assert [(row["name"], row["statistics"]["mean"]) for row in rows] == [("w", 2.5)]
    assert "compressed by gzip" in cli("summary", str(old), "--format", "rich").out
    compared = cli("diff", str(old), str(new), "--compare-values", "--format", "json")
    assert compared.code == 0
