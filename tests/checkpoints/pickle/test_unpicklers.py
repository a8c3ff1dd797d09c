"""Comparison of listed names with the names that Python's own unpicklers import."""

from __future__ import annotations

import io
import pickle
import random
import struct
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from pathlib import Path
from typing import Any

import pytest

from netinspect.checkpoints.pickle.lenient_interpreter import LenientInterpreter, probe
from netinspect.checkpoints.pickle.names import Names
from netinspect.checkpoints.pickle.stream import PickleError
from netinspect.checkpoints.pickle_globals import scan_pickles
from tests.checkpoints.memory_source import MemorySource
from tests.checkpoints.scan.hiding_parts import NAME

CALL = b"cposix\nsystem\n(Vtouch MARK\ntR"


class Anything:
    """Placeholder for an imported object that supports all operations of pickles."""

    def __init__(self, *arguments: object, **keywords: object) -> None:
        pass

    def __call__(self, *arguments: object, **keywords: object) -> Anything:
        return self

    def append(self, item: object) -> None:
        pass

    extend = add = __setstate__ = append

    def __setitem__(self, key: object, value: object) -> None:
        pass


def imported_names(data: bytes) -> set[str]:
    """Return the names that Python's two unpicklers request, without importing them."""
    found: set[str] = set()

    class InC(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            found.add(f"{module}.{name}")
            return Anything

    class InPython(pickle._Unpickler):
        find_class = InC.find_class

    for unpickler in (InC, InPython):
        try:
            unpickler(io.BytesIO(data)).load()
        except Exception:  # a damaged pickle may raise anything
            continue
    return {each for each in found if all(part.isidentifier() for part in each.split(".")[:-1])}


def python_3_name(name: str) -> set[str]:
    module, _, last = name.rpartition(".")
    old = NAME_MAPPING.get((module, last), (IMPORT_MAPPING.get(module, module), last))
    return {name, ".".join(old)}


def hidden_names(data: bytes) -> set[str]:
    """Return the names that an unpickler imports and that the scan does not report."""
    names = Names()
    interpreter = LenientInterpreter(MemorySource(data), names)
    try:
        interpreter.run()
        is_problem = interpreter.lost > 0
    except PickleError:
        is_problem = True
    listed = {each.path for each in names.all()}
    found = probe(MemorySource(data))
    missing = {each for each in imported_names(data) if not python_3_name(each) & listed}
    if is_problem or not missing:
        # A file that may be text is treated as a pickle only if the probe finds names.
        missing = set() if found.names or found.calls else imported_names(data)
    return missing


def framed(length: int, rest: bytes) -> bytes:
    return b"\x80\x04\x95" + struct.pack("<Q", length) + rest


@pytest.mark.parametrize(
    "data",
    [
        b"I012\n0" + CALL + b".",
        b"I-017\n0" + CALL + b".",
        b"I 12\n0" + CALL + b".",
        b"Vx\np007\n0g7\n0" + CALL + b".",
        b"Vx\np1_0\n0g10\n0" + CALL + b".",
        b"Vx\np99999999999999999999\n0" + CALL + b".",
        b"F1_0\n0" + CALL + b".",
        b"cthis\nxy",
        b"S'a'\n0cthis\nxy",
        b"cthis\nx",
        b"cthis\n",
        b"(ithis\nxy",
        framed(0, CALL + b"."),
        framed(9999, CALL + b"."),
        framed(3, b"B\x30\0" + b"\0\0\0\0" + b"0" + CALL + b"." + b"N" * 20 + b"."),
        framed(1, b"V" + b"collections\n0" + CALL + b"."),
    ],
)
def test_scan_lists_names_that_loaders_import(data: bytes) -> None:
    assert imported_names(data)
    assert not hidden_names(data)


def test_scan_lists_extension_codes_in_text() -> None:
    assert probe(MemorySource(b"K\xc4\x82A(Vtouch MARK\ntR.")).names


def test_scan_finds_pickle_after_rest_of_frame() -> None:
    """Loaders continue after the frame, and ignore opcodes that a reader without frames would run."""
    data = framed(7, b"N.B\x40\0\0\0") + (b"\x80\x02" + CALL + b".").ljust(64, b"N") + b"."
    interpreter = LenientInterpreter(MemorySource(data), Names())
    interpreter.run()
    assert interpreter.lost
    assert data[interpreter.position :].startswith(b"\x80\x02c")


def test_scan_finds_call_in_joblib_array(tmp_path: Path) -> None:
    """joblib's loader skips the array, and Python's own runs its bytes."""
    minus = b"J\xff\xff\xff\xff"
    dtype = b"cnumpy\ndtype\nX\x02\0\0\0u1\x89\x88\x87R(K\x03X\x01\0\0\0|NNN" + minus * 2 + b"K\0tb"
    wrapper = b"\x80\x02cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81}"
    for array, is_other in ((b"0" + CALL + b".", True), (bytes(range(40)), False)):
        state = b"(X\x05\0\0\0shapeK" + bytes([len(array)]) + b"\x85X\x05\0\0\0dtype" + dtype + b"u"
        file = tmp_path / "m.joblib"
        file.write_bytes(wrapper + state + b"b" + array + b".")
        found = scan_pickles(str(file))
        assert not found.problems
        assert [NAME in each.reason for each in found.unexamined] == [True] * is_other


@pytest.mark.parametrize("protocol", [4, 5])
def test_scan_accepts_valid_frames(protocol: int) -> None:
    value = {"a": list(range(50_000)), "b": b"x" * 200_000, "c": "y" * 100_000, "d": bytearray(90_000)}
    for data in (pickle.dumps(value, protocol), pickle._dumps(value, protocol)):  # type: ignore[attr-defined]
        interpreter = LenientInterpreter(MemorySource(data), Names())
        interpreter.run()
        assert (interpreter.lost, interpreter.position) == (0, len(data))


NUMBERS = (*b"0 1 007 -1 1_0 0x10 0o7 1L +4 12\r nan".split(b" "), b" 3", b"3 ", b"")
STRINGS = (*b"'a' '' ' 'a\" '\\x41' '\\x4' '\\q' '\xc3\xa9' '\\'".split(b" "), b"'a' ")
TEXTS = (b"posix", b"system", b"", b"\\u0041", b"\\u00", b"\\U00110000", b"\xe9", b"\\", b"a\\\\")
OPERATIONS = [
    *(code + number + b"\n" for code in (b"I", b"L", b"F", b"p", b"g") for number in NUMBERS),
    *(b"S" + each + b"\n" for each in STRINGS),
    *(b"V" + each + b"\n" for each in TEXTS),
    *(bytes([code]) for code in b"(()N]}\x8f\x88012aesudlt\x85\x86\x87\x90\x91\x94Rob\x81\x92\x93."),
    *(b"K\x01", b"M\1\2", b"J\1\2\3\4", b"\x8a\x02\1\2", b"\x8b\0\0\0\0", b"\x8b\xff\xff\xff\xff"),
    *(b"U\x01a", b"T\xff\xff\xff\xff", b"B\1\0\0\0a", b"\x96\1" + b"\0" * 7 + b"a", b"U\1\xe9"),
    *(b"q\0", b"h\0", b"r\xff\xff\0\0", b"j\xff\xff\0\0", b"\x80\2", b"\x80\6", b"\x97", b"\x98"),
    *(b"\x95" + struct.pack("<Q", length) for length in (0, 3, 9, 1 << 24)),
    b"\x8c\x05posix\x8c\x06system\x93",
    *(b"cposix\nsystem\n", b"iposix\nsystem\n", b"c__builtin__\neval\n", CALL) * 12,
]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # invalid escapes
def test_scan_lists_names_in_random_pickles() -> None:
    chance = random.Random(0)
    for _ in range(1500):
        data = b"".join(chance.choices(OPERATIONS, k=chance.randrange(1, 12)))
        data += chance.choice((b".", b"", b"cposix\nsystemX", b"cm\nn\n."))
        assert not hidden_names(data), data
