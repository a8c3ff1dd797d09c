"""Comparison of the modules of two models: class and constructor facts (`extra_repr`)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from netinspect.records.modules import Module
from netinspect.records.trace import Trace
from netinspect.reports.diff.pairing import Pairing, pair_names
from netinspect.reports.diff.record import ModuleChange
from netinspect.reports.diff.state_dict import model_state_dict


def compare_modules(a: Trace, b: Trace, pairing: Pairing) -> Iterator[ModuleChange]:
    """Compare the modules of two models; renamed modules are found by their tensors.

    The root modules are not compared: the header of the report shows their classes.
    """
    ones, others = _by_path(a), _by_path(b)
    partner = _partners(ones, others, pairing)
    taken = set(partner.values())
    with_tensors, with_tensors_b = _paths_with_tensors(a), _paths_with_tensors(b)
    for path, module in ones.items():
        other = others.get(partner[path]) if path in partner else None
        if not path or partner.get(path) == "":
            continue
        if other is None:
            if path not in with_tensors and _parent(path) in partner:
                yield _change("removed", module, None)
        elif (module.class_name, module.extra) != (other.class_name, other.extra):
            yield _change("changed", module, other)
    for path, module in others.items():
        if path and path not in taken and path not in with_tensors_b and _parent(path) in taken:
            yield _change("added", None, module)


def pair_modules(a: Trace, b: Trace) -> dict[str, str]:
    """Return the paths of modules in `b` by the paths of the same modules in `a`."""
    pairing = pair_names(model_state_dict(a).entries, model_state_dict(b).entries)
    return _partners(_by_path(a), _by_path(b), pairing)


def _by_path(trace: Trace) -> dict[str, Module]:
    return {module.path: module for module in trace.modules if module.alias_of is None}


def _partners(
    ones: Mapping[str, Module], others: Mapping[str, Module], pairing: Pairing
) -> dict[str, str]:
    """Map paths in `a` to paths in `b`: by the tensors below them, otherwise by their parents."""
    paths = _pair_by_tensors(ones, others, pairing)
    if ones and others:
        paths.setdefault("", "")
    taken = set(paths.values())
    for path in ones:
        above = paths.get(_parent(path))
        if path not in paths and above is not None:
            same = f"{above}.{path.rpartition('.')[2]}".removeprefix(".")
            if same in others and same not in taken:
                paths[path] = same
                taken.add(same)
    return paths


def _pair_by_tensors(
    ones: Mapping[str, Module], others: Mapping[str, Module], pairing: Pairing
) -> dict[str, str]:
    """Pair modules, innermost first, most of whose contents are paired with each other."""
    paths: dict[str, str] = {}
    taken: set[str] = set()
    level = Counter(
        (_parent(old), _parent(new))
        for old, new, _ in pairing.pairs
        if old.rpartition(".")[2] == new.rpartition(".")[2]
    )
    while level:
        of_ones, of_others = _majority(level, 0), _majority(level, 1)
        mutual = [
            (path, partner)
            for path, partner in level
            if of_ones.get(path) == partner and of_others.get(partner) == path
        ]
        for path, partner in mutual:
            if path in ones and partner in others and path not in paths and partner not in taken:
                paths[path] = partner
                taken.add(partner)
        level = Counter(
            (_parent(path), _parent(partner)) for path, partner in mutual if path and partner
        )
    return paths


def _majority(level: Mapping[tuple[str, str], int], side: int) -> dict[str, str]:
    """Map each path on a side to the path that most of its contents are paired with; omit ties."""
    best: dict[str, tuple[int, str | None]] = {}
    for pair, count in level.items():
        path, partner = pair[side], pair[1 - side]
        most = best.get(path, (0, None))
        if count > most[0]:
            best[path] = (count, partner)
        elif count == most[0]:
            best[path] = (count, None)
    return {path: partner for path, (_, partner) in best.items() if partner is not None}


def _parent(path: str) -> str:
    return path.rpartition(".")[0]


def _paths_with_tensors(trace: Trace) -> set[str]:
    """Return the paths of all modules with tensors in them or below them."""
    found: set[str] = set()
    for name in [each.name for each in trace.parameters] + [each.name for each in trace.buffers]:
        path = _parent(name)
        while path not in found:
            found.add(path)
            path = _parent(path)
    return found


def _change(change: str, one: Module | None, other: Module | None) -> ModuleChange:
    return ModuleChange(
        change=change,  # type: ignore[arg-type]
        old_path=one.path if one is not None else None,
        new_path=other.path if other is not None else None,
        old_class=one.class_name if one is not None else "",
        new_class=other.class_name if other is not None else "",
        old_extra_repr=one.extra if one is not None else "",
        new_extra_repr=other.extra if other is not None else "",
    )
