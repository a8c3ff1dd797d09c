"""Hostile pickles, built byte by byte."""

from __future__ import annotations

import struct

from tests.checkpoints.hostile.parts import STORAGE, SYSTEM, TENSOR, Case, entry, state, torch_zip


def nested_lists(levels: int) -> bytes:
    """Return a list that contains one list twice, which contains one list twice, and so on."""
    made = b"]r" + struct.pack("<I", 0)
    for level in range(1, levels):
        below = b"j" + struct.pack("<I", level - 1)
        made += b"0](" + below + below + b"er" + struct.pack("<I", level)
    return made


def nested_tuples(levels: int) -> bytes:
    """Return a tuple of the same tuple twice, many levels deep; hashing it takes 2**levels steps."""
    made = b"K\x01\x85r" + struct.pack("<I", 0)
    for level in range(1, levels):
        below = b"j" + struct.pack("<I", level - 1)
        made += b"0" + below + below + b"\x86r" + struct.pack("<I", level)
    return made


def modules(levels: int) -> bytes:
    """Return modules that each contain the next one twice."""
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


def _deep_calls(levels: int) -> bytes:
    return b"cm\nf\nq\x000" + b"h\x00" * levels + b")" + b"R\x85" * (levels - 1) + b"R"


def _deep_parameters(levels: int) -> bytes:
    name = b"ctorch._utils\n_rebuild_parameter\nq\x30"
    return name + b"0" + b"h\x30(" * levels + TENSOR + b"\x89NtR" * levels


LEGACY_HEAD = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}."


def nested_storage() -> bytes:
    """Return a storage as pickled without `torch.save`, whose pickle takes many steps to read."""
    keys = b"](X\x01\0\0\x000e."
    return LEGACY_HEAD + b"N0" * 25_000 + STORAGE + b"." + keys + struct.pack("<q", 4) + b"\0" * 16


def numbered_entries(count: int, value: bytes) -> bytes:
    """Return numbered keys and values of a dict."""
    return b"".join(b"J" + struct.pack("<i", index) + value for index in range(count))


def shared_objects(by_all: bytes, name: bytes, each: bytes) -> bytes:
    """Return a list of objects that share their content, memoized as 112, and their callee, as 113."""
    return b"\x80\x04" + by_all + b"q\x700" + name + b"q\x710](" + each * 20_000 + b"e."


