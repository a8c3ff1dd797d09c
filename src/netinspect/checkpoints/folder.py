"""A folder with a model's files, as the hub has them: the weights, whole or in shards, and a config."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from netinspect.checkpoints.beside import place_beside
from netinspect.checkpoints.read import join, read_source
from netinspect.checkpoints.source import LocalSource
from netinspect.checkpoints.text import some
from netinspect.errors import CheckpointError, LoadError
from netinspect.records.checkpoint import Checkpoint, Entry

_INDEXES = ("model.safetensors.index.json", "pytorch_model.bin.index.json")
_WHOLE = ("model.safetensors", "pytorch_model.bin", "adapter_model.safetensors", "adapter_model.bin")
_ANY_INDEX = re.compile(r".+\.(safetensors|bin)\.index\.json")
_LARGEST_JSON = 64 << 20
_NAMED = 5
_LONGEST_TEXT = 2000


def read_folder(path: str, name: str) -> Checkpoint:
    """Read the weights of a folder, by their index where there is one, and its configuration.

    Raises:
        CheckpointError: There are no weights in it, or they are damaged.
        LoadError: It cannot be read.
    """
    try:
        inside = sorted(os.listdir(path))
    except OSError as error:
        raise LoadError(f"cannot read the folder {name}", cause=error.strerror) from error
    index = next((each for each in _INDEXES if each in inside), None) or next(
        (each for each in inside if _ANY_INDEX.fullmatch(each)), None
    )
    whole = next((each for each in _WHOLE if each in inside), None)
    if whole is not None and index is None:
        found = join(name, [_read_file(path, whole)])
    elif index is not None:
        found = read_index(os.path.join(path, index), name)
    else:
        alone = [each for each in inside if each.endswith((".safetensors", ".gguf", ".bin", ".pt"))]
        if len(alone) != 1:
            several = f"; there are {', '.join(alone[:_NAMED])}" if alone else ""
            raise CheckpointError(
                f"{name} is a folder without a model's weights",
                cause=f"there is none of {', '.join((*_INDEXES, *_WHOLE))} in it{several}",
                hint="name one file in it",
            )
        found = join(name, [_read_file(path, alone[0])])
    return replace(found, metadata=(*found.metadata, *_configuration(path, inside)))


def read_index(path: str, name: str) -> Checkpoint:
    """Read all shards that an index names.

    A shard that is missing or damaged is a problem of the whole, and the others are read.

    Raises:
        CheckpointError: The index is damaged, names files elsewhere, or no shard can be read.
    """
    folder = os.path.dirname(path)
    index = _read_json(path, name)
    shard_of = index.get("weight_map")
    if not isinstance(shard_of, dict) or not all(isinstance(each, str) for each in shard_of.values()):
        raise CheckpointError(
            f"{name} has a damaged index", cause="its weight_map is no map of names to files"
        )
    shards = sorted(set(shard_of.values()))
    for shard in shards:
        _refuse_elsewhere(folder, shard, name)
    parts: list[Checkpoint] = []
    problems: list[str] = []
    for shard in shards:
        try:
            part = _read_file(folder, shard)
        except LoadError as error:
            names = [key for key, value in shard_of.items() if value == shard]
            cause = error.cause or error.message
            problems.append(f"shard {shard}: {cause}; it should hold {some(names)}")
            continue
        held = {tensor.name for tensor in part.tensors}
        expected = {key for key, value in shard_of.items() if value == shard}
        if missing := sorted(expected - held):
            problems.append(f"shard {shard} lacks {some(missing)}, which the index says it holds")
        if extra := sorted(held - expected):
            problems.append(f"shard {shard} holds {some(extra)}, which the index does not give it")
        parts.append(part)
    if not parts:
        raise CheckpointError(
            f"no shard of {name} can be read", cause=problems[0] if problems else "the index names none"
        )
    joined = join(name, parts)
    return replace(joined, problems=(*problems, *joined.problems))


def _read_file(folder: str, name: str) -> Checkpoint:
    with LocalSource(os.path.join(folder, name), name) as source:
        checkpoint = read_source(source)
        source.check_unchanged()
    return checkpoint


def _refuse_elsewhere(folder: str, shard: str, name: str) -> None:
    """An index may name files beside it and nothing else."""
    if "/" in shard or shard == "." or place_beside(folder, shard) is None:
        raise CheckpointError(
            f"{name} has an index that names a file elsewhere",
            cause=f"{shard!r} is not the plain name of a file beside it",
            hint="nothing was read from there",
        )


def _read_json(path: str, name: str) -> dict[str, Any]:
    with LocalSource(path, os.path.basename(path)) as source:
        if source.size > _LARGEST_JSON:
            raise CheckpointError(f"{source.name} of {name} is larger than 64 MiB")
        raw = source.read(0, source.size)
    try:
        data = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(
            f"{name} has a damaged {os.path.basename(path)}", cause=f"it is not valid JSON: {error}"
        ) from None
    if not isinstance(data, dict):
        raise CheckpointError(f"{name} has a damaged {os.path.basename(path)}")
    return data


def _configuration(folder: str, inside: Iterable[str]) -> tuple[Entry, ...]:
    """The top level of `config.json`, told as it stands; nothing is concluded from it."""
    if "config.json" not in inside:
        return ()
    try:
        data = _read_json(os.path.join(folder, "config.json"), folder)
    except LoadError:
        return ()
    return tuple(
        Entry(name=f"config.{key}", type=type(value).__name__, text=json.dumps(value)[:_LONGEST_TEXT])
        for key, value in data.items()
    )
