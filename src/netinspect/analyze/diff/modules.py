"""Modules of two models that are of another class, or were made with other facts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from netinspect.analyze.diff.pairing import Pairing
from netinspect.records.modules import Module
from netinspect.records.reports.diff import ModuleChange
from netinspect.records.trace import Trace


def compare_modules(a: Trace, b: Trace, pairing: Pairing) -> Iterator[ModuleChange]:
    """Compare the modules of two models; those that were renamed are found by their tensors.

    The models themselves are not compared: their classes stand in the head of the report.
    """
    ones = {module.path: module for module in a.modules if module.alias_of is None}
    others = {module.path: module for module in b.modules if module.alias_of is None}
    partner = _partners(ones, others, pairing)
    taken = set(partner.values())
    filled, filled_other = _above_tensors(a), _above_tensors(b)
    for path, module in ones.items():
        other = others.get(partner[path]) if path in partner else None
        if not path:
            continue
        if other is None:
            if path not in filled and _parent(path) in partner:
                yield _change("removed", module, None)
        elif (module.class_name, module.extra) != (other.class_name, other.extra):
            yield _change("changed", module, other)
    for path, module in others.items():
        if path and path not in taken and path not in filled_other and _parent(path) in taken:
            yield _change("added", None, module)


def _partners(
    ones: Mapping[str, Module], others: Mapping[str, Module], pairing: Pairing
) -> dict[str, str]:
    """Map paths of `a` to those of `b`: by the tensors in them, else as their parents."""
    told: dict[str, str] = {}
    for old, new, _ in pairing.pairs:
        path, partner = _parent(old), _parent(new)
        while path not in told and path in ones and partner in others:
            told[path] = partner
            if path.rpartition(".")[2] != partner.rpartition(".")[2] or not path or not partner:
                break
            path, partner = _parent(path), _parent(partner)
    if ones and others:
        told.setdefault("", "")
    taken = set(told.values())
    for path in ones:
        if path in told:
            continue
        above = told.get(_parent(path))
        if above is not None:
            guess = f"{above}.{path.rpartition('.')[2]}".removeprefix(".")
            if guess in others and guess not in taken:
                told[path] = guess
                taken.add(guess)
    return told


def _parent(path: str) -> str:
    return path.rpartition(".")[0]


def _above_tensors(trace: Trace) -> set[str]:
    """Paths of all modules that hold tensors, or have modules below them that do."""
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
        old_extra=one.extra if one is not None else "",
        new_extra=other.extra if other is not None else "",
    )
