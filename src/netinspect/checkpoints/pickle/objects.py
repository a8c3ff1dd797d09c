"""What a pickle comes to when nothing of it is imported or called.

Numbers, strings, tuples, lists and dicts are Python's own; everything else is one of these. They are
compared and hashed by identity, so that no key or member of the file's choosing takes time to hash.
"""

from __future__ import annotations

from typing import Any, Literal, Self

LARGEST_HASHED = (1 << 61) - 2
"""Larger whole numbers can be chosen so that they all hash alike."""


class Named:
    """A name that the pickle would import."""

    __slots__ = ("arguments", "module", "name", "path", "position", "pushes", "uses")

    def __init__(self, module: str, name: str, position: int) -> None:
        self.module = module
        self.name = name
        self.path = f"{module}.{name}"
        """Both, with a dot between."""

        self.position = position
        """Byte of the pickle at which it is named first."""

        self.uses = 0
        self.pushes = 0
        """How often it was put on the stack; more often than it is called if it is also a value."""

        self.arguments = ""
        """Of the first call; of a later one too where that calls what the first returned."""


class Called:
    """What a call, or the making of an instance, would return."""

    __slots__ = ("arguments", "callee", "entries", "items", "keywords", "root", "state")

    def __init__(self, callee: Named | Called | Persistent, arguments: tuple[Any, ...]) -> None:
        self.callee = callee
        self.root: Any = callee.root if type(callee) is Called else callee
        """What was called first, where what calls returned was called again and again."""

        self.arguments = arguments
        self.keywords: Any = None
        self.state: Any = None
        self.items: list[Any] | None = None
        """What it would be made to append or add."""

        self.entries: dict[Any, Any] | None = None
        """What it would be made to keep under keys."""

    @property
    def path(self) -> str:
        """Name of what is called; empty where that is no name, but the outcome of another call."""
        callee = self.callee
        return callee.path if type(callee) is Named else ""


class Persistent:
    """Something outside the pickle, by the name that the pickle has for it."""

    __slots__ = ("key",)

    def __init__(self, key: Any) -> None:
        self.key = key


class Placed(bytes):
    """Bytes that know where they stand."""

    position: int
    """Byte of the pickle at which they begin."""

    mutable: bool
    """Whether they would become a bytearray."""

    def __new__(cls, data: bytes, position: int, mutable: bool) -> Self:
        """Take the bytes."""
        made = super().__new__(cls, data)
        made.position = position
        made.mutable = mutable
        return made


class Opaque:
    """Bytes, a text or a number too long to be kept."""

    __slots__ = ("escaped", "kind", "position", "size")

    def __init__(
        self,
        kind: Literal["bytes", "bytearray", "str", "int"],
        position: int,
        size: int,
        *,
        escaped: bool = False,
    ) -> None:
        self.kind = kind
        self.escaped = escaped
        """Whether it is text with escapes, not UTF-8."""

        self.position = position
        """Byte of the pickle at which it begins."""

        self.size = size


class Key:
    """A key that is not hashed, as Python would hash all that is in it."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


class Members:
    """A set, its members not hashed."""

    __slots__ = ("kind", "values")

    def __init__(self, kind: Literal["set", "frozenset"], values: list[Any]) -> None:
        self.kind = kind
        self.values = values


def as_key(value: Any) -> Any:
    """Return what stands for a value among the keys of a dict."""
    kind = type(value)
    if kind is str:
        return value
    if kind is int:
        return value if -LARGEST_HASHED <= value <= LARGEST_HASHED else Key(value)
    return value if kind in (bytes, Placed, float, bool) or value is None else Key(value)
