"""Folders with the files of a model: weights, whole or in shards, and a configuration.

The same rules apply to a local folder and to a repository on the hub; see `file_sets`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

from netinspect.checkpoints.folders import pipelines
from netinspect.checkpoints.folders.configuration import library_of, with_configuration
from netinspect.checkpoints.folders.file_sets import FileSet
from netinspect.checkpoints.folders.join import join, prefixed
from netinspect.checkpoints.folders.shard_index import Expected
from netinspect.checkpoints.folders.weight_choice import Choice, candidates, choose, name_left_out
from netinspect.checkpoints.folders.weight_sets import (
    DISTRIBUTED,
    DISTRIBUTED_METADATA,
    SHARD,
    all_files,
    find_sets,
    is_weights,
    set_of_index,
)
from netinspect.checkpoints.formats.gguf_split import check_split, is_split
from netinspect.checkpoints.formats.table import WEIGHT_SUFFIXES
from netinspect.checkpoints.io.short_text import some
from netinspect.checkpoints.readers import read_source
from netinspect.checkpoints.unsupported.file_names import foreign_weights
from netinspect.errors import CheckpointError, LoadError, NoWeightsError
from netinspect.records.base import replace
from netinspect.records.checkpoint import Checkpoint

_MOST_TENSORS = 500_000
_AT_ONCE = 8
_MOST_PROBLEMS = 50
_LISTED = 20
_SUFFIXES = ", ".join(f".{suffix}" for suffix in WEIGHT_SUFFIXES)


def read_file_set(file_set: FileSet) -> Checkpoint:
    """Read the weights of a folder and its configuration.

    Of several sets of weights, the first complete one in the libraries' order is read, and a warning
    names the others; see `weight_sets`.

    Raises:
        CheckpointError: The folder contains no weights, or they are damaged.
        LoadError: The folder cannot be read.
    """
    inside = file_set.names()
    present = frozenset(inside)
    sets = find_sets(inside)
    if pipelines.INDEX in present and not any(each.known for each in sets):
        found = pipelines.read_pipeline(file_set, read_file_set)
        if found is not None:
            return _warned(found, name_left_out("the pipeline", (), sets, present))
    if not sets and any(name.endswith(DISTRIBUTED) for name in inside):
        from netinspect.checkpoints.distributed.folder import read_distributed

        return with_configuration(read_distributed(file_set), file_set, present)
    if not sets:
        raise _without_weights(file_set, present)
    chosen = choose(file_set, candidates(file_set, sets), present)
    found = _warned(_read_chosen(file_set, chosen, present), chosen.warnings(sets, present))
    return with_configuration(found, file_set, present)


def read_index(file_set: FileSet, index: str) -> Checkpoint:
    """Read all shards that an index names, and the configuration next to it.

    A missing or damaged shard is reported as a problem, and the others are read. If the files of the
    index are missing but a complete set of the same model exists, that set is read, with a warning.

    Raises:
        CheckpointError: The index is damaged, names files elsewhere, or no shard can be read.
        LoadError: The folder cannot be read.
    """
    inside = file_set.names()
    present = frozenset(inside)
    own = set_of_index(index)
    shards = [
        each
        for each in find_sets(inside)
        if each.family == own.family and not each.indexed and present.issuperset(each.files)
    ]
    chosen = choose(file_set, [own], present)
    if not present.issuperset(chosen.expected) and shards:
        chosen = choose(file_set, [own, *shards[-1:]], present)
    found = _warned(_read_chosen(file_set, chosen, present), chosen.warnings((), frozenset()))
    return with_configuration(found, file_set, present)


def _read_chosen(file_set: FileSet, chosen: Choice, present: frozenset[str]) -> Checkpoint:
    if chosen.set.spread:
        from netinspect.checkpoints.distributed.safetensors_shards import read_spread

        return read_spread(file_set, list(chosen.expected))
    found = _read_shards(file_set, chosen.expected, present, parts=chosen.set.parts)
    lacks = chosen.compare([tensor.name for tensor in found.tensors]) if chosen.stale else ()
    return replace(found, problems=(*chosen.problems, *found.problems, *lacks))


def _warned(found: Checkpoint, warnings: Iterable[str]) -> Checkpoint:
    return replace(found, warnings=(*found.warnings, *warnings))


def read_set(file_set: FileSet, name: str) -> Checkpoint:
    """Read a shard and the other shards that its name implies.

    Raises:
        CheckpointError: No shard can be read.
        LoadError: The folder cannot be read.
    """
    return _read_shards(file_set, dict.fromkeys(all_files([name])), frozenset(file_set.names()))


def read_file(file_set: FileSet, name: str) -> Checkpoint:
    """Read one file of a file set; a file of a split GGUF model is read with the others.

    Raises:
        CheckpointError: The file is damaged, or not a checkpoint.
        LoadError: The file cannot be read.
    """
    if name.endswith(DISTRIBUTED):
        has_metadata = DISTRIBUTED_METADATA in file_set.names()
        raise refuse_piece(name, file_set.name.removesuffix(f"/{name}"), has_metadata=has_metadata)
    found = _read_part(file_set, name)
    if is_split(found):
        return read_set(file_set, name)
    return describe_part(replace(found, target=file_set.name), name)


def describe_part(found: Checkpoint, name: str) -> Checkpoint:
    """Add a warning if a file is, by its name, one of several shards."""
    match = SHARD.fullmatch(name)
    if match is None or int(match["count"]) < 2:
        return found
    number, count = int(match["number"]), int(match["count"])
    warning = f"{name} is shard {number} of {count}: the others hold the rest of the model"
    return replace(found, warnings=(*found.warnings, warning))


def _without_weights(file_set: FileSet, present: frozenset[str]) -> CheckpointError:
    """Return the error for a folder without weights in a supported format."""
    others = foreign_weights(present)
    if others:
        return CheckpointError(
            f"{file_set.name} holds no weights in a format that is read",
            cause=some([each for _, each in others]),
            hint="save_pretrained writes model.safetensors",
        )
    message = f"{file_set.name} is a folder without a model's weights"
    cause = f"no file in it ends in {_SUFFIXES}"
    if (deeper := _deeper(file_set)) is not None:
        return CheckpointError(message, cause=cause, hint=deeper)
    code = next((name for name in file_set.names() if name.endswith(".py")), None)
    model = f", or a model by its file: {file_set.name.rstrip('/')}/{code}" if code is not None else ""
    return NoWeightsError(message, cause=cause, hint=f"name a file of weights{model}")


def _deeper(file_set: FileSet) -> str | None:
    """Return a hint that names subfolders with weights, such as the parts of a diffusers model.

    None if it has none, and no configuration of a model either.
    """
    inside = file_set.folders()
    deeper = [
        f"{file_set.name.rstrip('/')}/{folder}"
        for folder, names in inside.items()
        if any(is_weights(name) or name.endswith(DISTRIBUTED) for name in names)
    ]
    # The hub's cache has a subfolder for each revision.
    deeper += [f"{file_set.name.rstrip('/')}/snapshots/{name}" for name in inside.get("snapshots", ())]
    if deeper:
        return f"there are some in {some(deeper, _LISTED)}"
    if "config.json" in file_set.names() and not file_set.remote:
        target = f"{library_of(file_set)}:{file_set.name.rstrip('/')}"
        return f"{target} is the model of its config.json, without weights"
    return None


def _read_shards(
    file_set: FileSet, expected: Expected, present: frozenset[str], *, parts: bool = False
) -> Checkpoint:
    """Read the files of one model, in their order.

    Args:
        file_set: Set of the files.
        expected: Names of the tensors that each file should contain.
        present: Names of the existing files.
        parts: Each file has a part of every tensor, so that all have the same names.
    """
    if len(expected) == 1 and None in expected.values():
        (only,) = expected
        found = replace(_read_part(file_set, only), target=file_set.name)
        return check_split(found, [found]) if is_split(found) else found
    read: list[Checkpoint] = []
    problems: list[str] = []
    homes: dict[str, str] = {}
    count = 0
    for (shard, names), part in zip(
        expected.items(), _read_files(file_set, expected, present), strict=True
    ):
        if isinstance(part, LoadError):
            lost = f"; it should hold {some(sorted(names))}" if names else ""
            problems.append(f"shard {shard}: {part.cause or part.message}{lost}")
            continue
        if read and part.format != read[0].format:
            problems.append(f"shard {shard} is {part.format}, and the others are {read[0].format}")
            continue
        count += len(part.tensors)
        if count > _MOST_TENSORS:
            raise CheckpointError(
                f"{file_set.name} holds more than {_MOST_TENSORS:,} tensors", hint="name one shard"
            )
        if parts:
            part = prefixed(part, shard.rpartition(".")[0])
        problems += _differences(shard, part, names, homes)
        read.append(part)
    if not read:
        raise CheckpointError(f"no shard of {file_set.name} can be read", cause=problems[0])
    if len(problems) > _MOST_PROBLEMS:
        more = len(problems) - _MOST_PROBLEMS
        problems[_MOST_PROBLEMS:] = [f"there are {more:,} more problems with its shards"]
    joined = join(file_set.name, read)
    joined = replace(joined, problems=(*problems, *joined.problems))
    if parts:
        warning = "each file has its part of every tensor, and the parts are listed under its name"
        joined = replace(joined, warnings=(*joined.warnings, warning))
    return check_split(joined, read) if any(map(is_split, read)) else joined


def _differences(
    shard: str, part: Checkpoint, names: set[str] | None, homes: dict[str, str]
) -> Iterator[str]:
    """Describe differences between a shard and the index, and names that two shards share."""
    held = {tensor.name for tensor in part.tensors}
    if names is not None:
        if missing := names - held:
            yield f"shard {shard} lacks {some(sorted(missing))}, which the index assigns to it"
        if extra := held - names:
            yield f"shard {shard} holds {some(sorted(extra))}, which the index does not assign to it"
    if twice := sorted(held & homes.keys()):
        yield f"shard {shard} holds {some(twice)}, which {homes[twice[0]]} holds too"
    homes.update(dict.fromkeys(held, shard))


def _read_files(
    file_set: FileSet, names: Iterable[str], present: frozenset[str]
) -> Iterator[Checkpoint | LoadError]:
    """Read each file, in order; remote files are read concurrently."""

    def read(name: str) -> Checkpoint | LoadError:
        if name not in present:
            return LoadError(f"{name} is not there", cause="it is not there")
        try:
            return _read_part(file_set, name)
        except CheckpointError as error:
            return error
        except LoadError as error:
            if file_set.remote:  # A network error or a limit applies to all other files too.
                raise
            return error

    if not file_set.remote:
        yield from map(read, names)
        return
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        try:
            yield from pool.map(read, names)
        finally:
            pool.shutdown(cancel_futures=True)


def _read_part(file_set: FileSet, name: str) -> Checkpoint:
    with file_set.open(name) as source:
        return read_source(source)


def refuse_piece(name: str, folder: str, *, has_metadata: bool) -> CheckpointError:
    """Return the error for a single file of torch.distributed.checkpoint, which has no names."""
    return CheckpointError(
        f"{name} is one file of a checkpoint of torch.distributed.checkpoint",
        cause="it holds pieces of tensors, and .metadata in the same folder lists the tensors"
        if has_metadata
        else "it holds pieces of tensors, and the .metadata that lists the tensors is not in its folder",
        hint=f"name the folder: {folder or '.'}" if has_metadata else "fetch the whole folder",
    )
