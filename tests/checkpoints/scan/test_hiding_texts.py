"""Tests of the scan on texts that make a loader run code, and on edges of archives."""

from __future__ import annotations

import base64
import io
import json
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path
from typing import Literal

import pytest

from netinspect.checkpoints.pickle_globals import scan_pickles
from netinspect.errors import CheckpointError
from netinspect.records.pickles import PickleScan
from tests.checkpoints.hostile.parts import state
from tests.checkpoints.scan.hiding_parts import EVIL, EVIL_0, NAME, tarred, zipped
from tests.checkpoints.zips import Part, build

YAML = "object/apply:os.system ['touch MARK']\n"
MANIFEST = b'{"model": {"handler": "image_classifier", "serializedFile": "m.pt"}}'


def scan(folder: Path, name: str, data: bytes) -> PickleScan:
    file = folder / name
    file.write_bytes(data)
    found = scan_pickles(str(file))
    assert [each.name for each in folder.iterdir()] == [name]
    return found


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.yaml", f"a: !<tag:yaml.org,2002:python/{YAML}"),
        ("a.yaml", f"a: !<tag:yaml.org,2002:p%79thon/{YAML}"),
        ("a.yaml", f"%TAG !p! tag:yaml.org,2002:python/\n---\na: !p!{YAML}"),
        ("a.yaml", f"a: 1\n...\n%TAG ! tag:yaml.org,2002:pyth\n---\na: !on/{YAML}"),
        ("a.yaml", f"a: !!py%74hon/{YAML}"),
        ("a.yaml", "a: !apply:os.system ['touch MARK']\n"),
        ("a.yaml", '"\\x5ftarget_": os.system\n'),
        ("a.yaml", "model:\n  class_path: os.system\n"),
        ("a.json", '{"\\u005ftarget_": "os.system"}'),
        ("a.json", '{"auto\\u005Fmap": {"AutoModel": "m.X"}}'),
        ("a.json", '{"py\\/reduce": []}'),
        ("a.json", '{"class_name": "L\\u0061mbda"}'),
        ("a.json", '{"module": "os", "class_name": "system", "config": {}}'),
        ("a.json", '{"auto_mapping": {"parent_library": "os"}}'),
        ("modules.json", '[{"idx": 0, "name": "0", "path": "", "type": "custom.Transformer"}]'),
        ("a.json", json.dumps({"x": base64.b64encode(b"\x80\x04" + EVIL[2:]).decode()})),
        ("MLmodel", "flavors: {python_function: {loader_module: os}}\n"),
        ("MLmodel", 'flavors:\n  python_function:\n    "loader_module": os\n'),
        ("MANIFEST.json", MANIFEST.decode()),
        ("a.pth", "\ufeffimport os\n"),
        ("a.pth", "x\rimport os\r"),
        ("a.pth", "x\u2028import os\n"),
        ("a.pdf", "%PDF-1.4\n"),
    ],
)
def test_read_text_finds_code(name: str, text: str, tmp_path: Path) -> None:
    found = scan(tmp_path, name, text.encode())
    assert found.unexamined
    assert not found.pickles


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.json", '{"architectures": ["X"], "note": "a \\"quoted\\" word \\u0120 \\\\ path\\/x"}'),
        ("modules.json", '[{"idx": 0, "name": "0", "type": "sentence_transformers.models.Pooling"}]'),
        ("a.yaml", "# tags: !!str, 50%\na: !!str 1\nb: yes!\n"),
        ("a.md", "# Use\n```python\nimport torch\n```\n"),
        ("main", "c0ffee0123456789abcdef0123456789abcdef01"),
        ("notes.txt", "config for this\nother line"),
        ("a.pth", "../lib\nimportant\n"),
    ],
)
def test_read_text_accepts_text_without_code(name: str, text: str, tmp_path: Path) -> None:
    assert not scan(tmp_path, name, text.encode()).unexamined


def test_scan_finds_manifest_in_tar(tmp_path: Path) -> None:
    assert scan(tmp_path, "m.mar", tarred(("MAR-INF/MANIFEST.json", MANIFEST))).unexamined


@pytest.mark.parametrize("pickled", [EVIL, EVIL_0])
@pytest.mark.parametrize("format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT])
def test_scan_finds_pickle_in_tar_member_name(
    pickled: bytes, format: Literal[0, 1], tmp_path: Path
) -> None:
    entry = tarfile.TarInfo("x" * 50)
    entry.size = 5
    block = bytearray(entry.tobuf(format)[:512])
    block[:100] = pickled.ljust(100, b"\0")
    block[148:156] = b" " * 8
    block[148:156] = f"{sum(block):06o}\0 ".encode()
    data = bytes(block) + b"hello".ljust(512, b"\0") + bytes(1024)
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        assert archive.getmembers()
    assert NAME in [each.name for each in scan(tmp_path, "m.tar", data).globals]


def test_scan_finds_bytes_after_compressed_data(tmp_path: Path) -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(b"hello") + packer.flush()
    for rest in (EVIL, bytes(1 << 20) + EVIL):
        checksum = zlib.crc32(b"hello")
        data = build([Part("a.txt", packed + rest, method=8, checksum=checksum, size=5)])
        assert zipfile.ZipFile(io.BytesIO(data)).read("a.txt") == b"hello"
        (tmp_path / "m.zip").write_bytes(data)
        with pytest.raises(CheckpointError) as caught:
            scan_pickles(str(tmp_path / "m.zip"))
        assert "after its compressed ones" in str(caught.value.cause)


def test_scan_finds_pickle_in_compressed_storage(tmp_path: Path) -> None:
    storage = b"B" + struct.pack("<I", 40_000) + b"x" * 40_000 + b"0" + EVIL[2:]
    storage += bytes(-len(storage) % 4)
    elements = struct.pack("<H", len(storage) // 4)
    data = zipped(
        ("archive/data.pkl", state().replace(b"K\x04tq", b"M" + elements + b"tq")),
        ("archive/data/0", storage),
        ("archive/version", b"3"),
        method=zipfile.ZIP_DEFLATED,
    )
    assert NAME in [each.name for each in scan(tmp_path, "m.pt", data).globals]
