"""Pickles and archives that no honest program writes, byte by byte."""

from __future__ import annotations

import functools
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass

from tests.checkpoints.zips import Directory, Part, build


@dataclass(frozen=True)
class Case:
    """One file, and what is to come of it."""

    data: Callable[[], bytes]
    error: str | None
    """A part of the message or the cause of reading it as a checkpoint; None where it can be read."""

    names: str | None = None
    """What the list of names begins with; None where reading even that is an error."""


STORAGE = b"(X\x07\0\0\0storageq\x00ctorch\nFloatStorage\nq\x01X\x01\0\0\x000q\x02X\x03\0\0\0cpuq\x03K\x04tq\x04Q"
TENSOR = b"ctorch._utils\n_rebuild_tensor_v2\n(" + STORAGE + b"K\0K\x04\x85K\x01\x85\x89N" + b"tR"
SYSTEM = b"cposix\nsystem\n(X\x04\0\0\0trueq\x10tR"


def state(*entries: bytes) -> bytes:
    """A pickled dict with one honest tensor and more behind it."""
    return b"\x80\x02}(X\x01\0\0\0w" + TENSOR + b"".join(entries) + b"u."


def entry(name: bytes, value: bytes) -> bytes:
    return b"X" + struct.pack("<I", len(name)) + name + value


def tensor(
    *,
    offset: bytes = b"K\0",
    sizes: bytes = b"K\x04\x85",
    strides: bytes = b"K\x01\x85",
    storage: bytes = STORAGE,
) -> bytes:
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + offset + sizes + strides + b"\x89NtR"


def torch_zip(pickle: bytes, *more: Part, data: bytes = b"\0" * 16, **changes: object) -> bytes:
    """An archive as torch writes it."""
    return build(
        [
            Part("a/data.pkl", pickle, **changes),  # type: ignore[arg-type]
            Part("a/byteorder", b"little"),
            Part("a/data/0", data),
            Part("a/version", b"3\n"),
            *more,
        ]
    )


def legacy(
    pickle: bytes, keys: bytes = b"\x80\x02](X\x01\0\0\x000e.", data: bytes | None = None
) -> bytes:
    """A stream as torch wrote it once."""
    return (
        b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}."
        + pickle
        + keys
        + (struct.pack("<q", 4) + b"\0" * 16 if data is None else data)
    )


def laughs(levels: int) -> bytes:
    """A list of the same list twice, which is one of the same list twice, and so on."""
    made = b"]r" + struct.pack("<I", 0)
    for level in range(1, levels):
        below = b"j" + struct.pack("<I", level - 1)
        made += b"0](" + below + below + b"er" + struct.pack("<I", level)
    return made


def hashes(levels: int) -> bytes:
    """A tuple of the same tuple twice, many levels deep: to hash it takes 2**levels steps."""
    made = b"K\x01\x85r" + struct.pack("<I", 0)
    for level in range(1, levels):
        below = b"j" + struct.pack("<I", level - 1)
        made += b"0" + below + below + b"\x86r" + struct.pack("<I", level)
    return made


def modules(levels: int) -> bytes:
    """Modules that hold the one below twice."""
    made = b"N"
    for level in range(levels):
        below = b"N" if not level else b"j" + struct.pack("<I", level - 1)
        made += (
            b"0cm\nM\n)\x81}(X\x0b\0\0\0_parametersN"
            + b"X\x08\0\0\0_buffersN"
            + b"X\x08\0\0\0_modules}(X\x01\0\0\0a"
            + below
            + b"X\x01\0\0\0b"
            + below
            + b"uub"
            + b"r"
            + struct.pack("<I", level)
        )
    return made


