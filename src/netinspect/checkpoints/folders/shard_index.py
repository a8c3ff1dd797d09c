"""Index of a sharded model: the tensors of each file, which must be next to the index."""

from __future__ import annotations

from netinspect.checkpoints.folders.file_sets import FileSet
from netinspect.checkpoints.io.bounded_json import read_object
from netinspect.checkpoints.io.short_text import short
from netinspect.checkpoints.io.sibling_path import is_plain
from netinspect.errors import CheckpointError

_MOST_SHARDS = 10_000
_LONGEST_NAME = 255

Expected = dict[str, set[str] | None]
"""Names of the tensors that each file should contain; None if they are not known."""


class ElsewhereError(CheckpointError):
    """An index names a file in another folder."""


def read_weight_map(file_set: FileSet, index: str, present: frozenset[str]) -> Expected:
    """Read the tensor names of each file in an index.

    Raises:
        ElsewhereError: The index names a file in another folder.
        CheckpointError: The index is damaged.
        LoadError: The index cannot be read.
    """
    with file_set.open(index) as source:
        shard_of = read_object(source).get("weight_map")
    damaged = f"{file_set.name} has a damaged {index}"
    if not isinstance(shard_of, dict) or not all(isinstance(each, str) for each in shard_of.values()):
        raise CheckpointError(damaged, cause="its weight_map is not a map of names to files")
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
    """Refuse a file that is not in the folder of the index."""
    plain = is_plain(shard) and len(shard) <= _LONGEST_NAME
    if not plain or (shard in present and not file_set.contains(shard)):
        raise ElsewhereError(
            f"{file_set.name} has an index that names a file elsewhere",
            cause=f"{shard!r} is a link to a file elsewhere"
            if plain
            else f"{short(shard)!r} is not the name of a file in the same folder",
            hint="nothing was read from there",
        )
