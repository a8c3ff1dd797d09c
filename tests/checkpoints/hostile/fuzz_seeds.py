"""Valid checkpoints of every format, split into parts so that they can be damaged at each level.

A seed is a list of parts and a function that joins them: the whole file as one part, the members of an
archive, the opcodes of a pickle, the words of a JSON header, or the fields of a message. Joined files
have correct lengths and checksums, so that readers get as far as the damage.
"""

from __future__ import annotations

import bz2
import io
import lzma
import pickle
import pickletools
import re
import struct
import tarfile
import warnings
import zipfile
import zlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import onnx
import safetensors.torch
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from tests.checkpoints import gguf_files
from tests.checkpoints.hostile.fuzz_parts import Parts, join_message, opcodes, split_message
from tests.checkpoints.specified_files import SPECIFIED
from tests.checkpoints.written_files import WRITTEN

Build = Callable[[Parts], bytes]


@dataclass(frozen=True)
class Seed:
    """One valid file, as parts and a way to join them."""

    name: str
    parts: tuple[bytes, ...]
    build: Build
    words: tuple[bytes, ...] = (b"", b"\0", b"\xff" * 8)
    """Bytes that may replace a part, or be inserted between two parts."""

    def bytes(self) -> bytes:
        """The file itself."""
        return self.build(list(self.parts))


NUMBERS = (0, 1, 127, 128, 255, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**62, 2**63, 2**64 - 1)
JSON_WORDS = tuple(
    text.encode()
    for text in (
        '{ } [ ] , : null true NaN -1 1e400 1.5 "" "x" "F32" "data_offsets" "__metadata__" "\\ud800" '
        "0 18446744073709551616 " + "9" * 5000 + " " + "[" * 2000
    ).split()
)
SCRIPT_WORDS = (
    *(
        b"self",
        b".forward(",
        b"torch.relu(",
        b"x",
        b", ",
        b")",
        b"[0]",
        b"1",
        b"-",
        b"None",
        b"True",
        b"=",
    ),
    *(b"\n    if torch.dim(x):", b"\n    else:", b"\n    for i in range(3):", b"\n    while x:"),
    *(
        b"\n      x = (x, x)",
        b"\n  def forward(self, x):",
        b"\nclass A(Module):",
        b"(" * 300,
        b"9" * 5000,
    ),
)
OPCODES = tuple(
    op.code.encode("latin-1") + argument
    for op in pickletools.opcodes
    for argument in (b"", b"\0", b"\x01\0\0\0", b"\x02\0\0\0ab", b"a\nb\n", b"\xff" * 8)
)
WIRE = (
    b"\x08\x01",
    b"\x12\0",
    b"\x0a\x02\x08\x01",
    b"\x0d\0\0\0\0",
    b"\x09" + bytes(8),
    b"\x0b",
    b"\x3a\0",
)


def joined(parts: Parts) -> bytes:
    return b"".join(parts)


# --- seeds of each format ------------------------------------------------------------------------


def of_safetensors(folder: Path) -> list[Seed]:
    tensors = {
        "a.weight": torch.ones(3, 4),
        "b": torch.zeros(2, dtype=torch.bfloat16),
        "c": torch.ones(()),
    }
    raw = safetensors.torch.save(tensors, {"format": "pt"})
    length = int.from_bytes(raw[:8], "little")
    words = tuple(re.findall(rb'"[^"]*"|[\d.]+|\s+|.', raw[8 : 8 + length]))

    def build(parts: Parts) -> bytes:
        header = joined(parts)
        return struct.pack("<Q", len(header)) + header + raw[8 + length :]

    return [Seed("safetensors", (raw,), joined), Seed("safetensors", words, build, JSON_WORDS)]