def deflated(data: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


@functools.cache
def bomb() -> bytes:
    """A GiB of zeros, deflated."""
    packer = zlib.compressobj(1, zlib.DEFLATED, -15)
    block = b"\0" * (1 << 20)
    return b"".join(packer.compress(block) for _ in range(1 << 10)) + packer.flush()


PICKLES: dict[str, Case] = {
    # --- what would be run
    "system": Case(lambda: b"\x80\x02" + SYSTEM + b".", "holds no tensors", "posix.system('true')"),
    "system, protocol 0": Case(
        lambda: b"cposix\nsystem\n(S'true'\ntR.", "holds no tensors", "posix.system('true')"
    ),
    "dotted name": Case(
        lambda: b"\x80\x04\x8c\x08builtins\x8c\x0c__import__.x\x93.",
        "holds no tensors",
        "builtins.__import__.x()",
    ),
    "nested pickle": Case(
        lambda: b"\x80\x04cpickle\nloads\nC\x11cos\nsystem\n(Vx\ntR\x85R.",
        "holds no tensors",
        "pickle.loads(b'cos",
    ),
    "system beside a tensor": Case(lambda: torch_zip(state(entry(b"x", SYSTEM))), None, "torch._utils"),
    "system before it breaks": Case(
        lambda: b"\x80\x02" + SYSTEM + b"0\xff", "is no opcode", "posix.system('true')"
    ),
    "numbered name": Case(lambda: b"\x80\x02\x82\x01.", "a number that only its writer knows", ""),
    # --- what would change the reader
    "state for a class": Case(
        lambda: b"\x80\x02cos\nsystem\n}b.", "gives a state to a Named", "os.system()"
    ),
    "item of a number": Case(lambda: b"\x80\x02K\x01K\x02K\x03s.", "sets an item of a int", ""),
    "item of a list": Case(lambda: b"\x80\x02]K\x02K\x03s.", "sets an item of a list", ""),
    "appended to a dict": Case(lambda: b"\x80\x02}K\x02a.", "appends to a dict", ""),
    # --- what would take time
    "laughs": Case(lambda: b"\x80\x02" + laughs(100) + b".", "holds no tensors", ""),
    "laughs beside a tensor": Case(
        lambda: torch_zip(state(entry(b"x", laughs(100)))), None, "torch._utils"
    ),
    "hashes": Case(lambda: b"\x80\x02}" + hashes(99) + b"K\x01s.", "holds no tensors", ""),
    "hashes in a set": Case(lambda: b"\x80\x04\x8f(" + hashes(99) + b"\x90.", "holds no tensors", ""),
    "modules": Case(lambda: b"\x80\x02" + modules(60) + b".", "holds no tensors", "m.M()"),
    "numbers that hash alike": Case(
        lambda: (
            b"\x80\x02}("
            + b"".join(
                b"\x8a\x0c" + (index * (2**61 - 1)).to_bytes(12, "little") + b"N"
                for index in range(1, 50_000)
            )
            + b"u."
        ),
        "holds no tensors",
        "",
    ),
    "long decimal": Case(lambda: b"(lp0\nL" + b"7" * 10_000_000 + b"L\na.", "holds no tensors", ""),
    "long number": Case(
        lambda: b"\x80\x02\x8b" + struct.pack("<i", 5_000_000) + b"\x7f" * 5_000_000 + b".",
        "holds no tensors",
        "",
    ),
    # --- what would take memory
    "far place": Case(lambda: b"\x80\x02]r\0\0\0\x800j\0\0\0\x80.", "holds no tensors", ""),
    "long bytes": Case(
        lambda: b"\x80\x04\x8e" + struct.pack("<Q", 2**40) + b"x.", "bytes should stand", ""
    ),
    "long text": Case(
        lambda: b"\x80\x04\x8d" + struct.pack("<Q", 2**63) + b"x.", "bytes should stand", ""
    ),
    "long frame": Case(
        lambda: b"\x80\x04\x95" + struct.pack("<Q", 2**62) + b"N.", "bytes should stand", ""
    ),
    "many lists": Case(lambda: b"\x80\x02](" + b"]" * 3_000_000 + b"e.", "MiB, the most there is", ""),
    "many lists, fewer": Case(lambda: b"\x80\x02](" + b"]" * 1_000_000 + b"e.", "holds no tensors", ""),
    "many tuples": Case(lambda: b"\x80\x02](" + b"N\x85" * 1_900_000 + b"e.", "", ""),
    "many dicts": Case(lambda: b"\x80\x02](" + b"}" * 3_000_000 + b"e.", "MiB, the most there is", ""),
    "many dicts, fewer": Case(
        lambda: b"\x80\x02](" + b"}" * 1_000_000 + b"e.", "more than 300,000 containers", ""
    ),
    "many marks": Case(lambda: b"\x80\x02" + b"(" * 4_000_000 + b".", "MiB, the most there is", ""),
    "many numbers": Case(lambda: b"\x80\x02](" + b"J\x01\x02\x03\x04" * 3_000_000 + b"e.", "", ""),
    "many names": Case(
        lambda: b"\x80\x02](" + b"".join(b"cm\nn%d\n" % index for index in range(400_000)) + b"e.",
        "",
        "m.n0",
    ),
    "many places": Case(
        lambda: (
            b"\x80\x02N"
            + b"".join(b"r" + struct.pack("<I", 2**31 + index) for index in range(1_500_000))
            + b"."
        ),
        "",
        "",
    ),
    "many names of a tensor": Case(
        lambda: torch_zip(
            b"\x80\x02}X\x01\0\0\0w"
            + TENSOR
            + b"q\x20s("
            + b"".join(entry(b"%d" % index, b"h\x20") for index in range(600_000))
            + b"u."
        ),
        "",
        "torch._utils",
    ),
    "long names": Case(
        lambda: torch_zip(
            b"\x80\x02}X\x01\0\0\0w"
            + TENSOR
            + b"q\x20sX"
            + struct.pack("<I", 60_000)
            + b"n" * 60_000
            + b"q\x21}("
            + b"".join(b"K" + bytes([index]) + b"h\x20" for index in range(256)) * 1
            + b"uq\x22s"
            + b"".join(
                b"X"
                + struct.pack("<I", 6)
                + b"%06d" % index
                + b"}h\x21}("
                + b"".join(b"K" + bytes([each]) + b"h\x20" for each in range(200))
                + b"uss"
                for index in range(40)
            )
            + b"."
        ),
        "the names in it have more than",
        "torch._utils",
    ),
    # --- what would nest
    "deep list": Case(
        lambda: b"\x80\x02" + b"]" * 200_000 + b"a" * 199_999 + b".", "nested more than 1,000 deep", ""
    ),
    "deep tuple": Case(
        lambda: b"\x80\x02N" + b"\x85" * 500_000 + b".", "nested more than 1,000 deep", ""
    ),
    "deep calls": Case(
        lambda: b"\x80\x02" + _deep_calls(100_000) + b".",
        "nested more than 1,000 deep",
        "m.f(",
    ),
    "deep parameters": Case(
        lambda: torch_zip(b"\x80\x02" + _deep_parameters(50_000) + b"."),
        "a tensor is wrapped too often",
        "torch._utils",
    ),
    "list in itself": Case(lambda: b"\x80\x02]q\x00h\x00a.", "holds no tensors", ""),
    "dict in itself": Case(
        lambda: torch_zip(b"\x80\x02}q\x60(X\x01\0\0\0w" + TENSOR + b"X\x01\0\0\0xh\x60u."),
        None,
        "torch._utils",
    ),
    "state in itself": Case(lambda: b"\x80\x02cm\nC\n)\x81q\x00h\x00b.", "holds no tensors", "m.C()"),
    "set in itself": Case(lambda: b"\x80\x04\x8fq\x00(h\x00\x90.", "holds no tensors", ""),
    # --- what is not one
    "no end": Case(lambda: b"\x80\x02]", "ends without its last opcode", ""),
    "empty stack": Case(lambda: b"\x80\x02.", "0 objects are left", ""),
    "underflow": Case(lambda: b"\x80\x020.", "takes more than there is", ""),
    "unknown opcode": Case(lambda: b"\x80\x02\xff.", "0xff is no opcode", ""),
    "later protocol": Case(lambda: b"\x80\x06N.", "it is of protocol 6", ""),
    "empty": Case(lambda: b"", "is not a checkpoint"),
    "two bytes": Case(lambda: b"\x80\x02", "ends without its last opcode", ""),
    "a line without an end": Case(
        lambda: b"\x80\x02c" + b"a" * 3_000_000, "ends without its last opcode", ""
    ),
}


def _deep_calls(levels: int) -> bytes:
    return b"cm\nf\nq\x000" + b"h\x00" * levels + b")" + b"R\x85" * (levels - 1) + b"R"


def _deep_parameters(levels: int) -> bytes:
    name = b"ctorch._utils\n_rebuild_parameter\nq\x30"
    return name + b"0" + b"h\x30(" * levels + TENSOR + b"\x89NtR" * levels


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
        "x: a shape is (-1,)",
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
        None,
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
        "x: a tensor lies in no storage",
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
        "speaks of 'a/data/7', and the archive has no such member",
        "torch",
    ),
    "storage elsewhere": Case(
        lambda: torch_zip(
            state(
                entry(b"x", tensor(storage=STORAGE.replace(b"X\x01\0\0\x000", b"X\x08\0\0\x00../../pw")))
            )
        ),
        "speaks of 'a/data/../../pw', and the archive has no such member",
        "torch",
    ),
    "storage that is short": Case(
        lambda: torch_zip(state(), data=b"\0" * 15), "'a/data/0' has 16 bytes, and it has 15", "torch"
    ),
    "storage of a great size": Case(
        lambda: torch_zip(
            b"\x80\x02"
            + tensor(storage=STORAGE.replace(b"K\x04", b"\x8a\x08" + struct.pack("<q", 2**62)))
            + b"."
        ),
        "and it has 16",
        "torch",
    ),
    "too few arguments": Case(
        lambda: torch_zip(b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n)R."),
        "which are not those it takes",
        "torch",
    ),
    "a parameter of nothing": Case(
        lambda: torch_zip(b"\x80\x02ctorch._utils\n_rebuild_parameter\n(N\x88NtR."),
        "None stands where a tensor should",
        "torch",
    ),
    "sparse of nothing": Case(
        lambda: torch_zip(b"\x80\x02ctorch._utils\n_rebuild_sparse_tensor\n(NNtR."),
        "not told as torch tells it",
        "torch",
    ),
    "legacy, honest": Case(lambda: legacy(state()), None, "torch"),
    "legacy, cut": Case(lambda: legacy(state())[:-1], "16 bytes should stand", "torch"),
    "legacy, no storages": Case(
        lambda: legacy(state(), b"", b""), "ends without its last opcode", "torch"
    ),
    "legacy, other count": Case(
        lambda: legacy(state(), data=struct.pack("<q", 5) + b"\0" * 20),
        "should have 16 bytes, and has 20",
        "torch",
    ),
    "legacy, negative count": Case(
        lambda: legacy(state(), data=struct.pack("<q", -4)), "and has -16", "torch"
    ),
    "legacy, another storage": Case(
        lambda: legacy(state(), b"\x80\x02](X\x01\0\0\x001e."),
        "the object speaks of no storage '1'",
        "torch",
    ),
    "legacy, a storage twice": Case(
        lambda: legacy(
            state(), b"\x80\x02](X\x01\0\0\x000X\x01\0\0\x000e.", (struct.pack("<q", 4) + b"\0" * 16) * 2
        ),
        "or it stands there twice",
        "torch",
    ),
    "legacy, keys are no list": Case(
        lambda: legacy(state(), b"\x80\x02N."), "there is no list of storages", "torch"
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


ARCHIVES: dict[str, Case] = {
    "honest": Case(lambda: torch_zip(state()), None, "torch"),
    "two pickles": Case(
        lambda: torch_zip(state(), Part("a/data.pkl", b"\x80\x02" + SYSTEM + b".")),
        "two members are called 'a/data.pkl'",
    ),
    "two pickles but for case": Case(
        lambda: torch_zip(state(), Part("a/DATA.PKL", b"N.")),
        "it has both 'a/data.pkl' and 'a/DATA.PKL'",
        "torch",
    ),
    "wrong checksum": Case(lambda: torch_zip(state(), checksum=1), None, "torch"),
    "another name in front": Case(lambda: torch_zip(state(), local_name="b/data.pkl"), None, "torch"),
    "another size in front": Case(lambda: torch_zip(state(), local_size=5), "by its own header"),
    "another method in front": Case(
        lambda: torch_zip(state(), local_method=8), "is stored otherwise than the directory says"
    ),
    "encrypted": Case(lambda: torch_zip(state(), flags=1), "is encrypted"),
    "encrypted in front": Case(
        lambda: torch_zip(state(), local_flags=1), "is stored otherwise than the directory says"
    ),
    "unknown method": Case(lambda: torch_zip(state(), method=99), "by the unknown method 99"),
    "larger than the file": Case(lambda: torch_zip(state(), stored=2**31), "beyond its end"),
    "negative header": Case(lambda: torch_zip(state(), header=0xFFFFFFFE), "beyond its end"),
    "deflate bomb": Case(
        lambda: torch_zip(bomb(), method=8, size=1 << 30, checksum=0),
        "comes to more than 67,108,864 bytes",
    ),
    "deflate bomb that says it is small": Case(
        lambda: torch_zip(bomb(), method=8, size=100, checksum=0),
        "comes to more than 67,108,864 bytes",
    ),
    "deflated rubbish": Case(
        lambda: torch_zip(b"\xff" * 100, method=8, size=100, checksum=0), "cannot be inflated"
    ),
    "deflated, cut": Case(
        lambda: torch_zip(deflated(state())[:-9], method=8, size=len(state()), checksum=0),
        "should come to",
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
