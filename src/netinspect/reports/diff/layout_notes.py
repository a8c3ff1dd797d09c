"""Notes below the `diff` tables: counts of changes, values and the result of `load_state_dict`."""

from __future__ import annotations

from collections.abc import Iterator

from netinspect._utils import units
from netinspect.rendering.document import Line, line
from netinspect.rendering.styles import StyleName
from netinspect.reports.diff.record import Diff, DiffSide, Loading

_NAMED = 3
_VERDICTS: dict[str, StyleName] = {
    "loads": "good",
    "loads with strict=False": "warning",
    "does not load": "failed",
}


def notes(report: Diff) -> Iterator[Line]:
    """Yield what was not compared, then the counts of changes, then the result of loading."""
    for name, side in (("a", report.a), ("b", report.b)):
        yield from _side_notes(name, side)
    for each in report.open_choices:
        one = f"{each.old or '(nothing)'} > {each.new or '(nothing)'}"
        other = f"{each.other_old or '(nothing)'} > {each.other_new or '(nothing)'}"
        names = units.plural(each.names, "name")
        yield line(f"undecided: {one} and {other} explain {names} equally well")
    yield line((_counts(report), "total"))
    if report.hidden:
        yield line(f"{units.plural(report.hidden, 'differing tensor')} not shown")
    if report.values is not None:
        yield line((_values(report), "total"))
    if report.loading is not None:
        yield from _loading(report, report.loading)


def _side_notes(name: str, side: DiffSide) -> Iterator[Line]:
    if side.section_reason and side.section:
        yield line((f"{name}: comparing section {side.section!r}: {side.section_reason}", "hint"))
    for each in side.left_out:
        what = f"{units.plural(each.tensors, 'tensor')}, {units.size(each.bytes)}"
        yield line((f"{name}: not compared: {each.section or 'outside any section'}, {what}", "hint"))
    for text in side.problems:
        yield line((f"PROBLEM: {name}: {text}", "failed"))
    for text in side.warnings:
        yield line((f"note: {name}: {text}", "warning"))


def _counts(report: Diff) -> str:
    if not report.differs:
        # Values that could not be read are not known to be equal.
        compared = report.values is not None and not report.values.unknown
        what = "name, shape, dtype and values" if compared else "name, shape and dtype"
        return f"no difference: {units.plural(report.same, 'tensor')} equal in {what}"
    counts = (
        (report.added, "+", "added"),
        (report.removed, "-", "removed"),
        (report.changed, "~", "changed"),
        (report.renamed, ">", "renamed only"),
    )
    parts = [f"{units.count(count)} {mark} {word}" for count, mark, word in counts if count]
    if report.ties:
        parts.append(units.plural(len(report.ties), "tie changed", "ties changed"))
    if report.modules:
        parts.append(units.plural(len(report.modules), "module changed", "modules changed"))
    return ", ".join((*parts, f"{units.count(report.same)} the same"))


def _values(report: Diff) -> str:
    found = report.values
    assert found is not None
    parts = [f"{units.count(found.identical)} identical"]
    if found.equal:
        parts.append(f"{units.count(found.equal)} equal in value but not in bytes")
    parts.append(f"{units.count(found.changed)} changed")
    if found.reshaped:
        parts.append(f"{units.count(found.reshaped)} of different shapes")
    if found.unknown:
        parts.append(f"{units.count(found.unknown)} not compared ({found.unknown_reason})")
    text = f"values of pairs: {', '.join(parts)}"
    if found.largest:
        row = next(row for row in report.rows if row.new is not None and row.new.name == found.largest)
        largest = row.values.max_absolute if row.values is not None else None
        if largest is not None:
            text += f"; largest change {units.decimal(largest)} in {found.largest}"
    return text


def _loading(report: Diff, loading: Loading) -> Iterator[Line]:
    model, file = (report.a, report.b) if loading.model == "a" else (report.b, report.a)
    what = _what(len(loading.missing), len(loading.unexpected), len(loading.mismatched))
    text = f"load_state_dict of {model.what}, given {file.target}: {loading.verdict}{what}"
    if loading.verdict == "loads with strict=False":
        taken = model.tensors - len(loading.missing) - len(loading.created)
        text += f"; {units.count(taken)} of {units.plural(model.tensors, 'tensor')} would be loaded"
    yield line((text, _VERDICTS[loading.verdict]))
    if loading.missing:
        yield line(f"missing: {units.some(loading.missing, _NAMED)}")
    if loading.unexpected:
        yield line(f"unexpected: {units.some(loading.unexpected, _NAMED)}")
    for each in loading.mismatched[:_NAMED]:
        sizes = f"{tuple(each.checkpoint)} in the checkpoint, {tuple(each.model)} in the model"
        yield line(f"size mismatch: {each.name}: {sizes}")
    if len(loading.mismatched) > _NAMED:
        yield line(f"size mismatch: {len(loading.mismatched) - _NAMED:,} more")
    yield from map(line, loading.notes)
    mapping = loading.mapping
    if mapping is not None:
        what = _what(mapping.missing, mapping.unexpected, mapping.mismatched)
        after = "after renaming" if mapping.renamed else "after taking the state dict out of the file"
        text = f"{after}: {mapping.verdict}{what}"
        yield line((text, _VERDICTS[mapping.verdict]))


def _what(missing: int, unexpected: int, mismatched: int) -> str:
    parts = [
        f"{units.count(count)} {word}"
        for count, word in (
            (missing, "missing"),
            (unexpected, "unexpected"),
            (mismatched, "mismatched"),
        )
        if count
    ]
    return f" ({', '.join(parts)})" if parts else ""
