"""Prediction of `load_state_dict` between a model and a checkpoint, from names and shapes alone.

Source: `Module.load_state_dict` and `Module._load_from_state_dict`. With `strict=True` all names must be
equal; with `strict=False` names may be missing or unexpected. Shapes must be equal in any case, except
that a vector may be loaded into a scalar. Dtypes are converted. Hooks and overrides of a class are not
known here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from netinspect._utils import units
from netinspect.records.named_tensors import NamedTensor
from netinspect.records.trace import Trace
from netinspect.reports.diff.mapping import TORCH_FORMATS, load_lines, rename_snippet
from netinspect.reports.diff.pairing import Pairing
from netinspect.reports.diff.record import Loading, Mismatch
from netinspect.reports.diff.record import Mapping as NewNames
from netinspect.reports.diff.state_dict import StateDict, is_sized

Verdict = Literal["loads", "loads with strict=False", "does not load"]

_COUNTER = "num_batches_tracked"
_COUNTER_VERSION = 2
"""Version of BatchNorm that introduced the counter."""


def build_loading(a: StateDict, b: StateDict, pairing: Pairing) -> Loading | None:
    """Return the result of loading the checkpoint into the model; None for two of the same kind."""
    if (a.trace is None) == (b.trace is None):
        return None
    model, file = (a, b) if a.trace is not None else (b, a)
    names = {name: name for name in file.entries}
    created = _created(model, file, names, renamed=False)
    missing, unexpected, mismatched = _compare_names(model, file, names, created)
    others = _other_keys(file)
    return Loading(
        model="a" if model is a else "b",
        verdict=_verdict(missing, [*unexpected, *others], mismatched),
        missing=tuple(missing),
        unexpected=(*unexpected, *others),
        mismatched=tuple(mismatched),
        created=tuple(created),
        notes=tuple(_notes(model, names, missing, created)),
        mapping=_mapping(model, file, pairing, model_is_a=file is b, others=bool(others)),
    )


def _mapping(
    model: StateDict, file: StateDict, pairing: Pairing, *, model_is_a: bool, others: bool
) -> NewNames | None:
    """Return code that renames the checkpoint's tensors to the model's names.

    Args:
        model: The model.
        file: The checkpoint.
        pairing: Which names are the same tensor.
        model_is_a: Whether pairs lead from the model to the checkpoint.
        others: Whether the state dict also holds values that are not tensors.

    Returns:
        None if renaming changes nothing.
    """
    assert file.checkpoint is not None
    assert file.choice is not None
    pairs = {new: old for old, new, _ in pairing.pairs}
    rules = [rule.inverse for rule in reversed(pairing.rules)]
    if not model_is_a:
        pairs, rules = {old: new for new, old in pairs.items()}, list(pairing.rules)
    section, parts = file.choice.section, _nested_keys(file)
    snippet = rename_snippet(list(file.entries), pairs, rules)
    renames = any(old != new for old, new in pairs.items())
    is_module = any(each.path == section for each in file.checkpoint.modules)
    if snippet is None or not (renames or section or parts or others or is_module):
        return None
    created = _created(model, file, snippet.names, renamed=bool(snippet.lines) or others)
    problems = _compare_names(model, file, snippet.names, created)
    verdict = _verdict(*problems)
    lines = [*load_lines(file.checkpoint, section, parts, others=others), *snippet.lines]
    if verdict != "does not load":
        strict = "" if verdict == "loads" else ", strict=False"
        lines.append(f"model.load_state_dict(state_dict{strict})")
    return NewNames(
        lines=tuple(lines),
        renamed=sum(old != new for old, new in snippet.names.items()),
        verdict=verdict,
        missing=len(problems[0]),
        unexpected=len(problems[1]),
        mismatched=len(problems[2]),
    )


def _compare_names(
    model: StateDict, file: StateDict, names: Mapping[str, str], created: Iterable[str]
) -> tuple[list[str], list[str], list[Mismatch]]:
    """Return the missing, unexpected and mismatched names of a checkpoint whose tensors are renamed."""
    given = {became: file.entries[name] for name, became in names.items()}
    known = set(created)
    missing = [name for name in model.entries if name not in given and name not in known]
    unexpected = [name for name in given if name not in model.entries]
    mismatched = [
        Mismatch(name=name, checkpoint=given[name].shape, model=entry.shape)
        for name, entry in model.entries.items()
        if name in given and not _fits(given[name], entry)
    ]
    return missing, unexpected, mismatched


def _fits(given: NamedTensor, wanted: NamedTensor) -> bool:
    # A lazy layer accepts any size. Scalars were vectors before torch 0.4 and still load.
    return (
        given.shape == wanted.shape
        or not is_sized(wanted)
        or (not wanted.shape and len(given.shape) == 1)
    )


def _verdict(missing: list[str], unexpected: list[str], mismatched: list[Mismatch]) -> Verdict:
    if mismatched:
        return "does not load"
    return "loads with strict=False" if missing or unexpected else "loads"


def _created(model: StateDict, file: StateDict, names: Mapping[str, str], *, renamed: bool) -> list[str]:
    """Return the counters that BatchNorm creates if the state dict is of a version without them.

    Args:
        model: The model.
        file: The checkpoint.
        names: Its names, mapped to the new ones.
        renamed: Whether the state dict is rebuilt by Python code, which drops its versions.
    """
    assert model.trace is not None
    assert file.checkpoint is not None
    assert file.choice is not None
    section = file.choice.section
    # A pickled module creates its own state dict, always of the current version.
    counted = {module.path for module in file.checkpoint.modules}
    counted |= {
        each.path
        for each in file.checkpoint.versions
        if each.section == section and each.version >= _COUNTER_VERSION
    }
    if renamed:
        counted = set()
    given = set(names.values())
    norms = _batch_norm_paths(model.trace)
    return [
        name
        for name in model.entries
        if name not in given
        and name.rpartition(".")[2] == _COUNTER
        and name.rpartition(".")[0] in norms
        and name.rpartition(".")[0] not in counted
    ]


def _batch_norm_paths(trace: Trace) -> set[str]:
    """Return the paths of all BatchNorm layers, with those of modules registered again."""
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
    model: StateDict, names: Mapping[str, str], missing: Iterable[str], created: list[str]
) -> Iterable[str]:
    given = set(names.values())
    for name in missing:
        others = model.tied.get(model.entries[name].identity, ())
        there = next((each for each in others if each in given), None)
        if there is not None:
            yield f"{name} is tied to {there}, which is in the file: strict=False loses nothing"
    if created:
        yield f"{units.some(created, 1)}: not in the file; BatchNorm creates it, as for older versions"


def _nested_keys(file: StateDict) -> list[str]:
    """Return the keys of inner dictionaries that hold the tensors, if all tensors are in such."""
    assert file.checkpoint is not None
    assert file.choice is not None
    section = file.choice.section
    inner = {each.stored.section for each in file.entries.values() if each.stored is not None}
    start = f"{section}." if section else ""
    if section in inner:
        return []
    return [each[len(start) :] for each in dict.fromkeys(sorted(inner))]


def _other_keys(file: StateDict) -> list[str]:
    """Return the keys of the state dict whose values are numbers or dictionaries, not tensors."""
    assert file.checkpoint is not None
    assert file.choice is not None
    checkpoint, section = file.checkpoint, file.choice.section
    if checkpoint.format not in TORCH_FORMATS or checkpoint.modules or _nested_keys(file):
        return []
    start = f"{section}." if section else ""
    inside = [each.name for each in checkpoint.metadata if each.name.startswith(start)]
    keys = [name[len(start) :] for name in inside]
    # A dot may be part of a key or a separator: only a key without dots is certain.
    found = dict.fromkeys(key for key in keys if "." not in key)
    below = [each.section for each in checkpoint.tensors if each.section.startswith(start)]
    found |= dict.fromkeys(each[len(start) :].partition(".")[0] for each in below if each != section)
    return [key for key in found if key and key not in file.entries]
