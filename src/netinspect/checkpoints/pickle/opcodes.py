"""Table of opcode handlers; names are those of Python's `pickletools`."""

from __future__ import annotations

import sys
from typing import Any, Final

from netinspect.checkpoints.pickle import containers, literals
from netinspect.checkpoints.pickle.format_object import format_type
from netinspect.checkpoints.pickle.joblib import read_wrapped, wrapper_of
from netinspect.checkpoints.pickle.literals import decimal, text_or_bytes
from netinspect.checkpoints.pickle.objects import Called, Named, Persistent, SkippedValue
from netinspect.checkpoints.pickle.state import Handler, InterpreterState, refuse, refuse_unusual
from netinspect.checkpoints.pickle.stream import PickleError

HIGHEST_PROTOCOL = 5
_FURTHEST = 1 << 48
_LITTLE: Final = "little"


# --- stack and memo ------------------------------------------------------------------------------


def _pop(interpreter: InterpreterState, at: int) -> int:
    if interpreter.stack:
        interpreter.stack.pop()
    else:
        interpreter.above_mark()
    return at


def _pop_mark(interpreter: InterpreterState, at: int) -> int:
    interpreter.above_mark()
    return at


def _dup(interpreter: InterpreterState, at: int) -> int:
    value = interpreter.stack[-1]
    if type(value) is Named:
        value.pushes += 1
    interpreter.stack.append(value)
    return at


def _memoize(interpreter: InterpreterState, at: int) -> int:
    interpreter.remember(len(interpreter.memo) + len(interpreter.sparse))
    return at


def _put_line(interpreter: InterpreterState, at: int) -> int:
    number, at = _number(interpreter, at)
    interpreter.remember(number)
    return at


def _long_binget(interpreter: InterpreterState, at: int) -> int:
    interpreter.recall(int.from_bytes(interpreter.stream.data[at : at + 4], _LITTLE))
    return at + 4


def _get_line(interpreter: InterpreterState, at: int) -> int:
    number, at = _number(interpreter, at)
    interpreter.recall(number)
    return at


def _number(interpreter: InterpreterState, at: int) -> tuple[int, int]:
    raw, at = interpreter.stream.line(at)
    number = decimal(raw, 10)
    if isinstance(number, SkippedValue) or number >= _FURTHEST:
        refuse_unusual("a memo key is not a number")
    if number < 0:
        refuse("a memo key is not a number")
    return number, at


# --- names, calls and state ----------------------------------------------------------------------


def _global(interpreter: InterpreterState, at: int) -> int:
    position = interpreter.stream.base + at - 1
    module, name, at = _name_lines(interpreter, at)
    interpreter.stack.append(_named(interpreter, module, name, position))
    return at


def _name_lines(
    interpreter: InterpreterState, at: int
) -> tuple[bytes | SkippedValue, bytes | SkippedValue, int]:
    module, at = interpreter.stream.name_line(at)
    position = interpreter.stream.base + at
    try:
        return module, *interpreter.stream.name_line(at)
    except PickleError:
        # At the end of a file, one of Python's two loaders imports the module although the attribute is
        # missing. Only well-known modules count, because many texts are a word that starts with a "c".
        if isinstance(module, SkippedValue) or module.decode("utf-8") not in sys.stdlib_module_names:
            raise
    return module, b"", interpreter.stream.move(position)


def _named(
    interpreter: InterpreterState,
    module: bytes | SkippedValue,
    name: bytes | SkippedValue,
    position: int,
) -> Named:
    if isinstance(module, SkippedValue) or isinstance(name, SkippedValue):
        refuse("a name has no line end")
    interpreter.left -= len(module) + len(name)
    return interpreter.names.named(
        module.decode("utf-8"), name.decode("utf-8"), position, interpreter.protocol
    )


def _stack_global(interpreter: InterpreterState, at: int) -> int:
    name, module = interpreter.stack.pop(), interpreter.stack.pop()
    if type(name) is not str or type(module) is not str:
        refuse("a name is not a text")
    position = interpreter.stream.base + at - 1
    interpreter.stack.append(interpreter.names.named(module, name, position, interpreter.protocol))
    return at


def _reduce(interpreter: InterpreterState, at: int) -> int:
    stack = interpreter.stack
    arguments = stack.pop()
    stack[-1] = interpreter.names.call(stack[-1], arguments)
    return at


def _newobj_ex(interpreter: InterpreterState, at: int) -> int:
    stack = interpreter.stack
    keywords, arguments = stack.pop(), stack.pop()
    made = interpreter.names.call(stack[-1], arguments, keywords)
    made.keywords = keywords
    stack[-1] = made
    return at


def _inst(interpreter: InterpreterState, at: int) -> int:
    position = interpreter.stream.base + at - 1
    module, name, at = _name_lines(interpreter, at)
    named = _named(interpreter, module, name, position)
    arguments = tuple(interpreter.above_mark())
    interpreter.stack.append(interpreter.names.call(named, arguments))
    return at


def _obj(interpreter: InterpreterState, at: int) -> int:
    callee, *arguments = interpreter.above_mark() or (None,)
    interpreter.stack.append(interpreter.names.call(callee, tuple(arguments)))
    return at


