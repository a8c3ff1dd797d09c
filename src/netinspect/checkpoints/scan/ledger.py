"""Results and read limits of the scan of one file."""

from __future__ import annotations

from netinspect.checkpoints.pickle.collected_content import globals_of
from netinspect.checkpoints.pickle.names import Names
from netinspect.errors import CheckpointError
from netinspect.records.checkpoint import Global
from netinspect.records.pickles import ExaminedPart, Pickle, UnexaminedPart

MOST_LAYERS = 12
"""Maximum nesting of archives."""

MOST_PICKLES = 10_000
"""Maximum number per file."""

_MOST_DECOMPRESSED = 1 << 30
"""Maximum decompressed bytes per file."""

_MOST_HELD = 96 << 20
"""Maximum decompressed bytes in memory at a time."""

_MOST_PARTS = 400_000
_MOST_NAMES = 200_000
_MOST_PROBLEMS = 1000


class Ledger:
    """Pickles of one file, their names, and the parts that were or were not examined."""

    def __init__(self, file: str) -> None:
        """Create an empty ledger.

        Args:
            file: The name of the file.
        """
        self.file = file
        self.pickles: list[Pickle] = []
        self.globals: list[Global] = []
        self.problems: list[str] = []
        self.warnings: list[str] = []
        self.unexamined: list[UnexaminedPart] = []
        self.error: CheckpointError | None = None
        """First error of a damaged part."""

        self._examined: dict[tuple[str, str], ExaminedPart] = {}
        self._decompressed = 0
        self._held = 0

    @property
    def examined(self) -> list[ExaminedPart]:
        """Return the examined parts in order."""
        return list(self._examined.values())

    def add(self, member: str, kind: str, count: int = 1) -> None:
        """Record that a part was examined."""
        key = (member, kind)
        if len(self._examined) >= _MOST_PARTS and key not in self._examined:
            key = ("", kind)
        known = self._examined.get(key)
        if known is not None:
            count += known.count
        self._examined[key] = ExaminedPart(file=self.file, member=key[0], kind=kind, count=count)

    def miss(self, member: str, reason: str) -> None:
        """Record that a part was not examined."""
        if len(self.unexamined) < _MOST_PARTS:
            self.unexamined.append(UnexaminedPart(file=self.file, member=member, reason=reason))

    def fail(self, member: str, error: CheckpointError) -> None:
        """Record that a part is damaged."""
        self.error = self.error or error
        text = error.cause or error.message
        self.complain(f"{member}: {text}" if member else text)

    def complain(self, text: str) -> None:
        """Record a problem."""
        if len(self.problems) < _MOST_PROBLEMS:
            self.problems.append(text)

    def name(self, names: Names, member: str, position: int) -> None:
        """Record a pickle and the names that it would import."""
        self.pickles.append(Pickle(file=0, member=member, position=position))
        found = globals_of(names, member)
        if len(self.globals) + len(found) > _MOST_NAMES:
            found = found[: max(0, _MOST_NAMES - len(self.globals))]
            self.miss(member, f"it has more names than the {_MOST_NAMES:,} that are listed")
        self.globals += found
        self.add(member, "pickle")

    def room(self) -> int:
        """Return how many bytes may currently be decompressed."""
        return max(0, min(_MOST_DECOMPRESSED - self._decompressed, _MOST_HELD - self._held))

    def hold(self, length: int) -> None:
        """Record that decompressed bytes are in memory."""
        self._decompressed += length
        self._held += length

    def release(self, length: int) -> None:
        """Record that decompressed bytes were released."""
        self._held -= length


def label(member: str, what: str) -> str:
    """Return the name of a part of a member."""
    return f"{member}:{what}" if member else what
