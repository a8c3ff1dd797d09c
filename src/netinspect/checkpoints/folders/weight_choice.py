"""Choice of one set of weights in a folder, and warnings about the others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from netinspect._utils import units
from netinspect.checkpoints.folders.file_sets import FileSet
from netinspect.checkpoints.folders.shard_index import ElsewhereError, Expected, read_weight_map
from netinspect.checkpoints.folders.weight_sets import DISTRIBUTED, WeightSet, describe_files
from netinspect.checkpoints.io.short_text import some
from netinspect.checkpoints.unsupported.file_names import foreign_weights
from netinspect.errors import CheckpointError

_NAMED = 8
"""Maximum number of files that a warning names."""


class Choice(NamedTuple):
    """The set of weights that is read."""

    set: WeightSet
    expected: Expected
    stale: tuple[str, Expected] | None = None
    """An index of the same model that names other files, and their expected tensors."""

    damaged: tuple[CheckpointError, ...] = ()
    """Errors of the indexes that cannot be read."""

    @property
    def problems(self) -> list[str]:
        """Problems that do not depend on the content of the files."""
        return [f"{each.message}: {each.cause}" for each in self.damaged]

    def warnings(self, sets: Sequence[WeightSet], present: frozenset[str]) -> Iterator[str]:
        """Describe the choice, and the weights of the folder that were not read."""
        name, variant = self.set.name, self.set.variant
        if self.stale is not None:
            index, expected = self.stale
            yield (
                f"{index} names {units.plural(len(expected), 'file')}, of which "
                f"{len(expected.keys() & present):,} are there: {name} was read instead"
            )
        if variant and not any(each.known and not each.variant for each in sets):
            yield f"the variant {variant!r:.100} was read: there are no weights without a variant"
        mentioned = {self.stale[0]} if self.stale is not None else set()
        yield from name_left_out(self.set, {*self.expected, *mentioned}, sets, present)

    def compare(self, held: Iterable[str]) -> Iterator[str]:
        """Compare the tensors that were read with those of the stale index."""
        if self.stale is None:
            return
        index, expected = self.stale
        promised = set[str]().union(*(names for names in expected.values() if names))
        if missing := promised.difference(held):
            yield f"{index} lists {some(sorted(missing))}, which {self.set.name} lacks"
        if extra := set(held) - promised:
            yield f"{self.set.name} holds {some(sorted(extra))}, which {index} does not list"


def choose(file_set: FileSet, sets: Sequence[WeightSet], present: frozenset[str]) -> Choice:
    """Choose the first complete set; without one, the set with the most existing files.

    Args:
        file_set: Folder of the sets.
        sets: At least one set, in order of preference.
        present: Names of the existing files.

    Raises:
        CheckpointError: No set has a file, and an index is damaged or names a file elsewhere.
        LoadError: An index cannot be read.
    """
    best: tuple[int, Choice] | None = None
    damaged: list[CheckpointError] = []
    stale: dict[str, tuple[str, Expected]] = {}
    for each in sets:
        expected: Expected = dict.fromkeys(each.files)
        if each.indexed:
            try:
                expected = read_weight_map(file_set, each.name, present)
            except ElsewhereError:
                raise
            except CheckpointError as error:
                damaged.append(error)
                continue
        there = len(expected.keys() & present)
        choice = Choice(each, expected, stale.get(each.family), tuple(damaged))
        if there == len(expected):
            return choice
        if best is None or there > best[0]:
            best = (there, choice)
        if each.indexed:
            stale[each.family] = (each.name, expected)
    if best is None or (damaged and not best[0]):
        raise damaged[0]
    return best[1]


def candidates(file_set: FileSet, sets: Sequence[WeightSet]) -> list[WeightSet]:
    """Return the sets to choose from: those with names that libraries use, or the only one.

    Raises:
        CheckpointError: There are several sets, and no library uses their names.
    """
    families = {each.family for each in sets if each.indexed}
    wanted = [each for each in sets if each.known or each.family in families]
    if not wanted and len(sets) > 1:
        several = [each.name for each in sets]
        raise CheckpointError(
            f"{file_set.name} is a folder with several files of weights",
            cause=f"there are {some(several, 20)} in it",
            hint=f"name one of them, such as {file_set.name.rstrip('/')}/{sets[0].files[0]}",
        )
    return wanted or list(sets)


def name_left_out(
    taken: WeightSet | str, mentioned: Iterable[str], sets: Sequence[WeightSet], present: frozenset[str]
) -> Iterator[str]:
    """Name the weights of a folder that were not read.

    Args:
        taken: The set that was read.
        mentioned: Its files, and those that another warning names.
        sets: All sets of the folder.
        present: Names of the existing files.
    """
    name = taken if isinstance(taken, str) else taken.name
    files = {file for each in sets for file in each.files if file in present}
    files |= {each.name for each in sets if each.indexed}
    files |= {each for each in present if each.endswith(DISTRIBUTED)}
    left = [
        *describe_files(files.difference(mentioned, (name,))),
        *(each for each, _ in foreign_weights(present)),
    ]
    if left:
        yield f"{name} was read; these weights next to it were not: {some(left, _NAMED)}"
