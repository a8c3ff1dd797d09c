"""Splitting of pickles and protobuf messages, and joining of messages with correct lengths."""

from __future__ import annotations

import pickletools
from itertools import pairwise

Parts = list[bytes]


def opcodes(raw: bytes) -> Parts:
    """Split consecutive pickles into opcodes and the bytes after the last one."""
    parts: Parts = []
    at = 0
    while at < len(raw):
        try:
            places = [place or 0 for _, _, place in pickletools.genops(raw[at:])]
            stop = raw.index(b".", at + places[-1]) + 1
        except (ValueError, IndexError):
            break
        edges = [*(at + place for place in places), stop]
        parts += [raw[begin:end] for begin, end in pairwise(edges)]
        at = stop
    return [*parts, raw[at:]] if at < len(raw) else parts


Shape = list["int | tuple[bytes, Shape]"]


def split_message(raw: bytes, depth: int) -> tuple[Parts, Shape]:
    """Split a message into the contents of its fields, recursively if these are messages too."""
    parts: Parts = []
    shape: Shape = []
    one: Shape = [1]
    at = 0
    while at < len(raw):
        start = at
        tag, at = _varint(raw, at)
        if tag & 7 == 0:
            _, at = _varint(raw, at)
            parts.append(raw[start:at])
            shape.append(1)
            continue
        if tag & 7 != 2 or tag < 8:
            raise ValueError
        head = raw[start:at]
        length, at = _varint(raw, at)
        content = raw[at : at + length]
        if len(content) < length:
            raise ValueError
        at += length
        try:
            inner, inside = split_message(content, depth - 1) if depth and content else ([content], one)
        except (ValueError, IndexError):
            inner, inside = [content], one
        parts += inner
        shape.append((head, inside))
    return parts, shape


def join_message(shape: Shape, parts: Parts) -> bytes:
    waiting = iter(parts)

    def build(shape: Shape) -> bytes:
        made = []
        for each in shape:
            if isinstance(each, int):
                made.append(next(waiting, b""))
            else:
                content = build(each[1])
                made.append(each[0] + _length(len(content)) + content)
        return b"".join(made)

    return build(shape) + b"".join(list(waiting))


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        value |= (raw[at] & 0x7F) << shift
        at += 1
        if raw[at - 1] < 0x80:
            return value, at
        shift += 7


def _length(number: int) -> bytes:
    made = bytearray()
    while number > 0x7F:
        made.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*made, number])
