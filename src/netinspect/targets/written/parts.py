"""Parts: nn.Module classes of a project that are contained in others."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from netinspect.targets.written.factories import FactoryReader
from netinspect.targets.written.reader import Known, Reader, dotted_name


class PartsReader:
    """Finds the parts of classes.

    A class contains the classes that its statement refers to, also through functions and constants;
    those passed to its constructor in some call; and those that a factory of it refers to.

    Args:
        reader: Reader of the files.
        factories: Reader of the factories.
    """

    def __init__(self, reader: Reader, factories: FactoryReader) -> None:
        self._reader = reader
        self._factories = factories
        self._passed: dict[Known, set[Known]] = defaultdict(set)
        self._direct: dict[Known, set[Known]] = {}
        self._files: set[Path] = set()

    def read_calls(self, file: Path) -> None:
        """Read the calls and factories of a file, which pass parts to classes."""
        if file in self._files:
            return
        self._files.add(file)
        self._direct.clear()
        content = self._reader.read(file)
        for node in ast.walk(content.tree):
            dotted = dotted_name(node.func) if isinstance(node, ast.Call) else None
            if dotted is None or not isinstance(node, ast.Call) or not (node.args or node.keywords):
                continue
            called = self._reader.resolve(file, dotted)
            if isinstance(called, tuple) and self._reader.is_module(called):
                values = [*node.args, *(each.value for each in node.keywords)]
                self._passed[called] |= self._modules(self._reader.mentioned_in(file, *values))
        for name in content.functions:
            built = self._factories.built_by((file, name))
            if len(built) == 1 and isinstance(built[0], tuple):
                self._passed[built[0]] |= self._modules(self._reader.mentions((file, name)))

    def _modules(self, mentioned: Iterable[Known]) -> set[Known]:
        """Return the module classes among definitions, and those that the others mention."""
        found: set[Known] = set()
        seen = set(mentioned)
        waiting = [*seen]
        while waiting:
            each = waiting.pop()
            if self._reader.class_of(each) is None:
                new = self._reader.mentions(each) - seen
                seen |= new
                waiting += new
            elif self._reader.is_module(each):
                found.add(each)
        return found

    def direct(self, known: Known) -> set[Known]:
        """Return the direct parts of a class, bases included."""
        if known not in self._direct:
            mentioned = self._modules(self._reader.mentions(known))
            self._direct[known] = (mentioned | self._passed[known]) - {known}
        return self._direct[known]

    def all_of(self, known: Known) -> set[Known]:
        """Return the direct and indirect parts of a class."""
        seen: set[Known] = set()
        waiting = [known]
        while waiting:
            new = self.direct(waiting.pop()) - seen
            seen |= new
            waiting += new
        return seen - {known}

    def tops(self, classes: Iterable[Known]) -> list[Known]:
        """Return the classes that are parts of no other of them, in the given order."""
        listed = list(classes)
        parts = {each: self.all_of(each) for each in listed}
        return [
            each
            for each in listed
            if not any(each in parts[other] and other not in parts[each] for other in listed)
        ]
