"""Hostile tensors and archives, built byte by byte."""

from __future__ import annotations

import functools
import struct
import zlib

from tests.checkpoints.hostile.parts import (
    STORAGE,
    SYSTEM,
    Case,
    entry,
    legacy,
    state,
    tensor,
    torch_zip,
)
from tests.checkpoints.hostile.pickles import PICKLES
from tests.checkpoints.zips import Directory, Part, build


def deflated(data: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


@functools.cache
def bomb() -> bytes:
    """Return 1 GiB of zeros, deflated."""
    packer = zlib.compressobj(1, zlib.DEFLATED, -15)
    block = b"\0" * (1 << 20)
    return b"".join(packer.compress(block) for _ in range(1 << 10)) + packer.flush()


TENSORS: dict[str, Case] = {
    "negative shape": Case(
        lambda: torch_zip(state(entry(b"x", tensor(sizes=b"J\xff\xff\xff\xff\x85")))),
        "x: a shape is (-1,)",
        "torch",
    ),
    "larger than its storage": Case(
        lambda: torch_zip(state(entry(b"x", tensor(sizes=b"K\x05\x85")))),
        "x: a tensor of shape (5,) with strides (1,) from element 0 on needs 20 bytes, and its storage",
        "torch",
    ),
    "beyond its storage": Case(
        lambda: torch_zip(state(entry(b"x", tensor(offset=b"K\x01")))),
        "from element 1 on needs 20 bytes",
        "torch",
    ),
    "negative offset": Case(
        lambda: torch_zip(state(entry(b"x", tensor(offset=b"J\xff\xff\xff\xff")))),
        "x: the offset of a tensor is -1",
        "torch",
    ),
    "long steps": Case(
        lambda: torch_zip(
            state(entry(b"x", tensor(sizes=b"K\x02\x85", strides=b"\x8a\x07\0\0\0\0\0\0\x40\x85")))
        ),
        "needs 72,057,594,037,927,940 bytes",
        "torch",
    ),
    "negative steps": Case(
        lambda: torch_zip(state(entry(b"x", tensor(strides=b"J\xff\xff\xff\xff\x85")))),
        "x: a stride is (-1,)",
        "torch",
    ),
    "too many steps": Case(
        lambda: torch_zip(state(entry(b"x", tensor(strides=b"K\x01K\x01\x86")))),
        "1 dimensions has 2 strides",
        "torch",
    ),
    "more elements than there can be": Case(
        lambda: torch_zip(
            state(
                entry(
                    b"x",
                    tensor(
                        sizes=b"\x8a\x08" + struct.pack("<q", 2**62) + b"K\x04\x86",
                        strides=b"K\0K\0\x86",
                    ),
                )
            )
        ),
        "too many elements",
        "torch",
    ),
    "a shape of many numbers": Case(
        lambda: torch_zip(
            state(
                entry(
                    b"x",
                    tensor(
                        sizes=b"(" + b"K\x01" * 300_000 + b"t", strides=b"(" + b"K\x01" * 300_000 + b"t"
                    ),
                )
            )
        ),
        "a tensor has 300,000 dimensions; 128 is the most",
        "torch",
    ),
    "huge number in a shape": Case(
        lambda: torch_zip(
            state(
                entry(
                    b"x", tensor(sizes=b"\x8b" + struct.pack("<i", 50_000) + b"\x7f" * 50_000 + b"\x85")
                )
            )
        ),
        "a shape is (<an integer of",
        "torch",
    ),
    "no shape": Case(
        lambda: torch_zip(state(entry(b"x", tensor(sizes=b"N")))), "x: a shape is None", "torch"
    ),
    "a float in a shape": Case(
        lambda: torch_zip(state(entry(b"x", tensor(sizes=b"G?\xf0\0\0\0\0\0\0\x85")))),
        "x: a shape is (1.0,)",
        "torch",
    ),
    "no storage": Case(
        lambda: torch_zip(state(entry(b"x", tensor(storage=b"N")))),
        "x: the storage of a tensor is unknown",
        "torch",
    ),
    "storage of another type": Case(
        lambda: torch_zip(
            state(entry(b"x", tensor(storage=STORAGE.replace(b"FloatStorage", b"LongStorage"))))
        ),
        "the storage '0' has two types or sizes",
        "torch",
    ),
    "storage of no type": Case(
        lambda: torch_zip(
            state(entry(b"x", tensor(storage=STORAGE.replace(b"FloatStorage", b"OddStorage"))))
        ),
        "of the unknown type torch.OddStorage",
        "torch",
    ),
    "storage of -1": Case(
        lambda: torch_zip(
            state(entry(b"x", tensor(storage=STORAGE.replace(b"K\x04", b"J\xff\xff\xff\xff"))))
        ),
        "the size of a storage is -1",
        "torch",
    ),
    "storage that is missing": Case(
        lambda: torch_zip(state(entry(b"x", tensor(storage=STORAGE.replace(b"\x000q", b"\x007q"))))),
        "refers to 'a/data/7', but the archive has no such member",
        "torch",
    ),
    "storage elsewhere": Case(
        lambda: torch_zip(
            state(
                entry(b"x", tensor(storage=STORAGE.replace(b"X\x01\0\0\x000", b"X\x08\0\0\x00../../pw")))
            )
        ),
        "refers to 'a/data/../../pw', but the archive has no such member",
        "torch",
    ),
    "storage that is short": Case(
        lambda: torch_zip(state(), data=b"\0" * 15),
        "'a/data/0' should have 16 bytes by its pickle, but has 15",
        "torch",
    ),
    "storage of a great size": Case(
        lambda: torch_zip(
            b"\x80\x02"
            + tensor(storage=STORAGE.replace(b"K\x04", b"\x8a\x08" + struct.pack("<q", 2**62)))
            + b"."
        ),
        "bytes by its pickle, but has 16",
        "torch",
    ),
    "too few arguments": Case(
        lambda: torch_zip(b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n)R."),
        "which are not those it takes",
        "torch",
    ),
    "a parameter of nothing": Case(
        lambda: torch_zip(b"\x80\x02ctorch._utils\n_rebuild_parameter\n(N\x88NtR."),
        "None is not a tensor",
        "torch",
    ),
    "sparse of nothing": Case(
        lambda: torch_zip(b"\x80\x02ctorch._utils\n_rebuild_sparse_tensor\n(NNtR."),
        "not in torch's format",
        "torch",
    ),
    "legacy, honest": Case(lambda: legacy(state()), None, "torch"),
    "legacy, cut": Case(lambda: legacy(state())[:-1], "expected 16 bytes", "torch"),
    "legacy, no storages": Case(
        lambda: legacy(state(), b"", b""), "ends without its last opcode", "torch"
    ),
    "legacy, other count": Case(
        lambda: legacy(state(), data=struct.pack("<q", 5) + b"\0" * 20),
        "expected 16",
        "torch",
    ),
    "legacy, negative count": Case(
        lambda: legacy(state(), data=struct.pack("<q", -4)), "has -16 bytes", "torch"
    ),
    "legacy, another storage": Case(
        lambda: legacy(state(), b"\x80\x02](X\x01\0\0\x001e."),
        "the storage '1' is not in the object",
        "torch",
    ),
    "legacy, a storage twice": Case(
        lambda: legacy(
            state(), b"\x80\x02](X\x01\0\0\x000X\x01\0\0\x000e.", (struct.pack("<q", 4) + b"\0" * 16) * 2
        ),
        "or is listed twice",
        "torch",
    ),
    "legacy, keys are not a list": Case(
        lambda: legacy(state(), b"\x80\x02N."),
        "the list of storages after the object is missing",
        "torch",
    ),
    "legacy, other version": Case(
        lambda: legacy(state()).replace(b"M\xe9\x03", b"M\xea\x03"), "it is of version 1002", ""
    ),
    "legacy, system in the head": Case(
        lambda: legacy(state()).replace(b"\x80\x02}.", b"\x80\x02}" + SYSTEM + b"0.", 1),
        None,
        "posix.system('true')",
    ),
}


@functools.cache
def small_bomb() -> bytes:
    """Return 60 MiB of STOP opcodes, deflated."""
    return deflated(b"N." + b"\0" * ((60 << 20) - 2))


ARCHIVES: dict[str, Case] = {
    "honest": Case(lambda: torch_zip(state()), None, "torch"),
    "two pickles": Case(
        lambda: torch_zip(state(), Part("a/data.pkl", b"\x80\x02" + SYSTEM + b".")),
        "two members are called 'a/data.pkl'",
    ),
    "two pickles but for case": Case(
        lambda: torch_zip(state(), Part("a/DATA.PKL", b"N.")),
        "it has both 'a/data.pkl' and 'a/DATA.PKL'",
    ),
    "wrong checksum": Case(lambda: torch_zip(state(), checksum=1), None, "torch"),
    "another name in front": Case(lambda: torch_zip(state(), local_name="b/data.pkl"), None, "torch"),
    "another size in front": Case(lambda: torch_zip(state(), local_size=5), "by its own header"),
    "another method in front": Case(
        lambda: torch_zip(state(), local_method=8),
        "is stored differently from its entry in the directory",
    ),
    "encrypted": Case(lambda: torch_zip(state(), flags=1), "is encrypted", ""),
    "encrypted in front": Case(
        lambda: torch_zip(state(), local_flags=1),
        "is stored differently from its entry in the directory",
    ),
    "unknown method": Case(lambda: torch_zip(state(), method=99), "by the unknown method 99", ""),
    "larger than the file": Case(lambda: torch_zip(state(), stored=2**31), "beyond its end"),
    "negative header": Case(lambda: torch_zip(state(), header=0xFFFFFFFE), "beyond its end"),
    "deflate bomb": Case(
        lambda: torch_zip(bomb(), method=8, size=1 << 30, checksum=0),
        "has more than 67,108,864 bytes",
        "",
    ),
    "deflate bomb with a small declared size": Case(
        lambda: torch_zip(bomb(), method=8, size=100, checksum=0),
        "has more than 67,108,864 bytes",
        "",
    ),
    "many deflate bombs": Case(
        lambda: torch_zip(
            state(),
            *(
                Part(f"a/{each}.pkl", small_bomb(), method=8, size=60 << 20, checksum=0)
                for each in range(40)
            ),
        ),
        None,
        "torch",
    ),
    "many deflate bombs of code": Case(
        lambda: torch_zip(
            state(),
            Part("a/constants.pkl", b"\x80\x02)."),
            *(
                Part(f"a/code/{each}.py", small_bomb(), method=8, size=10, checksum=0)
                for each in range(500)
            ),
        ),
        None,
        "torch",
    ),
    "deflated rubbish": Case(
        lambda: torch_zip(b"\xff" * 100, method=8, size=100, checksum=0), "cannot be inflated"
    ),
    "deflated, cut": Case(
        lambda: torch_zip(deflated(state())[:-9], method=8, size=len(state()), checksum=0),
        "should have 119 decompressed bytes, but has 111",
    ),
    "no directory": Case(lambda: torch_zip(state())[:-30], "is not whole"),
    "only a start": Case(lambda: b"PK\x03\x04", "is not whole"),
    "empty archive": Case(lambda: build([]), "is not a checkpoint", ""),
    "bytes in front": Case(lambda: b"PK\x03\x04junk" + torch_zip(state()), "its directory should end"),
    "count too large": Case(
        lambda: build([Part("a/data.pkl", b"N.")], Directory(count=2)),
        "should name 2 members, and names 1",
    ),
    "count too small": Case(
        lambda: build([Part("a/data.pkl", b"N."), Part("a/b", b"")], Directory(count=1)),
        "should name 1 members, and names 2",
    ),
    "directory elsewhere": Case(
        lambda: build([Part("a/data.pkl", b"N.")], Directory(start=0)), "its directory should end"
    ),
    "directory of a great size": Case(
        lambda: build([Part("a/data.pkl", b"N.")], Directory(size=2**31)), "its directory should end"
    ),
    "several disks": Case(
        lambda: build([Part("a/data.pkl", b"N.")], Directory(disk=1)), "one part of several"
    ),
    "members that share bytes": Case(
        lambda: build([Part("a/data.pkl", b"N."), Part("a/b", b"N.", header=0)]), "share bytes"
    ),
    "a zero in a name": Case(lambda: build([Part("a/data.pkl\0.txt", b"N.")]), "has a zero in it"),
    "absolute and other places": Case(
        lambda: torch_zip(state(), Part("/etc/passwd", b"x"), Part("a/../../x", b"y")), None, "torch"
    ),
    "another archive": Case(
        lambda: build([Part("a/readme", b"hello")]), "it is a zip archive that holds a/readme", ""
    ),
    "no storages": Case(
        lambda: build([Part("a/data.pkl", state())]), "the archive has no such member", "torch"
    ),
    "many members": Case(
        lambda: build([Part(f"{index:x}", b"") for index in range(310_000)], Directory(count=0xFFFF)),
        "300,000 is the most|should name",
    ),
}

ALL = {
    **{f"pickle: {name}": case for name, case in PICKLES.items()},
    **{f"tensor: {name}": case for name, case in TENSORS.items()},
    **{f"archive: {name}": case for name, case in ARCHIVES.items()},
}
