"""Tests of the pickle interpreter on calls, unusual keys and invalid opcodes."""

from __future__ import annotations

import math
import os
import pickle
import struct
import sys
from pathlib import Path
from typing import Any

import numpy
import pytest

from netinspect.checkpoints.pickle.format_object import format_object
from netinspect.checkpoints.pickle.interpreter import Interpreter
from netinspect.checkpoints.pickle.names import Names
from netinspect.checkpoints.pickle.objects import Called, Key, Members, Named, Persistent
from netinspect.checkpoints.pickle.stream import PickleError, Stream
from netinspect.checkpoints.read import read_checkpoint
from tests.checkpoints.inert import run, source

PROTOCOLS = range(6)


class MarksWhenUnpickled:
    """Object that creates a file when it is unpickled."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (self.path,)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_interpreter_records_calls_without_making_them(protocol: int, tmp_path: Any) -> None:
    path = tmp_path / "mark"
    names = Names()
    value = run(pickle.dumps(MarksWhenUnpickled(str(path)), protocol), names)
    assert isinstance(value, Called)
    assert not path.exists()
    (named,) = names.all()
    assert (named.path, named.uses) == ("posix.mkdir", 1)
    assert named.arguments == repr(str(path))


def test_interpreter_records_imports_without_making_them() -> None:
    names = Names()
    value = run(b"cantigravity\nfly\n.", names)
    assert isinstance(value, Named)
    assert value.path == "antigravity.fly"
    assert "antigravity" not in sys.modules


def test_interpreter_counts_calls_of_every_opcode() -> None:
    names = Names()
    run(
        b"\x80\x04(cm\nreduce\n(K\x01tR0cm\nnew\n)\x810cm\nex\n)}\x920"  # REDUCE, NEWOBJ, NEWOBJ_EX
        b"(K\x02im\ninst\n0(cm\nobj\nK\x03o0\x8c\x01m\x8c\x05stack\x93)R0K\x00t.",
        names,
    )
    uses = {named.name: (named.uses, named.arguments) for named in names.all()}
    assert uses == {
        "reduce": (1, "1"),
        "new": (1, ""),
        "ex": (1, ""),
        "inst": (1, "2"),
        "obj": (1, "3"),
        "stack": (1, ""),
    }


def test_interpreter_reports_calls_of_results() -> None:
    names = Names()
    run(b"cbuiltins\ngetattr\n(cos\npath\nS'system'\ntR(S'rm -rf /'\ntR.", names)
    calls = {named.path: (named.uses, named.arguments) for named in names.all()}
    assert calls["builtins.getattr"] == (1, "os.path, 'system'; then called with 'rm -rf /'")
    assert calls["os.path"] == (0, "")


def test_interpreter_reports_arguments_of_first_call() -> None:
    names = Names()
    run(b"(cos\nsystem\nq\x00(S'one'\ntR0h\x00(S'two'\ntR0K\x01t.", names)
    (named,) = names.all()
    assert (named.uses, named.arguments, named.position) == (2, "'one'", 1)


@pytest.mark.parametrize(
    ("data", "path"),
    [
        (b"c__builtin__\neval\n.", "builtins.eval"),
        (b"\x80\x02c__builtin__\neval\n.", "builtins.eval"),
        (b"\x80\x03c__builtin__\neval\n.", "__builtin__.eval"),
        (b"ccommands\ngetoutput\n.", "subprocess.getoutput"),
        (b"c__builtin__\nxrange\n.", "builtins.range"),
        (b"cos\nsystem\n.", "os.system"),
    ],
)
def test_interpreter_maps_python_2_names(data: bytes, path: str) -> None:
    import io

    class Finder(pickle.Unpickler):
        pass

    assert run(data).path == path
    module, _, name = path.rpartition(".")
    if module != "__builtin__":
        assert Finder(io.BytesIO(data)).load() is getattr(__import__(module), name)


def test_interpreter_keeps_dotted_names_whole() -> None:
    names = Names()
    value = run(b"\x80\x04\x8c\x08builtins\x8c\x0c__import__.x\x93.", names)
    assert value.path == "builtins.__import__.x"


@pytest.mark.parametrize(
    "data",
    [
        b"}(K\x01K\x02tK\x03s.",  # a tuple
        b"}]K\x03s.",  # a list, which Python would refuse
        b"}cm\nname\nK\x03s.",
        b"}cm\nname\n)RK\x03s.",
        b"}(cm\nname\n(K\x01tRK\x03u.",
        b"}\x8b" + struct.pack("<i", 9) + (2**61 - 1).to_bytes(9, "little") + b"K\x03s.",
    ],
)
def test_interpreter_does_not_hash_unusual_keys(data: bytes) -> None:
    (key,) = run(data)
    assert isinstance(key, Key)


def test_interpreter_avoids_hash_collisions_of_integers() -> None:
    """In one dict, a key is compared with all previous keys of the same hash."""
    prime = 2**61 - 1
    keys = b"".join(
        b"\x8a\x0c" + (index * prime).to_bytes(12, "little") + b"N" for index in range(1, 40_000)
    )
    value = run(b"}(" + keys + b"u.")
    assert len(value) == 39_999
    assert len(set(map(hash, value))) == 39_999


def test_interpreter_drops_rest_of_stack(tmp_path: Path) -> None:
    for data, value, dropped in ((b"NK\x01.", 1, 1), (b"(NK\x01.", 1, 1), (b"N(NNK\x02.", 2, 3)):
        assert pickle.loads(data) == value
        names = Names()
        assert Interpreter(source(data), names).run() == value
        assert names.dropped == dropped
    path = tmp_path / "left.pkl"
    path.write_bytes(b"\x80\x02N" + pickle.dumps({"w": numpy.ones(3)}, 2)[2:])
    found = read_checkpoint(str(path))
    assert [each.name for each in found.tensors] == ["w"]
    assert "1 object left on the stack" in found.warnings[0]


def test_interpreter_replaces_values_of_equal_keys() -> None:
    assert run(b"}(K\x01K\x02G?\xf0\x00\x00\x00\x00\x00\x00K\x03\x88K\x04u.") == {1: 4}
    value = run(b"}(G\x7f\xf8\x00\x00\x00\x00\x00\x00K\x03u.")
    assert [math.isnan(key) for key in value] == [True]


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "it ends without its last opcode"),
        (b"N", "it ends without its last opcode"),
        (b"N(.", "no object is left at its end"),
        (b".", "no object is left at its end"),
        (b"0.", "an opcode pops more items than the stack has"),
        (b"\x85.", "an opcode pops more items than the stack has"),
        (b"t.", "an opcode pops more items than the stack has"),
        (b"R.", "an opcode pops more items than the stack has"),
        (b"NR.", "an opcode pops more items than the stack has"),
        (b"K\x01)R.", "it calls an int"),
        (b"]NR.", "arguments"),
        (b"cos\nsystem\nNR.", "it calls something with None for arguments"),
        (b"cos\nsystem\n}b.", "it gives a state to a name"),
        (b"K\x01}b.", "it gives a state to an int"),
        (b"]}b.", "it gives a state to a list"),
        (b"K\x01K\x02K\x03s.", "it sets an item of an int"),
        (b"]K\x02K\x03s.", "it sets an item of a list"),
        (b"cos\nsystem\nK\x02K\x03s.", "it sets an item of a name"),
        (b"K\x01K\x02a.", "it appends to an int"),
        (b"}K\x02a.", "it appends to a dict"),
        (b"](K\x02\x90.", "it adds to a list"),
        (b"}(K\x02u.", "a key has no value"),
        (b"\x80\x06N.", "it is of protocol 6, and 5 is the highest that is known"),
        (b"\x82\x01.", "which only its writer has"),
        (b"\x83\x01\x02.", "which only its writer has"),
        (b"\x84\x01\x02\x03\x04.", "which only its writer has"),
        (b"\x97.", "it refers to an out-of-band buffer"),
        (b"\x98.", "it refers to an out-of-band buffer"),
        (b"\xff.", "0xff is not an opcode"),
        (b"h\x05.", "the memo has no entry 5"),
        (b"g5\n.", "the memo has no entry 5"),
        (b"gfive\n.", "a number is invalid"),
        (b"g-1\n.", "a memo key is not a number"),
        (b"Np99999999999999999999\n.", "a memo key is not a number"),
        (b"X\x05\0\0\0abc", "expected 5 bytes at byte 5, but the file has only 3"),
        (b"\x8e" + struct.pack("<Q", 2**40) + b"abc.", "1,099,511,627,776 bytes"),
        (b"\x8e" + struct.pack("<Q", 2**64 - 1) + b"abc.", "but the file has only"),
        (b"\x95" + struct.pack("<Q", 2**40) + b"N.", "1,099,511,627,776 bytes"),
        (b"\x8b\xff\xff\xff\xff.", "a number has a negative length"),
        (b"T\xff\xff\xff\xff.", "a text has a negative length"),
        (b"X\x01\0\0\0\xff.", "a text is not utf-8"),
        (b"I1x\n.", "a number is invalid"),
        (b"Fx\n.", "a number is invalid"),
        (b"Sabc\n.", "not quoted"),
        (b"S'\\x'\n.", "an invalid escape"),
        (b"Ino end", "it ends without its last opcode"),
        (b"K\x01K\x02\x93.", "a name is not a text"),
        (b"c\xff\nx\n.", "a text is not utf-8"),
    ],
)
def test_interpreter_refuses_invalid_pickles(data: bytes, complaint: str) -> None:
    with pytest.raises(PickleError, match=complaint):
        run(data)


def test_interpreter_error_names_byte_offset() -> None:
    with pytest.raises(PickleError, match=r"^at byte 5: it appends to an int"):
        run(b"N0K\x01Na.")


def test_interpreter_takes_no_memory_for_large_memo_index() -> None:
    assert run(b"]r\xff\xff\xff\xff0j\xff\xff\xff\xff.") == []
    assert run(b"]p281474976710655\n0g281474976710655\n.") == []


def test_interpreter_reads_list_that_contains_itself() -> None:
    value = run(b"]q\x00h\x00a.")
    assert value[0] is value
    assert format_object(value).startswith("[[[[")


def test_interpreter_reads_sets_of_unhashable_items() -> None:
    value = run(b"\x80\x04\x8f(]}cm\nname\n\x90.")
    assert isinstance(value, Members)
    assert len(value.values) == 3


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_interpreter_records_persistent_ids(protocol: int) -> None:
    import io

    class Pickler(pickle.Pickler):
        def persistent_id(self, obj: Any) -> Any:
            return "there" if obj is Ellipsis else None

    file = io.BytesIO()
    Pickler(file, protocol).dump([Ellipsis, 1])
    outside, one = run(file.getvalue())
    assert isinstance(outside, Persistent)
    assert (outside.key, one) == ("there", 1)


def test_stream_error_names_number_of_missing_bytes() -> None:
    stream = Stream(source(b"abc"))
    with pytest.raises(PickleError, match="expected 9 bytes at byte 1, but the file has only 2"):
        stream.take(1, 9)