def of_gguf(folder: Path) -> list[Seed]:
    path = folder / "seed.gguf"
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_uint32("llama.block_count", 2)
    writer.add_float32("scale", 0.5)
    writer.add_bool("truth", True)
    writer.add_token_list(["<s>", "one", "two", "three", "four", "five"])
    writer.add_array("numbers", [1, 2, 3, 4, 5, 6])
    writer.add_tensor("blk.0.weight", np.ones((4, 32), np.float32))
    packed = gguf.quants.quantize(np.ones((4, 64), np.float32), gguf.GGMLQuantizationType.Q8_0)
    writer.add_tensor("blk.1.weight", packed, raw_dtype=gguf.GGMLQuantizationType.Q8_0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    nested = gguf_files.array(9, 2, gguf_files.array(8, 1, gguf_files.string("x")) * 2)
    entries = (
        gguf_files.entry("general.architecture", 8, gguf_files.string("llama")),
        gguf_files.entry("general.alignment", 4, struct.pack("<I", 64)),
        gguf_files.entry("split.count", 2, struct.pack("<H", 3)),
        gguf_files.entry("nested", 9, nested),
    )
    tensors = (gguf_files.tensor("a", (32, 2), 2, 0), gguf_files.tensor("b", (8,), 0, 64))

    def build(parts: Parts) -> bytes:
        some = len(parts) * 2 // 3
        return gguf_files.file(tuple(parts[:some]), tuple(parts[some:]), 128, alignment=64)

    words = (*entries, *tensors, gguf_files.tensor("c", (2**40, 0), 99, 2**63))
    return [Seed("GGUF", (path.read_bytes(),), joined), Seed("GGUF", (*entries, *tensors), build, words)]


def of_onnx(folder: Path) -> list[Seed]:
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 3])
    weight = numpy_helper.from_array(np.ones((3, 2), np.float32), "layer.weight")
    typed = helper.make_tensor("layer.bias", TensorProto.INT64, [3], [1, 2, 3])
    outside = numpy_helper.from_array(np.ones(4, np.float32), "outside")
    onnx.external_data_helper.set_external_data(outside, "weights.bin", offset=0, length=16)
    outside.ClearField("raw_data")
    branch = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "b", [], [], [weight])
    sparse = helper.make_sparse_tensor(
        numpy_helper.from_array(np.ones(2, np.float32), "sparse"),
        numpy_helper.from_array(np.array([0, 3], np.int64)),
        [2, 2],
    )
    nodes = [
        helper.make_node("MatMul", ["x", "layer.weight"], ["h"]),
        helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=branch),
        helper.make_node("Twice", ["h"], ["z"], domain="mine"),
        helper.make_node("Constant", [], ["k"], value=typed),
        helper.make_node("Constant", [], ["f"], value_floats=[1.0, 2.0, 3.0]),
        helper.make_node("Constant", [], ["i"], value_ints=[1, 200, -3]),
        helper.make_node("Constant", [], ["s"], value_strings=["one", "two"]),
        helper.make_node("Constant", [], ["p"], sparse_value=sparse),
    ]
    graph = helper.make_graph(nodes, "net", [value], [value], [weight, typed, outside])
    graph.sparse_initializer.append(sparse)
    model = helper.make_model(graph, producer_name="fuzz")
    raw = model.SerializeToString()
    parts, shape = split_message(raw, 5)
    return [
        Seed("ONNX", (raw,), joined),
        Seed("ONNX", tuple(parts), partial(join_message, shape), WIRE),
    ]


def of_npy(folder: Path) -> list[Seed]:
    made = io.BytesIO()
    np.save(made, np.zeros((3, 2), [("a", "<f4"), ("b", ">i8", (2,))]))
    raw = made.getvalue()
    length = int.from_bytes(raw[8:10], "little")
    parts = tuple(re.findall(rb"'[^']*'|\d+|\w+|.", raw[10 : 10 + length], re.DOTALL))

    def build(parts: Parts) -> bytes:
        header = joined(parts)
        return raw[:8] + struct.pack("<H", len(header) & 0xFFFF) + header + raw[10 + length :]

    words = (*parts[:20], b"'O'", b"'|V9999999999'", b"-", b"\\", b"(" * 500, b"9" * 400, b"None", b"2L")
    return [Seed("npy", (raw,), joined), Seed("npy", parts, build, words)]


def of_npz(folder: Path) -> list[Seed]:
    arrays: dict[str, Any] = {"a": np.ones((3, 4)), "b": np.zeros(5, np.int8), "c": np.array(1)}
    seeds = []
    for save in (np.savez, np.savez_compressed):
        made = io.BytesIO()
        save(made, **arrays)
        seeds += of_zip("npz", made.getvalue())
    return seeds


class _Net(nn.Module):
    """Network with a submodule, a buffer and tied weights."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(2, 3)
        self.norm = nn.BatchNorm1d(3)
        self.tied = nn.Linear(2, 3)
        self.tied.weight = self.inner.weight

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Use all of it."""
        made: torch.Tensor = self.norm(self.inner(x)) + self.tied(x)
        return made


def _training() -> dict[str, Any]:
    net = _Net()
    optimizer = torch.optim.Adam(net.parameters())
    net(torch.ones(4, 2)).sum().backward()
    optimizer.step()
    return {"model": net.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3, "name": "fuzz"}


def of_torch_zip(folder: Path) -> list[Seed]:
    made = io.BytesIO()
    torch.save(_training(), made)
    odd = io.BytesIO()
    base = torch.arange(24, dtype=torch.float16).reshape(4, 6)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        quantized = torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint8)
    tensors = [base, base.t()[1:], quantized, base.to_sparse(), base.to(torch.float8_e4m3fn)]
    torch.save(OrderedDict(odd=tensors, empty=torch.zeros(0), meta=torch.ones(2, device="meta")), odd)
    return [*of_zip("torch zip", made.getvalue()), *of_zip("torch zip", odd.getvalue())]


def of_torch_legacy(folder: Path) -> list[Seed]:
    made = io.BytesIO()
    torch.save(_training(), made, _use_new_zipfile_serialization=False)
    raw = made.getvalue()
    return [
        Seed("torch legacy", (raw,), joined),
        Seed("torch legacy", tuple(opcodes(raw)), joined, OPCODES),
    ]


