"""A folder with a model's files, as the hub has them: the weights, whole or in shards, and a config.

The same rules hold for a folder on the disk and for a repository on the hub; see `places`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from netinspect.checkpoints.access.bounded_json import read_object
from netinspect.checkpoints.access.text import LONGEST_TEXT, short, some
from netinspect.checkpoints.formats.gguf_split import check_split, is_split
from netinspect.checkpoints.places import Place
from netinspect.checkpoints.readers import join, read_source
from netinspect.errors import CheckpointError, LoadError
from netinspect.records.checkpoint import Checkpoint, Entry

# In the order in which transformers looks for them, and diffusers and peft behind it.
_KNOWN = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
    "diffusion_pytorch_model.safetensors",
    "diffusion_pytorch_model.safetensors.index.json",
    "diffusion_pytorch_model.bin",
    "adapter_model.safetensors",
    "adapter_model.bin",
)
_INDEX = re.compile(r".+\.(safetensors|bin)\.index\.json", re.DOTALL)
_WEIGHTS = re.compile(r".+\.(safetensors|gguf|bin|pt|pth|ckpt|pt2|onnx|npz)", re.DOTALL)
_BESIDE = re.compile(r"(training_args|optimizer|scheduler|scaler|rng_state.*)\.(bin|pt|pth)")
"""What a training leaves beside the weights."""

_SHARD = re.compile(r"(?P<stem>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})(?P<suffix>\.\w+)", re.DOTALL)
_LARGEST_CONFIG = 4 << 20
_MOST_TENSORS = 500_000
_MOST_SHARDS = 10_000
_AT_ONCE = 8
_MOST_PROBLEMS = 50
_LISTED = 20
_LONGEST_NAME = 255


def read_place(place: Place) -> Checkpoint:
    """Read the weights of a folder, by their index where there is one, and its configuration.

    Raises:
        CheckpointError: There are no weights in it, or they are damaged.
        LoadError: It cannot be read.
    """
    inside = place.names()
    present = frozenset(inside)
    known = next((each for each in _KNOWN if each in present), None) or next(
        (each for each in inside if _INDEX.fullmatch(each)), None
    )
    if known is None:
        shards = _only_weights(place, inside)
        found = _read_shards(place, dict.fromkeys(shards), present)
    elif is_index(known):
        found = _read_index(place, known, present)
    else:
        found = _read_shards(place, {known: None}, present)
    return _with_configuration(found, place, present)


def read_index(place: Place, index: str) -> Checkpoint:
    """Read all shards that an index names, and the configuration beside it.

    A shard that is missing or damaged is a problem of the whole, and the others are read.

    Raises:
        CheckpointError: The index is damaged, names files elsewhere, or no shard can be read.
        LoadError: It cannot be read.
    """
    present = frozenset(place.names())
    return _with_configuration(_read_index(place, index, present), place, present)


def read_set(place: Place, name: str) -> Checkpoint:
    """Read a file that says it is one of several, and the others that its name tells of.

    Raises:
        CheckpointError: None can be read.
        LoadError: It cannot be read.
    """
    names = [name]
    if _SHARD.fullmatch(name):
        names = _all_shards(name, ())
    return _read_shards(place, dict.fromkeys(names), frozenset(place.names()))


def is_index(name: str) -> bool:
    """Whether a file is, by its name, an index of shards."""
    return _INDEX.fullmatch(name) is not None


def read_file(place: Place, name: str) -> Checkpoint:
    """Read one file of a place; one that says itself that it is one of several, with the others.

    Raises:
        CheckpointError: It is damaged, or no checkpoint.
        LoadError: It cannot be read.
    """
    found = _read_part(place, name)
    if is_split(found):
        return read_set(place, name)
    return tell_part(replace(found, target=place.name), name)


def tell_part(found: Checkpoint, name: str) -> Checkpoint:
    """Warn where what was read of a file is, by the file's name, one of several shards."""
    match = _SHARD.fullmatch(name)
    if match is None or int(match["count"]) < 2:
        return found
    number, count = int(match["number"]), int(match["count"])
    warning = f"{name} is shard {number} of {count}: the others hold the rest of the model"
    return replace(found, warnings=(*found.warnings, warning))


