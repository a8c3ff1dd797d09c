"""Tests of the pickle interpreter on output of Python's picklers and on damaged pickles."""

from __future__ import annotations

import pickle
import pickletools
import struct
import sys
from collections import OrderedDict
from types import FrameType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netinspect.checkpoints.pickle.format_object import format_object
from netinspect.checkpoints.pickle.interpreter import Interpreter
from netinspect.checkpoints.pickle.names import Names
from netinspect.checkpoints.pickle.objects import DeferredBytes, SkippedValue
from netinspect.checkpoints.pickle.opcodes import HANDLERS
from netinspect.checkpoints.pickle.stream import LARGEST_KEPT, WINDOW, PickleError
from tests.checkpoints.inert import revive, run, source

PROTOCOLS = range(6)

hashable = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False)
    | st.text(max_size=20)
    | st.binary(max_size=20),
    lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=3),
    max_leaves=5,
)
objects = st.recursive(
    hashable | st.complex_numbers(allow_nan=False) | st.binary(max_size=20).map(bytearray),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.lists(inner, max_size=5).map(tuple)
        | st.dictionaries(hashable, inner, max_size=5)
        | st.dictionaries(hashable, inner, max_size=3).map(OrderedDict)
        | st.sets(hashable, max_size=3)
    ),
    max_leaves=25,
)


def equal_typed(left: Any, right: Any) -> bool:
    """Return whether two objects are equal and have the same types at every level."""
    return bool(_comparable(left) == _comparable(right))


def _comparable(value: Any) -> Any:
    if isinstance(value, set | frozenset):
        inner: Any = sorted(map(repr, map(_comparable, value)))
    elif isinstance(value, dict):
        inner = [(_comparable(key), _comparable(each)) for key, each in value.items()]
    elif isinstance(value, list | tuple):
        inner = [_comparable(each) for each in value]
    else:
        inner = repr(value)  # distinguishes -0.0 from 0.0
    return type(value).__name__, inner


@pytest.mark.parametrize("protocol", PROTOCOLS)
@settings(max_examples=150)
@given(objects)
def test_interpreter_reads_output_of_c_pickler(protocol: int, item: Any) -> None:
    assert equal_typed(revive(run(pickle.dumps(item, protocol))), item)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@settings(max_examples=50)
@given(objects)
def test_interpreter_reads_output_of_python_pickler(protocol: int, item: Any) -> None:
    """The pickler in Python writes other opcodes in some cases."""
    import io

    file = io.BytesIO()
    pickle._Pickler(file, protocol).dump(item)
    assert equal_typed(revive(run(file.getvalue())), item)


@settings(max_examples=100)
@given(objects, st.integers(0, 5))
def test_interpreter_reads_optimized_pickles(item: Any, protocol: int) -> None:
    """Optimized pickles memoize only objects that are used again, so memo numbers have gaps."""
    assert equal_typed(revive(run(pickletools.optimize(pickle.dumps(item, protocol)))), item)


def test_interpreter_handles_every_opcode() -> None:
    refused = set()
    for opcode in pickletools.opcodes:
        code = ord(opcode.code)
        handler = HANDLERS[code]
        if handler.__name__ == "_unknown":
            refused.add(opcode.name)
    # The loop of the interpreter handles these itself.
    assert refused == {"MARK", "BINPUT", "LONG_BINPUT", "BINGET", "BININT1", "TUPLE", "STOP"}


def outcome(data: bytes) -> str:
    """Return the formatted object of a pickle, or the message of its `PickleError`."""
    try:
        return format_object(run(data))
    except PickleError as error:
        return str(error)


@settings(max_examples=300)
@given(st.binary(max_size=200))
def test_interpreter_reads_or_refuses_any_bytes(data: bytes) -> None:
    assert outcome(data)