PICKLES: dict[str, Case] = {
    # --- execution
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
    "system next to a tensor": Case(lambda: torch_zip(state(entry(b"x", SYSTEM))), None, "torch._utils"),
    "system before it breaks": Case(
        lambda: b"\x80\x02" + SYSTEM + b"0\xff", "is not an opcode", "posix.system('true')"
    ),
    "numbered name": Case(lambda: b"\x80\x02\x82\x01.", "the extension registry", "copyreg."),
    # --- changes of the reader
    "state for a class": Case(
        lambda: b"\x80\x02cos\nsystem\n}b.", "gives a state to a name", "os.system()"
    ),
    "item of a number": Case(lambda: b"\x80\x02K\x01K\x02K\x03s.", "sets an item of an int", ""),
    "item of a list": Case(lambda: b"\x80\x02]K\x02K\x03s.", "sets an item of a list", ""),
    "appended to a dict": Case(lambda: b"\x80\x02}K\x02a.", "appends to a dict", ""),
    # --- time
    "laughs": Case(lambda: b"\x80\x02" + nested_lists(100) + b".", "holds no tensors", ""),
    "laughs next to a tensor": Case(
        lambda: torch_zip(state(entry(b"x", nested_lists(100)))), None, "torch._utils"
    ),
    "hashes": Case(lambda: b"\x80\x02}" + nested_tuples(99) + b"K\x01s.", "holds no tensors", ""),
    "hashes in a set": Case(
        lambda: b"\x80\x04\x8f(" + nested_tuples(99) + b"\x90.", "holds no tensors", ""
    ),
    "modules": Case(lambda: b"\x80\x02" + modules(60) + b".", "holds no tensors", "m.M()"),
    "numbers with equal hashes": Case(
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
    # --- memory
    "far place": Case(lambda: b"\x80\x02]r\0\0\0\x800j\0\0\0\x80.", "holds no tensors", ""),
    "long bytes": Case(lambda: b"\x80\x04\x8e" + struct.pack("<Q", 2**40) + b"x.", "but the file", ""),
    "long text": Case(lambda: b"\x80\x04\x8d" + struct.pack("<Q", 2**63) + b"x.", "but the file", ""),
    "long frame": Case(lambda: b"\x80\x04\x95" + struct.pack("<Q", 2**62) + b"N.", "but the file", ""),
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
    # --- shared content, which is small if it is visited once
    "shared: calls of calls": Case(
        lambda: b"\x80\x02cm\nf\nq\x00" + b")R" * 700_000 + b".", "holds no tensors", "m.f("
    ),
    "shared: one list in calls": Case(
        lambda: shared_objects(b"](" + b"K\x01" * 200_000 + b"e", b"cm\nf\n", b"h\x71h\x70\x85R"),
        "more than 2,000,000 values",
        "m.f(",
    ),
    "shared: one list of pairs": Case(
        lambda: shared_objects(
            b"](" + b"K\x01K\x02\x86" * 100_000 + b"e",
            b"ccollections\nOrderedDict\n",
            b"h\x71h\x70\x85R",
        ),
        "more than 2,000,000 values",
        "collections",
    ),
    "shared: one state": Case(
        lambda: shared_objects(
            b"}(" + numbered_entries(100_000, b"N") + b"u", b"cm\nC\n", b"h\x71)\x81h\x70b"
        ),
        "more than 2,000,000 values",
        "m.C(",
    ),
    "shared: one shape": Case(
        lambda: torch_zip(
            shared_objects(
                b"(" + b"K\x01" * 200_000 + b"t",
                b"ctorch._utils\n_rebuild_tensor_v2\n",
                b"h\x71(" + STORAGE + b"K\0h\x70h\x70\x89NtR",
            )
        ),
        "a tensor has 200,000 dimensions",
        "torch",
    ),
    "shared: one state of tensors": Case(
        lambda: torch_zip(
            shared_objects(
                b"}(" + numbered_entries(100_000, b"N") + b"u",
                b"ctorch._utils\n_rebuild_parameter_with_state\n",
                b"h\x71(" + TENSOR + b"\x89Nh\x70tR",
            )
        ),
        None,
        "torch",
    ),
    "shared: the bytes of a storage": Case(
        lambda: shared_objects(
            b"\x8e" + struct.pack("<Q", len(nested_storage())) + nested_storage(),
            b"ctorch.storage\n_load_from_bytes\n",
            b"h\x71h\x70\x85R",
        ),
        "its storages have more bytes than the file",
        "torch",
    ),
    "shared: keywords": Case(
        lambda: (
            b"\x80\x04}("
            + b"".join(b"J" + struct.pack("<i", index) + b"N" for index in range(200_000))
            + b"u\x940("
            + b"".join(b"cm\nn%d\n)h\x00\x92" % index for index in range(20_000))
            + b"l."
        ),
        "holds no tensors|more than",
        "m.n0(",
    ),
    # --- nesting
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
    # --- other bytes
    "no end": Case(lambda: b"\x80\x02]", "ends without its last opcode", ""),
    "empty stack": Case(lambda: b"\x80\x02.", "no object is left", ""),
    "underflow": Case(lambda: b"\x80\x020.", "pops more items than the stack has", ""),
    "unknown opcode": Case(lambda: b"\x80\x02\xff.", "0xff is not an opcode", ""),
    "later protocol": Case(lambda: b"\x80\x06N.", "it is of protocol 6", ""),
    "empty": Case(lambda: b"", "is not a checkpoint", ""),
    "two bytes": Case(lambda: b"\x80\x02", "ends without its last opcode", ""),
    "a line without an end": Case(
        lambda: b"\x80\x02c" + b"a" * 3_000_000, "ends without its last opcode", ""
    ),
}
