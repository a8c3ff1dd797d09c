"""Table of the names that pickles would import."""

from __future__ import annotations

from typing import Any

from netinspect.checkpoints.pickle.format_object import format_arguments, format_type
from netinspect.checkpoints.pickle.needed_globals import is_needed
from netinspect.checkpoints.pickle.objects import Called, Named, Persistent
from netinspect.checkpoints.pickle.stream import MOST_MEMORY, PickleError, Unusual

NESTED = "torch.storage._load_from_bytes"
"""Function that loads a storage where a tensor is pickled without `torch.save`."""

_NAME_COST = 1000
_PLAIN_NAMES = 3
"""First protocol that writes the names of Python 3."""


class Names:
    """Names and other external references of the pickles of one archive member."""

    def __init__(self, *, scripted: bool = False) -> None:
        self.scripted = scripted
        self.outside: list[Persistent] = []
        """All references of the pickles to external objects, including unused ones."""

        self.nested: list[Called] = []
        """Calls that would load a storage from bytes which are a file themselves."""

        self.followed: set[Named] = set()
        """Names that are needed because the data that they would load was read too."""

        self.sibling_files: list[str] = []
        """Files that joblib would load arrays from."""

        self.dropped = 0
        """Number of extra objects left on the stack at the end of a pickle."""

        self.known: dict[tuple[str, str, bool], Named] = {}
        self.left = MOST_MEMORY

    def named(self, module: str, name: str, position: int, protocol: int) -> Named:
        """Return the object for a name."""
        is_old = protocol < _PLAIN_NAMES
        found = self.known.get((module, name, is_old))
        if found is None:
            current = _of_today(module, name) if is_old else (module, name)
            found = self.known.get((*current, False)) or Named(*current, position)
            self.known[module, name, is_old] = self.known[(*current, False)] = found
            self.left -= _NAME_COST
            if self.left < 0:
                raise PickleError("it has more names than are read")
        found.pushes += 1
        return found

    def all(self) -> list[Named]:
        """Return the names in the order of their first occurrence."""
        return list(dict.fromkeys(self.known.values()))

    def is_needed(self, named: Named) -> bool:
        """Return whether tensors cannot be read without a name."""
        return named in self.followed or is_needed(named, scripted=self.scripted)

    def call(self, callee: Any, arguments: Any, keywords: Any = None) -> Called:
        """Record a call and return its inert result.

        Raises:
            PickleError: The callee is not callable, or the arguments are not a tuple.
        """
        if type(arguments) is not tuple:
            raise Unusual(f"it calls something with {format_type(arguments)} for arguments")
        named = callee
        if type(callee) is Persistent and type(callee.key) is tuple and len(callee.key) > 1:
            named = callee.key[1]  # torch's legacy format: ("module", class, file, source)
        if type(named) is Named:
            named.uses += 1
            if named.uses == 1 and not self.is_needed(named):
                named.arguments = format_arguments(arguments, keywords)
        elif type(callee) is Called:
            self._call_outcome(callee, arguments, keywords)
        elif type(callee) is not Persistent:
            raise Unusual(f"it calls {format_type(callee)}")
        called = Called(callee, arguments)
        if called.path == NESTED:
            self.nested.append(called)
        return called

    def _call_outcome(self, callee: Called, arguments: tuple[Any, ...], keywords: Any) -> None:
        """Add the arguments of a call of a call's result, as in `getattr(os, "system")("ls")`."""
        root = callee.root
        if type(root) is Named and " then called with " not in root.arguments:
            if self.is_needed(root):
                return
            root.arguments += f"; then called with {format_arguments(arguments, keywords)}"


def _of_today(module: str, name: str) -> tuple[str, str]:
    """Map a Python 2 name of an older protocol to Python 3, as Python's own unpickler does."""
    from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING

    if (module, name) in NAME_MAPPING:
        return NAME_MAPPING[module, name]
    return IMPORT_MAPPING.get(module, module), name