def _build(interpreter: InterpreterState, at: int) -> int:
    state = interpreter.stack.pop()
    target = interpreter.stack[-1]
    if type(target) is not Called:
        refuse_unusual(f"it gives a state to {format_type(target)}")
    target.state = state
    if interpreter.wraps_arrays and wrapper_of(target) is not None:
        return read_wrapped(interpreter, target, at)
    return at


def _persid(interpreter: InterpreterState, at: int) -> int:
    key, at = interpreter.stream.line(at)
    interpreter.stack.append(None)
    _outside(interpreter, key if isinstance(key, SkippedValue) else text_or_bytes(key))
    return at


def _binpersid(interpreter: InterpreterState, at: int) -> int:
    _outside(interpreter, interpreter.stack[-1])
    return at


def _outside(interpreter: InterpreterState, key: Any) -> None:
    made = Persistent(key)
    interpreter.stack[-1] = made
    interpreter.names.outside.append(made)


# --- frames --------------------------------------------------------------------------------------


def _proto(interpreter: InterpreterState, at: int) -> int:
    protocol = interpreter.stream.data[at]
    if protocol > HIGHEST_PROTOCOL:
        refuse(f"it is of protocol {protocol}, and {HIGHEST_PROTOCOL} is the highest that is known")
    interpreter.protocol = protocol
    return at + 1


def _frame(interpreter: InterpreterState, at: int) -> int:
    length, at = int.from_bytes(interpreter.stream.data[at : at + 8], _LITTLE), at + 8
    if length:
        interpreter.stream.begin_frame(at, length)
    return at


def _refused(what: str) -> Handler:
    def handle(interpreter: InterpreterState, at: int) -> int:
        refuse_unusual(what)

    return handle


def _unknown(interpreter: InterpreterState, at: int) -> int:
    refuse(f"{interpreter.stream.data[at - 1]:#04x} is not an opcode")


_extension = _refused("it uses the extension registry, which only its writer has")
_out_of_band = _refused("it refers to an out-of-band buffer, which is missing")

_OPCODES: dict[bytes, tuple[Handler, int]] = {
    b"\x80": (_proto, 16),
    b"\x95": (_frame, 16),
    b"N": (literals.constant(None), 16),
    b"\x88": (literals.constant(True), 16),
    b"\x89": (literals.constant(False), 16),
    b"I": (literals.int_line, 64),
    b"J": (literals.binint, 64),
    b"M": (literals.binint2, 64),
    b"L": (literals.long_line, 64),
    b"\x8a": (literals.long1, 64),
    b"\x8b": (literals.long4, 64),
    b"F": (literals.float_line, 64),
    b"G": (literals.binfloat, 64),
    b"S": (literals.string_line, 72),
    b"T": (literals.old_text(4), 72),
    b"U": (literals.old_text(1), 72),
    b"B": (literals.bytes_of(4), 200),
    b"C": (literals.bytes_of(1), 200),
    b"\x8e": (literals.bytes_of(8), 200),
    b"\x96": (literals.bytes_of(8, mutable=True), 200),
    b"V": (literals.unicode_line, 72),
    b"X": (literals.text(4), 72),
    b"\x8c": (literals.text(1), 72),
    b"\x8d": (literals.text(8), 72),
    b"]": (containers.empty_list, 100),
    b"}": (containers.empty_dict, 100),
    b"\x8f": (containers.empty_set, 128),
    b")": (literals.constant(()), 16),
    b"\x85": (containers.tuple1, 80),
    b"\x86": (containers.tuple2, 80),
    b"\x87": (containers.tuple3, 80),
    b"l": (containers.list_of, 16),
    b"d": (containers.dict_of, 232),
    b"\x91": (containers.frozenset_of, 64),
    b"a": (containers.append, 16),
    b"e": (containers.appends, 32),
    b"s": (containers.setitem, 100),
    b"u": (containers.setitems, 100),
    b"\x90": (containers.additems, 32),
    b"0": (_pop, 16),
    b"1": (_pop_mark, 16),
    b"2": (_dup, 16),
    b"p": (_put_line, 16),
    b"\x94": (_memoize, 16),
    b"g": (_get_line, 16),
    b"j": (_long_binget, 16),
    b"c": (_global, 100),
    b"\x93": (_stack_global, 100),
    b"i": (_inst, 200),
    b"R": (_reduce, 96),
    b"\x81": (_reduce, 96),
    b"\x92": (_newobj_ex, 96),
    b"o": (_obj, 96),
    b"b": (_build, 16),
    b"P": (_persid, 100),
    b"Q": (_binpersid, 48),
    b"\x82": (_extension, 0),
    b"\x83": (_extension, 0),
    b"\x84": (_extension, 0),
    b"\x97": (_out_of_band, 0),
    b"\x98": (_out_of_band, 0),
}
"""Handler of each opcode and its approximate memory use in bytes; `Interpreter` runs seven more
opcodes itself.
"""

HANDLERS: list[Handler] = [_unknown] * 256
COSTS = [0] * 256
for _code, (_handler, _cost) in _OPCODES.items():
    HANDLERS[_code[0]], COSTS[_code[0]] = _handler, _cost
