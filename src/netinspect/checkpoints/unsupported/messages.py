"""Identification of protobuf messages by the numbers and wire types of their first fields.

Field numbers are those of the schemas: coremltools' Model.proto, TensorFlow's saved_model.proto and
graph.proto, caffe.proto, caffe2.proto, Paddle's framework.proto, MindSpore's mind_ir.proto and
checkpoint.proto, sentencepiece_model.proto, CNTK's CNTK.proto, onnx.proto.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import islice
from typing import NamedTuple

from netinspect.checkpoints.io.protobuf import BYTES, FOUR_BYTES, NUMBER, Field, Wire, WireError
from netinspect.checkpoints.io.source import ByteSource

_LOOKED_AT = 12
"""Maximum number of fields to read."""

_MOST_WORK = 2000
_LONGEST = 256
_NAME = re.compile(r"[\w./:@^<>\-+ ]+")
_OPERATOR = re.compile(r"[A-Z_a-z]\w*")
_ITEM_SIZES = {1: 4, 2: 1, 3: 1, 4: 2, 5: 2, 6: 4, 7: 8, 9: 1, 10: 2, 11: 8, 12: 4, 13: 8, 14: 8, 15: 16}
_TEXT_TYPE = 8
_ITEM_SIZES |= {_TEXT_TYPE: 1, 16: 2, 17: 1, 18: 1, 19: 1, 20: 1}
"""Element sizes in bytes of ONNX tensor types."""

_MINUS_ONE = 2**64 - 1


class _Message(NamedTuple):
    """First fields of a message."""

    wire: Wire
    fields: list[Field]

    def numbers(self) -> set[int]:
        """Return the field numbers."""
        return {number for number, *_ in self.fields}

    def value(self, number: int) -> int | None:
        """Return the first integer field with a number, or None."""
        return next(
            (first for each, kind, first, _ in self.fields if each == number and kind == NUMBER), None
        )

    def text(self, number: int) -> str | None:
        """Return the first text field with a number, or None."""
        for each, kind, first, last in self.fields:
            if each == number and kind == BYTES and 0 < last - first <= _LONGEST:
                try:
                    return self.wire.read(first, last, _LONGEST).decode("utf-8")
                except UnicodeDecodeError:
                    return None
        return None

    def inner(self, number: int) -> _Message | None:
        """Return the first message field with a number, or None."""
        return next(self.all(number), None)

    def all(self, number: int) -> Iterator[_Message]:
        """Iterate over the message fields with a number."""
        for each, kind, first, last in self.fields:
            if each == number and kind == BYTES and (found := _message(self.wire, first, last)):
                yield found

    def has(self, **kinds: int) -> bool:
        """Return whether all fields have these numbers and wire types (as `f1=BYTES`)."""
        allowed = {int(name[1:]): kind for name, kind in kinds.items()}
        return all(allowed.get(number) == kind for number, kind, *_ in self.fields)


def match_message(source: ByteSource) -> str | None:
    """Return the catalog key of a protobuf message, or None.

    Raises:
        LoadError: The source cannot be read.
    """
    wire = Wire(source, _MOST_WORK)
    message = _message(wire, 0, source.size)
    if message is None:
        return None
    for key, matches in _MESSAGES:
        try:
            if matches(message):
                return key
        except WireError:
            continue
    return None


def _message(wire: Wire, begin: int, end: int) -> _Message | None:
    """Read the first fields of a message; return None if it is empty or invalid."""
    fields: list[Field] = []
    try:
        for field in islice(wire.fields(begin, end), _LOOKED_AT):
            fields.append(field)
    except WireError as error:
        if error.cut is None:
            return None
        # The last field of a truncated file extends past its end.
        at = fields[-1][3] if fields else begin
        tag = re.match(
            rb"[\x80-\xff]{0,4}[\x02\x0a\x12\x1a\x22\x2a\x32\x3a\x42\x4a\x52\x5a\x62\x6a\x72\x7a]"
            rb"[\x80-\xff]{0,9}[\x00-\x7f]",
            wire.read(at, end, 20),
        )
        if tag is not None:
            fields.append((error.cut, BYTES, at + tag.end(), end))
    return _Message(wire, fields) if fields else None


def _is_named(text: str | None) -> bool:
    return text is not None and _NAME.fullmatch(text) is not None


def _is_operator(text: str | None) -> bool:
    return text is not None and _OPERATOR.fullmatch(text) is not None


def _is_core_ml(model: _Message) -> bool:
    """Match a version, a description with named inputs or outputs, and a model (field 200 or more)."""
    version, description = model.value(1), model.inner(2)
    if version is None or not 1 <= version <= 99 or description is None:
        return False
    named = [each for number in (1, 10) for each in description.all(number) if _is_named(each.text(1))]
    return bool(named) and any(number >= 200 for number in model.numbers() - {1, 2, 10})


def _is_saved_model(model: _Message) -> bool:
    """Match a version, and graphs with tags, signatures or a graph."""
    meta = model.inner(2)
    if model.value(1) != 1 or meta is None or not model.has(f1=NUMBER, f2=BYTES):
        return False
    information = meta.inner(1)
    if information is None or not meta.numbers() <= set(range(1, 8)):
        return False
    kinds = {1: BYTES, 2: BYTES, 3: BYTES, 4: BYTES, 5: BYTES, 6: BYTES, 7: NUMBER, 8: BYTES}
    return all(kinds.get(number) == kind for number, kind, *_ in information.fields) and bool(
        information.numbers() & {2, 4, 5} or meta.numbers() & {2, 3, 5, 6}
    )


def _is_graph_def(graph: _Message) -> bool:
    """Match nodes that have a name and an operator."""
    nodes = list(graph.all(1))
    if not nodes or not graph.has(f1=BYTES, f2=BYTES, f3=NUMBER, f4=BYTES, f5=BYTES):
        return False
    kinds = {1: BYTES, 2: BYTES, 3: BYTES, 4: BYTES, 5: BYTES, 6: BYTES, 7: BYTES}
    return all(
        _is_named(node.text(1))
        and _is_operator(node.text(2))
        and all(kinds.get(number) == kind for number, kind, *_ in node.fields)
        for node in nodes
    )


def _is_caffe(network: _Message) -> bool:
    """Match layers with a name and a type: a text in field 100, or a number in field 2."""
    if not network.numbers() <= {1, 2, 3, 4, 5, 6, 7, 8, 100}:
        return False
    new = [_is_named(each.text(1)) and _is_operator(each.text(2)) for each in network.all(100)]
    old = [
        _is_named(each.text(4)) and 0 < (each.value(5) or 0) < 40 and _is_named(each.text(3))
        for each in network.all(2)
    ]
    return all([*new, *old]) and any([*new, *old])


def _is_caffe2(network: _Message) -> bool:
    """Match operators with outputs and a type."""
    operators = list(network.all(2))
    return (
        bool(operators)
        and network.numbers() <= set(range(1, 13))
        and all(
            re.fullmatch(r"[A-Z]\w*", each.text(4) or "") is not None
            and (_is_named(each.text(2)) or _is_named(each.text(1)))
            for each in operators
        )
        and any(each.text(2) is not None for each in operators)
    )


def _is_paddle(program: _Message) -> bool:
    """Match blocks: the first has number 0, no parent, and variables."""
    block = program.inner(1)
    if block is None or not program.numbers() <= {1, 4, 5}:
        return False
    inside = [*block.all(3), *block.all(4)]
    return block.value(1) == 0 and block.value(2) in (_MINUS_ONE, 2**32 - 1) and bool(inside)


def _is_mindir(model: _Message) -> bool:
    """Match a version and a producer in text."""
    return model.text(2) == "MindSpore" and model.text(1) is not None


def _is_mindspore_checkpoint(model: _Message) -> bool:
    """Match pairs of a name and a tensor, which has a type in text and bytes."""
    pairs = list(model.all(1))
    if not pairs or not model.has(f1=BYTES):
        return False
    for pair in pairs:
        tensor = pair.inner(2)
        if not _is_named(pair.text(1)) or tensor is None or tensor.numbers() - {1, 2, 3}:
            return False
        if re.fullmatch(r"(?:B?Float|U?Int|Bool|str|Complex)\d*", tensor.text(2) or "") is None:
            return False
    return True


def _is_sentencepiece(model: _Message) -> bool:
    """Match pieces with a text, a score and a kind, special ones first."""
    pieces = list(model.all(1))
    kinds = {1: BYTES, 2: FOUR_BYTES, 3: NUMBER}
    if not pieces or len(pieces) < sum(number == 1 for number, *_ in model.fields):
        return False
    return all(
        each.text(1) is not None and all(kinds.get(number) == kind for number, kind, *_ in each.fields)
        for each in pieces
    ) and any((each.value(3) or 0) in range(2, 7) for each in pieces)


def _is_cntk(model: _Message) -> bool:
    """Match a dictionary: a version, and entries of names and values, including a function's."""
    entries = {entry.text(1) for entry in model.all(2)}
    return model.value(1) is not None and bool(
        entries & {"primitive_functions", "root", "uid", "inputs", "type", "version"}
    )


