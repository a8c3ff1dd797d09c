"""Sets of weight files in a folder, recognized by file name.

A folder may have the same model several times: as safetensors and as pickles, in another number of
shards, in another precision. Each is a `WeightSet`. Their order is that in which the libraries that
write such folders (transformers, diffusers, peft, and those of Llama and Mistral) search for them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from netinspect._utils import units
from netinspect.checkpoints.formats.table import WEIGHT_SUFFIXES

_STEMS = ("model", "pytorch_model", "diffusion_pytorch_model", "adapter_model", "consolidated")
_SUFFIXES = ("safetensors", "bin", "pth")
_KNOWN = re.compile(
    rf"(?P<stem>{'|'.join(_STEMS)})(?:\.(?P<variant>\w+))?(?:-(?P<number>\d{{5,6}})-of-(?P<count>\d{{5,6}}))?"
    r"(?:\.(?P<late>\w+))?\.(?P<suffix>safetensors|bin)"
)
"""`model.fp16-00001-of-00002.safetensors`: the variant is before the number, or after it."""

_INDEX = re.compile(
    r"(?P<stem>.+)\.(?P<suffix>safetensors|bin)\.index(?:\.(?P<variant>\w+))?\.json", re.DOTALL
)
_PART = re.compile(r"consolidated\.(?P<number>\d\d)\.pth")
_SPREAD = re.compile(r"shard-(?P<number>\d{5})-model-\d{5}-of-\d{5}\.safetensors")
_WEIGHTS = re.compile(rf".+\.({'|'.join(WEIGHT_SUFFIXES)})", re.DOTALL)
_TRAINING_STATE = re.compile(r"(training_args|optimizer|scheduler|scaler|rng_state.*)\.(bin|pt|pth)")
"""Files that a training run writes next to the weights."""

SHARD = re.compile(
    r"(?P<stem>.+)-(?P<number>\d{5,6})-of-(?P<count>\d{5,6})(?P<suffix>(\.\w+)?\.\w+)", re.DOTALL
)
"""Writers count from 1 or from 0; some use six digits for the count or for both numbers."""

_MOST_SHARDS = 10_000

DISTRIBUTED, DISTRIBUTED_METADATA = ".distcp", ".metadata"
"""Suffix of the files of torch.distributed.checkpoint, and the file that describes them."""

_SINGLE, _INDEXED, _SHARDS, _PARTS, _SPREADS = range(5)
_Rank = tuple[int, int, str, int, str]


class WeightSet(NamedTuple):
    """Files that together contain one model."""

    name: str
    """Name of the file or index, or the pattern of the files."""

    files: tuple[str, ...]
    """All files of the set, existing or not; empty for an index, which lists its files itself."""

    family: str
    """Key that sets of one model share if they differ only in the number of files."""

    known: bool = True
    """True if a library uses this name."""

    variant: str = ""
    indexed: bool = False
    """True for an index, which lists its files itself."""

    parts: bool = False
    """True if each file has a part of every tensor, as in Llama's own checkpoints."""

    spread: bool = False
    """True if each file has pieces of tensors, as in safetensors of torch.distributed.checkpoint."""


def is_index(name: str) -> bool:
    """Return whether a name is that of an index of shards."""
    return _INDEX.fullmatch(name) is not None


def is_weights(name: str) -> bool:
    """Return whether a name is that of weights in a supported format."""
    return _WEIGHTS.fullmatch(name) is not None and _TRAINING_STATE.fullmatch(name) is None


def find_sets(names: Iterable[str]) -> list[WeightSet]:
    """Find the sets of weights among the files of a folder, in the order in which libraries load them.

    Within a family, a single file takes precedence over an index, and an index over shards without one.
    """
    groups: dict[tuple[_Rank, str], list[str]] = {}
    for name in names:
        if _INDEX.fullmatch(name) or is_weights(name):
            groups.setdefault((_rank(name), pattern_of(name)), []).append(name)
    return [_make_set(rank, members) for (rank, _), members in sorted(groups.items())]