def _only_weights(place: Place, inside: Collection[str]) -> list[str]:
    """Find the one file of weights, or the one set of shards, that no index tells of."""
    sets: dict[str, list[str]] = {}
    for name in inside:
        if not _WEIGHTS.fullmatch(name) or _BESIDE.fullmatch(name):
            continue
        shard = _SHARD.fullmatch(name)
        key = name if shard is None else "{stem}-*-of-{count}{suffix}".format(**shard.groupdict())
        sets.setdefault(key, []).append(name)
    if not sets and ".metadata" in inside and any(name.endswith(".distcp") for name in inside):
        raise CheckpointError(
            f"{place.name} is a folder of torch.distributed.checkpoint, which is not read",
            cause="its tensors are in pieces over several files, and a pickle tells where",
            hint="python -m torch.distributed.checkpoint.format_utils dcp_to_torch "
            f"{place.name} model.pt makes one file of it; that loads the pickle",
        )
    if not sets:
        raise CheckpointError(
            f"{place.name} is a folder without a model's weights",
            cause=f"there is none of {', '.join(_KNOWN)} in it",
            hint=_deeper(place),
        )
    if len(sets) > 1:
        several = [names[0] for names in sets.values()]
        raise CheckpointError(
            f"{place.name} is a folder with several files of weights",
            cause=f"there are {some(several, _LISTED)} in it",
            hint=f"name one of them, such as {place.name.rstrip('/')}/{several[0]}",
        )
    (there,) = sets.values()
    return _all_shards(there[0], there)


def _deeper(place: Place) -> str:
    """Say which folders in one have weights, such as the parts of a model of diffusers."""
    inside = place.folders()
    deeper = [
        f"{place.name.rstrip('/')}/{folder}"
        for folder, names in inside.items()
        if any(map(_WEIGHTS.fullmatch, names))
    ]
    # The hub's own cache has a folder for each revision.
    deeper += [f"{place.name.rstrip('/')}/snapshots/{name}" for name in inside.get("snapshots", ())]
    if deeper:
        return f"there are some in {some(deeper, _LISTED)}"
    if "config.json" in place.names() and not place.remote:
        return f"transformers:{place.name.rstrip('/')} is the model of its config.json, without weights"
    code = next((name for name in place.names() if name.endswith(".py")), None)
    model = f", or a model by its file: {place.name.rstrip('/')}/{code}" if code is not None else ""
    return f"name a file of weights{model}"


def _all_shards(name: str, there: Iterable[str]) -> list[str]:
    """Name all files of the set that one of them belongs to, by its name."""
    shard = _SHARD.fullmatch(name)
    if shard is None:
        return [name]
    stem, count, suffix = shard["stem"], shard["count"], shard["suffix"]
    numbers = range(1, min(int(count), _MOST_SHARDS) + 1)
    return sorted({*there, *(f"{stem}-{number:05}-of-{count}{suffix}" for number in numbers)})


def _read_index(place: Place, index: str, present: frozenset[str]) -> Checkpoint:
    with place.open(index) as source:
        shard_of = read_object(source).get("weight_map")
    if not isinstance(shard_of, dict) or not all(isinstance(each, str) for each in shard_of.values()):
        raise CheckpointError(
            f"{place.name} has a damaged {index}", cause="its weight_map is no map of names to files"
        )
    expected: dict[str, set[str] | None] = {shard: set() for shard in sorted(set(shard_of.values()))}
    if not expected:
        raise CheckpointError(f"{place.name} has a damaged {index}", cause="its weight_map is empty")
    if len(expected) > _MOST_SHARDS:
        raise CheckpointError(
            f"{place.name} has a damaged {index}", cause=f"it names {len(expected):,} files"
        )
    for shard in expected:
        _refuse_elsewhere(place, shard, present)
    for name, shard in shard_of.items():
        names = expected[shard]
        assert names is not None
        names.add(name)
    return _read_shards(place, expected, present)


