"""Identification of Flax's MessagePack files: maps of names with arrays as extensions."""

from __future__ import annotations

_MOST = 200
"""Maximum number of values to visit."""

_ARRAY = 1
"""Extension number of NumPy arrays in Flax; 2 is for complex numbers, 3 for NumPy scalars."""


def is_flax(head: bytes) -> bool:
    """Return whether bytes are a map of names that contains a Flax array.

    Args:
        head: The first bytes of a file.
    """
    try:
        return _Reader(head).contains_array()
    except (IndexError, ValueError):
        return False


class _Reader:
    """Reader of the first values."""

    def __init__(self, head: bytes) -> None:
        self._head = head
        self._at = 0

    def contains_array(self) -> bool:
        """Visit maps until the first array.

        Raises:
            IndexError: The bytes end first.
            ValueError: The bytes are in another format.
        """
        if not self._map():
            return False
        for _ in range(_MOST):
            self._text()
            if self._map():
                continue
            if self._extension():
                return True
            self._skip()
        return False

    def _byte(self) -> int:
        self._at += 1
        return self._head[self._at - 1]

    def _number(self, size: int) -> int:
        if self._at + size > len(self._head):
            raise IndexError
        self._at += size
        return int.from_bytes(self._head[self._at - size : self._at], "big")

    def _map(self) -> bool:
        """Read the header of a map if the next value is one."""
        first = self._head[self._at]
        if 0x81 <= first <= 0x8F:
            self._at += 1
            return True
        if first in (0xDE, 0xDF):
            self._at += 1
            return self._number(2 if first == 0xDE else 4) > 0
        return False

    def _text(self) -> None:
        """Read a name."""
        first = self._byte()
        if 0xA0 <= first <= 0xBF:
            size = first & 0x1F
        elif first in (0xD9, 0xDA):
            size = self._number(first - 0xD8)
        else:
            raise ValueError
        raw = self._head[self._at : self._at + size]
        if len(raw) < size or not raw.decode("utf-8").isprintable():
            raise ValueError
        self._at += size

    def _extension(self) -> bool:
        """Return whether the next value is an array extension with sizes and a dtype name."""
        first = self._head[self._at]
        if first in (0xC7, 0xC8, 0xC9):
            at = self._at + 1 + (1, 2, 4)[first - 0xC7]
        elif 0xD4 <= first <= 0xD8:
            at = self._at + 1
        else:
            return False
        if self._head[at] != _ARRAY or self._head[at + 1] != 0x93:
            return False
        at += 2
        count = self._head[at]
        if not 0x90 <= count <= 0x9F:
            return False
        self._at = at + 1
        for _ in range(count & 0xF):
            self._skip()
        self._text()
        return True

    def _skip(self) -> None:
        """Read a number, a text or another small value."""
        first = self._byte()
        if first <= 0x7F or first >= 0xE0 or first in (0xC0, 0xC2, 0xC3, 0x80, 0x90):
            return
        sizes = {0xCA: 4, 0xCB: 8, 0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8}
        if first in sizes or 0xD0 <= first <= 0xD3:
            self._number(sizes.get(first) or 1 << first - 0xD0)
        elif 0xA0 <= first <= 0xBF or first in (0xD9, 0xDA):
            self._at -= 1
            self._text()
        elif first in (0xC7, 0xD4, 0xD5, 0xD6, 0xD7, 0xD8):
            size = self._number(1) if first == 0xC7 else 1 << first - 0xD4
            self._at += 1 + size
        else:
            raise ValueError
