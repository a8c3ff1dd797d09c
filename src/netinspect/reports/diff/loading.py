"""What `load_state_dict` would say: the rules of `torch.nn.Module` on names and sizes alone.

Source: `Module.load_state_dict` and `Module._load_from_state_dict`. With `strict=True` all names must be
the same; with `strict=False` some may be missing, or too many; sizes must be equal in any case, but for
a vector that goes into a scalar. The dtype is converted. What a class adds of its own is not known here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from netinspect.records.trace import Trace
from netinspect.reports.diff.mapping import TORCH, load_lines, rename_snippet
from netinspect.reports.diff.pairing import Pairing
from netinspect.reports.diff.record import Loading, Mismatch
from netinspect.reports.diff.record import Mapping as NewNames
from netinspect.reports.diff.state_dict import StateDict, StateDictEntry

Verdict = Literal["loads", "loads with strict=False", "does not load"]

_COUNTER = "num_batches_tracked"
_COUNTS = 2
"""The version of BatchNorm from which on it has that counter."""

_NAMED = 3


def build_loading(a: StateDict, b: StateDict, pairing: Pairing) -> Loading | None:
    """Tell what a model would say to a checkpoint; None where there is not one of each."""
    if (a.trace is None) == (b.trace is None):
        return None
    model, file = (a, b) if a.trace is not None else (b, a)
    names = {name: name for name in file.members}
    filled = _filled(model, file, names, renamed=False)
    missing, unexpected, mismatched = _held(model, file, names, filled)
    others = _other_keys(file)
    return Loading(
        model="a" if model is a else "b",
        verdict=_verdict(missing, [*unexpected, *others], mismatched),
        missing=tuple(missing),
        unexpected=(*unexpected, *others),
        mismatched=tuple(mismatched),
        filled=tuple(filled),
        notes=tuple(_notes(model, names, missing, filled)),
        mapping=_mapping(model, file, pairing, turned=file is b, others=bool(others)),
    )


def _mapping(
    model: StateDict, file: StateDict, pairing: Pairing, *, turned: bool, others: bool
) -> NewNames | None:
    """Return what makes it load, or brings it nearer; None where no names are in the way.

    Args:
        model: The model.
        file: The checkpoint.
        pairing: Which names are the same tensor.
        turned: Whether the pairs lead from the model to the checkpoint.
        others: Whether there is more than tensors in the state dict.
    """
    assert file.checkpoint is not None
    assert file.choice is not None
    pairs = {new: old for old, new, _ in pairing.pairs}
    rules = [rule.inverse for rule in reversed(pairing.rules)]
    if not turned:
        pairs, rules = {old: new for new, old in pairs.items()}, list(pairing.rules)
    section, parts = file.choice.section, _parts(file)
    snippet = rename_snippet(list(file.members), pairs, rules)
    renames = any(old != new for old, new in pairs.items())
    if snippet is None or not (renames or section or parts or others):
        return None
    filled = _filled(model, file, snippet.names, renamed=bool(snippet.lines) or others)
    problems = _held(model, file, snippet.names, filled)
    verdict = _verdict(*problems)
    lines = [*load_lines(file.checkpoint, section, parts, others=others), *snippet.lines]
    if verdict != "does not load":
        strict = "" if verdict == "loads" else ", strict=False"
        lines.append(f"model.load_state_dict(state_dict{strict})")
    return NewNames(
        lines=tuple(lines),
        verdict=verdict,
        missing=len(problems[0]),
        unexpected=len(problems[1]),
        mismatched=len(problems[2]),
    )


def _held(
    model: StateDict, file: StateDict, names: Mapping[str, str], filled: Iterable[str]
) -> tuple[list[str], list[str], list[Mismatch]]:
    """Hold a file's tensors, under other names, against a model's."""
    given = {became: file.members[name] for name, became in names.items()}
    known = set(filled)
    missing = [name for name in model.members if name not in given and name not in known]
    unexpected = [name for name in given if name not in model.members]
    mismatched = [
        Mismatch(name=name, checkpoint=given[name].shape, model=member.shape)
        for name, member in model.members.items()
        if name in given and not _fits(given[name], member)
    ]
    return missing, unexpected, mismatched


def _fits(given: StateDictEntry, wanted: StateDictEntry) -> bool:
    # A lazy layer takes any size. Scalars were vectors before torch 0.4, and are taken as such.
    return (
        given.shape == wanted.shape
        or not wanted.is_sized
        or (not wanted.shape and len(given.shape) == 1)
    )


def _verdict(missing: list[str], unexpected: list[str], mismatched: list[Mismatch]) -> Verdict:
    if mismatched:
        return "does not load"
    return "loads with strict=False" if missing or unexpected else "loads"


def _filled(model: StateDict, file: StateDict, names: Mapping[str, str], *, renamed: bool) -> list[str]:
    """The counters that BatchNorm fills in where the versions say that the state dict has none.

    Args:
        model: The model.
        file: The checkpoint.
        names: Its names, and what became of them.
        renamed: Whether the state dict was made anew, which loses its versions.
    """
    assert model.trace is not None
    assert file.checkpoint is not None
    assert file.choice is not None
    section = file.choice.section
    # Pickled modules are asked for their state dict, which then is of today's version.
    counted = {module.path for module in file.checkpoint.modules}
    counted |= {
        each.path
        for each in file.checkpoint.versions
        if each.section == section and each.version >= _COUNTS
    }
    if renamed:
        counted = set()
    given = set(names.values())
    norms = _norms(model.trace)
    return [
        name
        for name in model.members
        if name not in given
        and name.rpartition(".")[2] == _COUNTER
        and name.rpartition(".")[0] in norms
        and name.rpartition(".")[0] not in counted
    ]


def _norms(trace: Trace) -> set[str]:
    """Paths of all BatchNorm layers, also where a module that was met before is registered again."""
    norms = {module.path for module in trace.modules if "_NormBase" in module.bases}
    for module in trace.modules:
        if module.alias_of is not None:
            start = f"{module.alias_of}."
            inside = {
                module.path + path[len(module.alias_of) :]
                for path in norms
                if path == module.alias_of or path.startswith(start)
            }
            norms |= inside
    return norms


def _notes(
    model: StateDict, names: Mapping[str, str], missing: Iterable[str], filled: list[str]
) -> Iterable[str]:
    given = set(names.values())
    for name in missing:
        others = model.tied.get(model.members[name].memory, ())
        there = next((each for each in others if each in given), None)
        if there is not None:
            yield f"{name} is tied to {there}, which is in the file: strict=False loses nothing"
    if filled:
        more = f" and {len(filled) - 1:,} more" if len(filled) > 1 else ""
        yield f"{filled[0]}{more}: not in the file, and filled in by BatchNorm, as for an old version"


def _parts(file: StateDict) -> list[str]:
    """Keys of the dictionaries below the chosen one that hold its tensors, if all are in such."""
    assert file.checkpoint is not None
    assert file.choice is not None
    section = file.choice.section
    inner = {file.checkpoint.tensors[member.number].section for member in file.members.values()}
    start = f"{section}." if section else ""
    if section in inner:
        return []
    return [each[len(start) :] for each in dict.fromkeys(sorted(inner))]


def _other_keys(file: StateDict) -> list[str]:
    """Keys of the state dict whose values are no tensors: numbers, and other dictionaries."""
    assert file.checkpoint is not None
    assert file.choice is not None
    checkpoint, section = file.checkpoint, file.choice.section
    if checkpoint.format not in TORCH or checkpoint.modules or _parts(file):
        return []
    start = f"{section}." if section else ""
    inside = [each.name for each in checkpoint.metadata if each.name.startswith(start)]
    keys = [name[len(start) :] for name in inside]
    # A dot may belong to a key, or stand between two: only what has none is sure to be one here.
    found = dict.fromkeys(key for key in keys if "." not in key)
    below = [each.section for each in checkpoint.tensors if each.section.startswith(start)]
    found |= dict.fromkeys(each[len(start) :].partition(".")[0] for each in below if each != section)
    return [key for key in found if key and key not in file.members]