def _read_shards(
    place: Place, expected: dict[str, set[str] | None], present: frozenset[str]
) -> Checkpoint:
    """Read the files of one model, in their order.

    Args:
        place: Where they are.
        expected: By file, the names of the tensors that it should hold; None where nobody tells.
        present: What is there.
    """
    if len(expected) == 1 and None in expected.values():
        (only,) = expected
        found = replace(_read_part(place, only), target=place.name)
        return check_split(found, [found]) if is_split(found) else found
    parts: list[Checkpoint] = []
    problems: list[str] = []
    homes: dict[str, str] = {}
    count = 0
    for (shard, names), part in zip(
        expected.items(), _read_files(place, expected, present), strict=True
    ):
        if isinstance(part, LoadError):
            lost = f"; it should hold {some(sorted(names))}" if names else ""
            problems.append(f"shard {shard}: {part.cause or part.message}{lost}")
            continue
        if parts and part.format != parts[0].format:
            problems.append(f"shard {shard} is {part.format}, and the others are {parts[0].format}")
            continue
        count += len(part.tensors)
        if count > _MOST_TENSORS:
            raise CheckpointError(
                f"{place.name} holds more than {_MOST_TENSORS:,} tensors", hint="name one shard"
            )
        problems += _differences(shard, part, names, homes)
        parts.append(part)
    if not parts:
        raise CheckpointError(f"no shard of {place.name} can be read", cause=problems[0])
    if len(problems) > _MOST_PROBLEMS:
        more = len(problems) - _MOST_PROBLEMS
        problems[_MOST_PROBLEMS:] = [f"there are {more:,} more problems with its shards"]
    joined = join(place.name, parts)
    joined = replace(joined, problems=(*problems, *joined.problems))
    return check_split(joined, parts) if any(map(is_split, parts)) else joined


def _differences(
    shard: str, part: Checkpoint, names: set[str] | None, homes: dict[str, str]
) -> Iterator[str]:
    """Tell where a shard and the index do not agree, or two shards hold one name; notes its names."""
    held = {tensor.name for tensor in part.tensors}
    if names is not None:
        if missing := names - held:
            yield f"shard {shard} lacks {some(sorted(missing))}, which the index says it holds"
        if extra := held - names:
            yield f"shard {shard} holds {some(sorted(extra))}, which the index does not give it"
    if twice := sorted(held & homes.keys()):
        yield f"shard {shard} holds {some(twice)}, which {homes[twice[0]]} holds too"
    homes.update(dict.fromkeys(held, shard))


def _read_files(
    place: Place, names: Iterable[str], present: frozenset[str]
) -> Iterator[Checkpoint | LoadError]:
    """Read each file, in their order; from afar several at once."""

    def read(name: str) -> Checkpoint | LoadError:
        if name not in present:
            return LoadError(f"{name} is not there", cause="it is not there")
        try:
            return _read_part(place, name)
        except CheckpointError as error:
            return error
        except LoadError as error:
            if place.remote:  # What one file meets on the way, such as a limit, all others meet too.
                raise
            return error

    if not place.remote:
        yield from map(read, names)
        return
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        try:
            yield from pool.map(read, names)
        finally:
            pool.shutdown(cancel_futures=True)


def _read_part(place: Place, name: str) -> Checkpoint:
    with place.open(name) as source:
        return read_source(source)


def _refuse_elsewhere(place: Place, shard: str, present: frozenset[str]) -> None:
    """An index may name files beside it and nothing else."""
    plain = (
        shard not in ("", ".", "..")
        and not any(each in shard for each in ("/", "\\", "\0"))
        and len(shard) <= _LONGEST_NAME
    )
    if not plain or (shard in present and not place.holds(shard)):
        raise CheckpointError(
            f"{place.name} has an index that names a file elsewhere",
            cause=f"{shard!r} is a link to a file elsewhere"
            if plain
            else f"{short(shard)!r} is not the plain name of a file beside it",
            hint="nothing was read from there",
        )


def _with_configuration(found: Checkpoint, place: Place, present: frozenset[str]) -> Checkpoint:
    """Add the top level of `config.json`, told as it stands; nothing is concluded from it."""
    if "config.json" not in present:
        return found
    try:
        with place.open("config.json") as source:
            data = read_object(source, largest=_LARGEST_CONFIG)
        entries = tuple(
            Entry(name=f"config.{key}", type=type(value).__name__, text=json.dumps(value)[:LONGEST_TEXT])
            for key, value in data.items()
        )
    except RecursionError:
        return replace(found, warnings=(*found.warnings, "config.json is nested too deeply"))
    except LoadError as error:
        warning = error.message + (f": {error.cause}" if error.cause else "")
        return replace(found, warnings=(*found.warnings, warning))
    return replace(found, metadata=(*found.metadata, *entries))