def set_of_index(index: str) -> WeightSet:
    """Return the set of an index, by its name."""
    return _make_set(_rank(index), [index])


def _make_set(rank: _Rank, members: list[str]) -> WeightSet:
    stem, _, variant, form, _ = rank
    name, files = pattern_of(members[0]), all_files(members)
    match = _KNOWN.fullmatch(members[0]) or _INDEX.fullmatch(members[0])
    shard = SHARD.fullmatch(members[0])
    if form == _SPREADS:
        family = name
    elif match is not None:
        family = f"{match['stem']}.{match['suffix']} {variant}"
    else:
        family = name if shard is None else f"{shard['stem']}{shard['suffix']} "
    return WeightSet(
        name,
        () if form == _INDEXED else files,
        family,
        stem <= len(_STEMS),
        variant,
        indexed=form == _INDEXED,
        parts=form == _PARTS and len(files) > 1,
        spread=form == _SPREADS,
    )


def _rank(name: str) -> _Rank:
    """Return the sort key of the set of a file; the files of one set have the same key."""
    match = _KNOWN.fullmatch(name)
    if match is not None:
        form = _SINGLE if match["number"] is None else _SHARDS
        variant = match["variant"] or match["late"] or ""
        return (_STEMS.index(match["stem"]), _SUFFIXES.index(match["suffix"]), variant, form, "")
    match = _INDEX.fullmatch(name)
    if match is not None:
        stem = _STEMS.index(match["stem"]) if match["stem"] in _STEMS else len(_STEMS)
        return (stem, _SUFFIXES.index(match["suffix"]), match["variant"] or "", _INDEXED, name)
    if _PART.fullmatch(name):
        return (_STEMS.index("consolidated"), _SUFFIXES.index("pth"), "", _PARTS, "")
    if _SPREAD.fullmatch(name):
        return (len(_STEMS), 0, "", _SPREADS, "")
    return (len(_STEMS) + 1, 0, "", _SINGLE if SHARD.fullmatch(name) is None else _SHARDS, "")


def pattern_of(name: str) -> str:
    """Return the pattern of the files of a set; for a single file, its name."""
    shard = SHARD.fullmatch(name)
    if _SPREAD.fullmatch(name):
        return "shard-*-model-*.safetensors"
    if name.endswith(DISTRIBUTED):
        return f"*{DISTRIBUTED}"
    if shard is None:
        return "consolidated.*.pth" if _PART.fullmatch(name) else name
    return "{stem}-*-of-{count}{suffix}".format(**shard.groupdict())


def all_files(there: Iterable[str]) -> tuple[str, ...]:
    """Return the names of all files of a set, given some of them."""
    names = set(there)
    shard, part = SHARD.fullmatch(min(names)), _PART.fullmatch(max(names))
    spread = _SPREAD.fullmatch(min(names))
    if spread is not None:
        return tuple(sorted(names))  # the number of processes is not known
    if shard is not None:
        stem, count, suffix = shard["stem"], shard["count"], shard["suffix"]
        first, digits = int(int(shard["number"]) > 0), len(shard["number"])
        numbers = range(first, min(int(count), _MOST_SHARDS) + first)
        names.update(f"{stem}-{number:0{digits}}-of-{count}{suffix}" for number in numbers)
    elif part is not None:
        names.update(f"consolidated.{number:02}.pth" for number in range(int(part["number"])))
    return tuple(sorted(names))


def describe_files(names: Iterable[str]) -> list[str]:
    """Format names of files, grouped by set: `m-*-of-00004.bin (3 files)`."""
    counts: dict[str, list[str]] = {}
    for name in sorted(names):
        counts.setdefault(pattern_of(name), []).append(name)
    return [
        pattern if each == [pattern] else f"{pattern} ({units.plural(len(each), 'file')})"
        for pattern, each in counts.items()
    ]