def _is_onnx_tensor(tensor: _Message) -> bool:
    """Match sizes, a type and the matching number of bytes, or float32 numbers and a name."""
    size = _ITEM_SIZES.get(tensor.value(2) or 0, 0)
    if not size or not tensor.numbers() <= {*range(1, 3), *range(4, 15)}:
        return False
    elements = 1
    for number, kind, first, _ in tensor.fields:
        if number == 1:
            if kind != NUMBER:
                return False
            elements *= first
    if tensor.value(2) == _TEXT_TYPE:
        return sum(number == 6 for number, *_ in tensor.fields) == elements > 0 and _is_named(
            tensor.text(8)
        )
    lengths = {number: last - first for number, kind, first, last in tensor.fields if kind == BYTES}
    if 9 in lengths:
        return lengths[9] == elements * size > 0
    return tensor.value(2) == 1 and lengths.get(4) == 4 * elements > 0 and _is_named(tensor.text(8))


_MESSAGES: tuple[tuple[str, Callable[[_Message], bool]], ...] = (
    ("mindir", _is_mindir),
    ("mindspore checkpoint", _is_mindspore_checkpoint),
    ("sentencepiece", _is_sentencepiece),
    ("paddle program", _is_paddle),
    ("coreml", _is_core_ml),
    ("saved model", _is_saved_model),
    ("cntk", _is_cntk),
    ("graph def", _is_graph_def),
    ("caffe", _is_caffe),
    ("caffe2", _is_caffe2),
    ("onnx tensor", _is_onnx_tensor),
)