@settings(max_examples=300)
@given(objects, st.integers(0, 5), st.data())
def test_interpreter_reads_or_refuses_damaged_pickles(
    item: Any, protocol: int, data: st.DataObject
) -> None:
    raw = bytearray(pickle.dumps(item, protocol))
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    raw = raw[: data.draw(st.integers(0, len(raw)))]
    assert outcome(bytes(raw))


@settings(max_examples=100)
@given(objects, st.integers(0, 5), st.integers(10, 40))
def test_interpreter_result_does_not_depend_on_window(item: Any, protocol: int, window: int) -> None:
    """With a small window, the buffer moves within opcodes and their operands."""
    data = pickle.dumps(item, protocol)
    interpreter = Interpreter(source(data), Names(), 0, window)
    assert equal_typed(revive(interpreter.run()), item)
    assert interpreter.position == len(data)


def test_interpreter_reads_consecutive_pickles() -> None:
    data = b"".join(pickle.dumps(each) for each in ([1], "two", {3: 4}))
    interpreter = Interpreter(source(data), Names())
    assert [interpreter.run() for _ in range(3)] == [[1], "two", {3: 4}]
    assert interpreter.position == len(data)
    with pytest.raises(PickleError, match="ends without its last opcode"):
        interpreter.run()


def test_interpreter_clears_memo_between_pickles() -> None:
    interpreter = Interpreter(source(b"]q\x00.h\x00."), Names())
    assert interpreter.run() == []
    with pytest.raises(PickleError, match="at byte 4: the memo has no entry 0"):
        interpreter.run()


# --- large values --------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_interpreter_skips_long_bytes_and_texts(protocol: int) -> None:
    large = LARGEST_KEPT + 1
    text, data, after = run(pickle.dumps(["t" * large, b"b" * large, "after"], protocol))
    assert isinstance(text, SkippedValue)
    assert (text.kind, text.size) == ("str", large)
    assert after == "after"
    if protocol >= 3:
        assert isinstance(data, SkippedValue)
        assert (data.kind, data.size) == ("bytes", large)
    else:
        assert data.path == "_codecs.encode"


def test_interpreter_records_positions_of_bytes() -> None:
    raw = pickle.dumps([b"small", b"x" * (WINDOW + 5), bytearray(b"changes"), b"y" * 100_000], 5)
    found = run(raw)
    assert [type(each) for each in found] == [DeferredBytes, SkippedValue, DeferredBytes, SkippedValue]
    for each, expected in zip(
        found, (b"small", b"x" * (WINDOW + 5), b"changes", b"y" * 100_000), strict=True
    ):
        assert raw[each.position : each.position + len(expected)] == expected


@pytest.mark.parametrize("digits", [999, 100_000, 3_000_000])
def test_interpreter_skips_long_decimal_numbers(digits: int) -> None:
    value = run(b"L" + b"7" * digits + b"L\n.")
    if digits < 1000:
        assert value == int("7" * digits)
    else:
        assert isinstance(value, SkippedValue)
        assert value.kind == "int"


def test_format_object_describes_large_integers() -> None:
    value = run(b"\x8b" + struct.pack("<i", 60_000) + b"\x7f" * 60_000 + b".")
    assert format_object(value) == "<an integer of 479,999 bits>"


def test_interpreter_takes_linear_time_for_chained_calls() -> None:
    """A chain of calls of results must not be followed to its root for each call."""

    def lines_of(links: int) -> int:
        """Count the lines that run, because a chain may be followed without function calls."""
        count = 0

        def trace(frame: FrameType, event: str, argument: object) -> Any:
            nonlocal count
            count += event == "line"
            return trace

        raw = b"\x80\x02cos\nsystem\n" + b")R" * links + b"."
        before = sys.gettrace()
        sys.settrace(trace)
        try:
            run(raw)
        finally:
            sys.settrace(before)
        return count

    few = lines_of(500)
    assert lines_of(1_000) < 2.1 * few
    assert lines_of(2_000) < 4.2 * few
