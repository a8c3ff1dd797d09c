"""Inert objects that represent the content of a pickle without imports or calls.

Numbers, strings, tuples, lists and dicts are Python's own; everything else is one of these classes. They
compare and hash by identity, so that a file cannot choose keys that are slow to hash.
"""

from __future__ import annotations

from typing import Any, Literal, Self

LARGEST_HASHED = (1 << 61) - 2
"""Larger integers can be chosen to have identical hashes."""


class Named:
    """Name that a pickle would import."""

    __slots__ = ("arguments", "module", "name", "path", "position", "pushes", "uses")

    def __init__(self, module: str, name: str, position: int) -> None:
        self.module = module
        self.name = name
        self.path = f"{module}.{name}"
        """Module and name, joined by a dot."""

        self.position = position
        """Byte of the pickle at which the name first occurs."""

        self.uses = 0
        self.pushes = 0
        """Number of times the name was pushed; more than its calls if it is also used as a value."""

        self.arguments = ""
        """Arguments of the first call, followed by those of a call of its result."""


class Called:
    """Result of a call, or a new instance."""

    __slots__ = ("arguments", "callee", "entries", "items", "keywords", "root", "state")

    def __init__(self, callee: Named | Called | Persistent, arguments: tuple[Any, ...]) -> None:
        self.callee = callee
        self.root: Any = callee.root if type(callee) is Called else callee
        """The innermost callee, if the result of a call is called in turn."""

        self.arguments = arguments
        self.keywords: Any = None
        self.state: Any = None
        self.items: list[Any] | None = None
        """Items that would be appended or added to it."""

        self.entries: dict[Any, Any] | None = None
        """Items that would be set on it, by key."""

    @property
    def path(self) -> str:
        """Name of the callee; empty if the callee is the result of another call."""
        callee = self.callee
        return callee.path if type(callee) is Named else ""


class Persistent:
    """Object outside the pickle, identified by its persistent id."""

    __slots__ = ("key",)

    def __init__(self, key: Any) -> None:
        self.key = key


class DeferredBytes(bytes):
    """Bytes with their position in the pickle."""

    position: int
    """Position of the first byte in the pickle."""

    mutable: bool
    """True if the bytes would become a bytearray."""

    def __new__(cls, data: bytes, position: int, mutable: bool) -> Self:
        """Create the bytes."""
        made = super().__new__(cls, data)
        made.position = position
        made.mutable = mutable
        return made


class SkippedValue:
    """Bytes, text or number that is too long to be read."""

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
        """True if it is text with escapes instead of UTF-8."""

        self.position = position
        """Position of its first byte in the pickle."""

        self.size = size


class Key:
    """Key that is not hashed, because hashing would visit everything in it."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


class Members:
    """Set whose members are not hashed."""

    __slots__ = ("kind", "values")

    def __init__(self, kind: Literal["set", "frozenset"], values: list[Any]) -> None:
        self.kind = kind
        self.values = values


def as_key(value: Any) -> Any:
    """Return the representation of a value as a key of a dict."""
    kind = type(value)
    if kind is str:
        return value
    if kind is int:
        return value if -LARGEST_HASHED <= value <= LARGEST_HASHED else Key(value)
    return value if kind in (bytes, DeferredBytes, float, bool) or value is None else Key(value)
