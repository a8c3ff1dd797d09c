"""The index of a sharded model: which file holds which tensors, and no file elsewhere."""

from __future__ import annotations

from netinspect.checkpoints.file_sets import FileSet
from netinspect.checkpoints.io.bounded_json import read_object
from netinspect.checkpoints.io.short_text import short
from netinspect.errors import CheckpointError

_MOST_SHARDS = 10_000
_LONGEST_NAME = 255

Expected = dict[str, set[str] | None]
"""By file the names of the tensors that it should hold; None if nothing states that."""


class ElsewhereError(CheckpointError):
    """The index names a file that is not next to it."""


def read_weight_map(file_set: FileSet, index: str, present: frozenset[str]) -> Expected:
    """Read which tensors the files of an index hold.

    Raises:
        ElsewhereError: It names a file elsewhere.
        CheckpointError: It is damaged.
        LoadError: It cannot be read.
    """
    with file_set.open(index) as source:
        shard_of = read_object(source).get("weight_map")
    damaged = f"{file_set.name} has a damaged {index}"
    if not isinstance(shard_of, dict) or not all(isinstance(each, str) for each in shard_of.values()):
        raise CheckpointError(damaged, cause="its weight_map is no map of names to files")
    names: dict[str, set[str]] = {shard: set() for shard in sorted(set(shard_of.values()))}
    if not names:
        raise CheckpointError(damaged, cause="its weight_map is empty")
    if len(names) > _MOST_SHARDS:
        raise CheckpointError(damaged, cause=f"it names {len(names):,} files")
    for shard in names:
        _refuse_elsewhere(file_set, shard, present)
    for name, shard in shard_of.items():
        names[shard].add(name)
    return dict(names)


def _refuse_elsewhere(file_set: FileSet, shard: str, present: frozenset[str]) -> None:
    """An index may name files next to it and nothing else."""
    plain = (
        shard not in ("", ".", "..")
        and not any(each in shard for each in ("/", "\\", "\0"))
        and len(shard) <= _LONGEST_NAME
    )
    if not plain or (shard in present and not file_set.contains(shard)):
        raise ElsewhereError(
            f"{file_set.name} has an index that names a file elsewhere",
            cause=f"{shard!r} is a link to a file elsewhere"
            if plain
            else f"{short(shard)!r} is not the name of a file in the same folder",
            hint="nothing was read from there",
        )
