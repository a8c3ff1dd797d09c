"""Tests of `netinspect globals` on files with hidden code and on clean files."""

from __future__ import annotations

import gzip
import importlib
import io
import json
import os
import pickle
import socket
import struct
import sys
import tarfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import netinspect
from tests.checkpoints.scan.hiding_parts import (
    EVIL,
    MARK,
    NAME,
    PICKLE,
    PNG,
    joblib_array,
    safetensors,
    tarred,
    torch_file,
    zipped,
)
from tests.checkpoints.scan.hiding_places import FILES
from tests.support import Outcome

Cli = Callable[..., Outcome]
CLEAN = "imports and calls nothing"


def run_globals(cli: Cli, path: Path, code: int | tuple[int, ...]) -> str:
    """Run the command, check its exit code and return its output."""
    outcome = cli("globals", str(path), "--exit-code", "--format", "rich", "--width", "400")
    printed = f"{outcome.out}\n{outcome.err}"
    assert outcome.code in (code if isinstance(code, tuple) else (code,)), printed
    return printed


@pytest.mark.parametrize("place", FILES)
def test_globals_finds_hidden_code(
    place: str, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, make, named = FILES[place]
    monkeypatch.chdir(tmp_path)
    file = tmp_path / name
    data = make()
    file.write_bytes(data)
    printed = run_globals(cli, Path(name), (1, 3))
    assert CLEAN not in printed
    assert named in printed
    assert os.listdir(tmp_path) == [name]
    assert file.read_bytes() == data
    # The same in a folder with harmless files.
    folder = tmp_path / "folder"
    (folder / "deeper").mkdir(parents=True)
    file.rename(folder / "deeper" / name)
    (folder / "config.json").write_text("{}")
    printed = run_globals(cli, Path("folder"), 1)
    assert CLEAN not in printed
    assert named in printed
    assert not list(tmp_path.rglob(MARK))


def test_globals_enters_folders_but_not_links_to_outside(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "model"
    (folder / "unet" / ".hidden").mkdir(parents=True)
    (folder / "unet" / ".hidden" / ".x").write_bytes(EVIL)
    (folder / ".git" / "objects").mkdir(parents=True)
    (folder / ".git" / "objects" / "x").write_bytes(EVIL)
    (tmp_path / "outside.pkl").write_bytes(EVIL)
    (folder / "out.pkl").symlink_to("../outside.pkl")
    (folder / "gone.pkl").symlink_to("nothing.pkl")
    (folder / "up").symlink_to("..")
    (folder / "loop").symlink_to("loop")
    (folder / "same").symlink_to("unet")
    os.mkfifo(folder / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("model/socket")
        report = netinspect.pickle_globals("model").record
    assert [(row.name, row.file) for row in report.rows] == [(NAME, "unet/.hidden/.x")]
    reasons = {part.file: part.reason for part in report.unexamined}
    assert reasons.keys() == {".git", "out.pkl", "gone.pkl", "up", "loop", "pipe", "socket"}
    assert reasons[".git"] == "it holds 1 file"
    assert "outside the folder" in reasons["out.pkl"]
    assert reasons["pipe"] == "a FIFO"
    assert not report.complete
    assert CLEAN not in run_globals(cli, Path("model"), 1)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_globals_names_unreadable_file(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{}")
    (tmp_path / "b.pkl").write_bytes(EVIL)
    (tmp_path / "b.pkl").chmod(0)
    printed = run_globals(cli, tmp_path, 1)
    assert "not examined: b.pkl: Permission denied" in printed


def test_globals_names_unexamined_parts_after_rows(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "m.h5"
    file.write_bytes(b"\x89HDF\r\n\x1a\n")
    outcome = cli("globals", str(file), "--format", "csv")
    assert outcome.code == 0
    assert "not examined" in outcome.err
    document = json.loads(cli("globals", str(file), "--format", "json").out)
    assert document["complete"] is False
    assert document["unexamined"] == [{"file": str(file), "member": "", "reason": "an HDF5 file"}]


def test_pickle_globals_reads_rest_after_invalid_opcode(tmp_path: Path) -> None:
    file = tmp_path / "m.pkl"
    file.write_bytes(b"\x80\x02K\x01Na0ca\nB\n}b0K\x01)R0cposix\nsystem\n(X\x01\0\0\0xtR.")
    report = netinspect.pickle_globals(file).record
    assert [(row.name, row.uses, row.arguments) for row in report.rows] == [
        ("a.B", 0, ""),
        (NAME, 1, "'x'"),
    ]
    assert report.header.problems == ("at byte 5: it appends to an int; 2 more",)


@pytest.mark.parametrize("size", ["9" * 5000, "9" * 21, "\u00b2", "-1"])
def test_globals_of_tar_with_invalid_size(cli: Cli, tmp_path: Path, size: str) -> None:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.PAX_FORMAT) as archive:
        info = tarfile.TarInfo("a.txt")
        info.pax_headers = {"size": size}
        archive.addfile(info)
    (tmp_path / "m.tar").write_bytes(made.getvalue())
    assert "is a damaged tar archive" in run_globals(cli, tmp_path / "m.tar", 3)


@pytest.mark.parametrize(("method", "module"), [("bzip2", "bz2"), ("xz", "lzma")])
def test_globals_names_unavailable_compression(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str, module: str
) -> None:
    """Python can be built without these modules."""
    file = tmp_path / "m.pkl"
    file.write_bytes(importlib.import_module(module).compress(EVIL))
    monkeypatch.setitem(sys.modules, module, None)
    assert f"compressed by {method}, which this Python lacks" in run_globals(cli, file, 1)
    file.write_bytes(gzip.compress(EVIL))
    assert NAME in run_globals(cli, file, 1)


# --- clean files ---------------------------------------------------------------------------------


def _saved(value: Any, **options: Any) -> bytes:
    made = io.BytesIO()
    torch.save(value, made, **options)
    return made.getvalue()


def _scripted() -> bytes:
    made = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecated by torch
        torch.jit.save(torch.jit.script(torch.nn.Sequential(torch.nn.Linear(2, 3))), made)
    return made.getvalue()


def _npz() -> bytes:
    made = io.BytesIO()
    np.savez_compressed(made, a=np.ones((3, 4)), b=np.zeros(3, [("x", "f4"), ("y", "i2")]))
    return made.getvalue()


STATE = {"w": torch.ones(3, 4), "h": torch.zeros(3).half(), "step": 3}
WEIGHTS = safetensors(b'{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}', b"\0" * 4)

CLEAN_FILES: dict[str, tuple[str, Callable[[], bytes]]] = {
    "safetensors": ("m.safetensors", lambda: WEIGHTS),
    "npz": ("m.npz", _npz),
    "text": ("labels.txt", lambda: "tench\ngoldfish\nété\n".encode()),
    "a list of words": ("vocab.txt", lambda: b"[PAD]\nthe\nin\nto\nclass\n(\n)\n"),
    "JSON": ("config.json", lambda: b'{"architectures": ["BertModel"]}'),
    "an image": ("m.png", lambda: PNG),
    "an empty file": ("m.pt", lambda: b""),
    "text in tar": ("m.tar", lambda: tarred(("a.txt", b"x"), ("b.safetensors", WEIGHTS))),
    "text in zip": ("m.zip", lambda: zipped(("a/", b""), ("a/b.txt", b"x"), ("c.png", PNG))),
    "text in tar.gz": ("m.tar.gz", lambda: tarred(("a.txt", b"x"), mode="w:gz")),
}
WITH_PICKLES: dict[str, tuple[str, Callable[[], bytes]]] = {
    "a state dict": ("m.pt", lambda: _saved(STATE)),
    "a state dict of the old format": (
        "m.pt",
        lambda: _saved(STATE, _use_new_zipfile_serialization=False),
    ),
    "a state dict, pickled": ("m.pkl", lambda: pickle.dumps(STATE)),
    "TorchScript": ("m.pt", _scripted),
    "arrays, pickled": ("m.pkl", lambda: pickle.dumps({"a": np.ones(9000), "b": np.float32(3)})),
    "plain values": ("m.pkl", lambda: PICKLE),
    "a state dict in tar": ("m.tar", lambda: tarred(("w.ckpt", _saved(STATE)), ("c.yaml", b"a: 1"))),
    "storages like pickles": ("m.pt", lambda: torch_file(data=b"\x80\x02}q\x00X" + b"\xff" * 10)),
}


@pytest.mark.parametrize("kind", CLEAN_FILES)
def test_globals_reports_clean_files_as_clean(kind: str, cli: Cli, tmp_path: Path) -> None:
    name, make = CLEAN_FILES[kind]
    (tmp_path / name).write_bytes(make())
    for path in (tmp_path / name, tmp_path):
        assert CLEAN in run_globals(cli, path, 0)


@pytest.mark.parametrize("kind", WITH_PICKLES)
def test_globals_examines_tensor_pickles_completely(kind: str, cli: Cli, tmp_path: Path) -> None:
    name, make = WITH_PICKLES[kind]
    (tmp_path / name).write_bytes(make())
    printed = run_globals(cli, tmp_path / name, 0)
    assert "not examined:" not in printed
    assert "0 of them not needed for tensors" in printed


def test_pickle_globals_examines_all_members(tmp_path: Path) -> None:
    file = tmp_path / "m.pt"
    torch.save(STATE, file)
    report = netinspect.pickle_globals(file).record
    assert report.complete
    kinds = {part.member: (part.kind, part.count) for part in report.examined}
    assert kinds["m/data.pkl"] == ("pickle", 1)
    assert kinds["m/data/"] == ("tensor storages", 2)
    assert {kind for kind, _ in kinds.values()} == {"pickle", "tensor storages", "text"}


def test_pickle_globals_examines_joblib_arrays(tmp_path: Path) -> None:
    file = tmp_path / "m.joblib"
    numbers = struct.pack("<2f", 1.5, -2)
    file.write_bytes(
        b"\x80\x02}(X\x01\0\0\0a"
        + joblib_array(b"f4", numbers)
        + b"X\x01\0\0\0b"
        + joblib_array(b"f8", struct.pack("<2d", 3, 4), padded=True)
        + b"u."
    )
    found = netinspect.read_checkpoint(file)
    assert [(each.name, each.shape, each.dtype) for each in found.tensors] == [
        ("a", (2,), "float32"),
        ("b", (2,), "float64"),
    ]
    position = found.tensors[0].position
    assert position is not None
    assert file.read_bytes()[position:][:8] == numbers


@pytest.mark.parametrize("attribute", ["append", "__setstate__"])
@pytest.mark.parametrize("again", ["name", "memo", "copy"])
def test_globals_reports_storage_loader_as_attribute(
    attribute: str, again: str, cli: Cli, tmp_path: Path
) -> None:
    """The loader may be called implicitly as a method, so it does not count as read."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        storage = torch.ones(2).storage()
        torch.save(storage, buffer, _use_new_zipfile_serialization=False)
    name = b"ctorch.storage\n_load_from_bytes\n"
    first, second = {
        "name": (name, name),
        "memo": (name + b"q\0", b"h\0"),
        "copy": (name + b"2q\0", b"h\0"),
    }[again]
    honest = first + b"B" + struct.pack("<I", buffer.tell()) + buffer.getvalue() + b"\x85R0"
    key = b"X" + struct.pack("<I", len(attribute)) + attribute.encode()
    made = b"ccollections\nOrderedDict\n)R}" + key + second + b"sb"
    call = b"B" + struct.pack("<I", len(EVIL)) + EVIL + (b"a" if attribute == "append" else b"b")
    (tmp_path / "honest.pkl").write_bytes(b"\x80\x02" + honest + b"N.")
    (tmp_path / "m.pkl").write_bytes(b"\x80\x02" + honest + made + call + b".")
    indirect = b"(X\x06\0\0\0module" + second + b"tQ" + call[:-1] + b"\x85R."
    (tmp_path / "outside.pkl").write_bytes(b"\x80\x02" + honest + indirect)
    assert "1 of them not needed" in run_globals(cli, tmp_path / "outside.pkl", 1)
    if again != "copy":  # it stays on the stack and may be a value
        assert "1 of them" not in run_globals(cli, tmp_path / "honest.pkl", 0)
    assert "1 of them not needed" in run_globals(cli, tmp_path / "m.pkl", 1)