def of_torch_tar(folder: Path) -> list[Seed]:
    """Build a file in the layout of torch before 0.1.10: counts and records in consecutive pickles."""
    storage, tensor = (0, "cpu", torch.FloatStorage), (1, 0, torch.FloatTensor)
    members = {
        "sys_info": pickle.dumps({"little_endian": True}, 2),
        "storages": pickle.dumps(1, 2)
        + pickle.dumps(storage, 2)
        + struct.pack("<q4f", 4, 1, 2, 3, 4)
        + pickle.dumps([], 2),
        "tensors": pickle.dumps(1, 2) + pickle.dumps(tensor, 2) + struct.pack("<i4x3q", 1, 4, 1, 0),
        "pickle": b"\x80\x02}X\x01\x00\x00\x00aX\x01\x00\x00\x001Qs.",
    }

    def build(parts: Parts) -> bytes:
        made = io.BytesIO()
        with tarfile.open(fileobj=made, mode="w", format=tarfile.USTAR_FORMAT) as archive:
            for name, part in zip(list(members) * len(parts), parts, strict=False):
                info = tarfile.TarInfo(name)
                info.size = len(part)
                archive.addfile(info, io.BytesIO(part))
        return made.getvalue()

    parts = tuple(members.values())
    return [Seed("torch tar", (build(list(parts)),), joined), Seed("torch tar", parts, build)]


def of_torchscript(folder: Path) -> list[Seed]:
    made = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.script(_Net().eval()), made)
    return of_zip("TorchScript", made.getvalue())


def of_exported(folder: Path) -> list[Seed]:
    made = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.export.save(torch.export.export(_Net().eval(), (torch.ones(4, 2),)), made)
    return of_zip("exported program", made.getvalue())


def of_pickle(folder: Path) -> list[Seed]:
    seeds = []
    for protocol in range(2, 6):
        value = {
            "a": [1, 2.5, None, True, 2**70],
            "b": ("x", b"y", {3}),
            "c": np.ones(3),
            "d": {"x"},
        }
        raw = pickle.dumps(value, protocol)
        seeds += [Seed("pickle", (raw,), joined), Seed("pickle", tuple(opcodes(raw)), joined, OPCODES)]
    return seeds


UNREAD = "unread"
FORMATS: dict[str, Callable[[Path], list[Seed]]] = {
    "safetensors": of_safetensors,
    "GGUF": of_gguf,
    "ONNX": of_onnx,
    "npy": of_npy,
    "npz": of_npz,
    "torch zip": of_torch_zip,
    "torch legacy": of_torch_legacy,
    "torch tar": of_torch_tar,
    "TorchScript": of_torchscript,
    "exported program": of_exported,
    "pickle": of_pickle,
}


# --- splitting -----------------------------------------------------------------------------------


def of_zip(name: str, raw: bytes) -> list[Seed]:
    """Split an archive in three ways: one part, its members, and the opcodes or words of members."""
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        kind = archive.infolist()[0].compress_type
        members = {each.filename: archive.read(each) for each in archive.infolist()}

    def build(parts: Parts, of: str | None = None) -> bytes:
        made = io.BytesIO()
        contents = list(members.values()) if of else parts
        with zipfile.ZipFile(made, "w", kind) as archive:
            for member, content in zip(members, contents, strict=False):
                archive.writestr(member, joined(parts) if member == of else content)
        return made.getvalue()

    seeds = [Seed(name, (raw,), joined), Seed(name, tuple(members.values()), build)]
    for member, content in members.items():
        if member.endswith(".pkl"):
            seeds.append(Seed(name, tuple(opcodes(content)), partial(build, of=member), OPCODES))
        elif content[:1] == b"{":
            words = tuple(re.findall(rb'"[^"]*"|[\d.]+|\s+|.', content))
            seeds.append(Seed(name, words, partial(build, of=member), JSON_WORDS))
        elif member.endswith(".py"):
            code = tuple(re.findall(rb"\w+|\n *|.", content))
            seeds.append(Seed(name, code, partial(build, of=member), SCRIPT_WORDS))
    return seeds


def of_unsupported(folder: Path) -> list[Seed]:
    """Return files in unsupported formats, which are not valid checkpoints."""
    files = [(each.file, each.bytes()) for each in WRITTEN]
    files += [(file, data) for file, (_, data) in SPECIFIED.items()]
    return [Seed(file, (data,), joined) for file, data in files]


def compressed(seed: Seed, method: Callable[[bytes], bytes]) -> list[Seed]:
    """Return seeds of a compressed file, to be damaged before and after compression."""
    return [
        Seed(seed.name, (method(seed.bytes()),), joined),
        Seed(seed.name, seed.parts, lambda parts: method(seed.build(parts)), seed.words),
    ]


def all_seeds(folder: Path, format: str) -> list[Seed]:
    """Return the seeds of a format, all of them valid except for `UNREAD`."""
    torch.manual_seed(0)
    if format == UNREAD:
        return of_unsupported(folder)
    seeds = FORMATS[format](folder)
    methods = (zlib.compress, bz2.compress, lzma.compress)
    return [*seeds, *compressed(seeds[-1], methods[len(format) % len(methods)])]
