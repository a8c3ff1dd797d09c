"""Layout of the `diff` report: tables of changes, renames, ties and modules, then both sides.

Marks, which colours repeat: `+` added, `-` removed, `~` changed, `>` renamed, `?` possibly renamed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from netinspect._utils import units
from netinspect.advice import advise
from netinspect.rendering.columns import count_column, name_column, size_column
from netinspect.rendering.document import (
    Block,
    Column,
    Document,
    Lines,
    Row,
    T,
    Table,
    line,
    make_row,
    make_table,
)
from netinspect.reports.diff.layout_counts import build_counts
from netinspect.reports.diff.layout_notes import notes
from netinspect.reports.diff.layout_tensors import STYLES, build_tensors, change_column
from netinspect.reports.diff.record import (
    Diff,
    DiffSide,
    ModuleChange,
    MovedValues,
    Rename,
    TieChange,
)


def _rename_change(rename: Rename) -> str:
    return "guess" if rename.evidence == "guess" else "renamed"


def _names(change: Callable[[T], str]) -> tuple[Column[T], ...]:
    """Return the columns of a kind of change, and of an old and a new name."""

    def name(key: str) -> Column[T]:
        return name_column(
            f"{key}_name",
            lambda item: getattr(item, key),
            text=lambda item: getattr(item, key) or "(nothing)",
            style=lambda item: STYLES[change(item)],
            min_width=16,
        )

    return change_column(change), name("old"), name("new")


_RENAMES: tuple[Column[Rename], ...] = (
    *_names(_rename_change),
    count_column("names", lambda rename: rename.names),
    Column(
        key="evidence",
        value=lambda rename: rename.evidence,
        text=lambda rename: _evidence(rename),
        drop=1,
        min_width=16,
    ),
)
_MODULES: tuple[Column[ModuleChange], ...] = (
    change_column(lambda change: change.change),
    name_column(
        "module",
        lambda change: change.old_path or "" if change.new_path is None else change.new_path,
        style=lambda change: STYLES[change.change],
        min_width=16,
    ),
    Column(
        key="old",
        value=lambda change: _call(change.old_class, change.old_extra_repr),
        text=lambda change: _format_module(change)[0],
        min_width=20,
    ),
    Column(
        key="new",
        value=lambda change: _call(change.new_class, change.new_extra_repr),
        text=lambda change: _format_module(change)[1],
        min_width=20,
    ),
)
_TIES: tuple[Column[TieChange], ...] = (
    change_column(lambda tie: tie.change),
    Column(
        key="shared_in",
        value=lambda tie: "b" if tie.change == "tied" else "a",
        text=lambda tie: "b only" if tie.change == "tied" else "a only",
    ),
    Column(key="names", value=lambda tie: " = ".join(tie.new), min_width=30, elide="middle"),
)
_MOVED: tuple[Column[MovedValues], ...] = _names(lambda moved: "moved")


class _Side(NamedTuple):
    """One side and its name."""

    name: str
    side: DiffSide


_SIDES: tuple[Column[_Side], ...] = (
    Column(key="side", value=lambda row: row.name),
    name_column("target", lambda row: row.side.target, min_width=16),
    Column(
        key="type",
        value=lambda row: row.side.what,
        text=lambda row: row.side.what + (" (model)" if row.side.kind == "model" else ""),
        drop=2,
    ),
    Column(
        key="section",
        value=lambda row: row.side.section or None,
        text=lambda row: _sections(row.side),
        min_width=10,
        drop=3,
    ),
    count_column("tensors", lambda row: row.side.tensors),
    count_column("elements", lambda row: row.side.elements, drop=1),
    size_column("bytes", lambda row: row.side.bytes),
    Column(
        key="dtypes",
        value=lambda row: ",".join(row.side.dtypes),
        text=lambda row: ", ".join(row.side.dtypes) or "-",
        drop=4,
        min_width=10,
    ),
)
_MAX_RENAMES = 24
"""Maximum number of renames shown when folded; another library may rename every layer."""

_EVIDENCE = {
    "structure": "modules of equal sizes",
    "shape": "unique size and last name",
    "values": "identical values",
    "guess": "a guess: shared words or order",
}


def lay_out(report: Diff) -> Document:
    """Lay out the report as a document."""
    title = line((report.a.target, "title"), "  ->  ", (report.b.target, "title"))
    blocks: list[Block] = [build_counts(report)]
    if report.shows == "changes":
        blocks = [
            build_tensors(report),
            _renames(report),
            make_table("moved values", _MOVED, report.moved_values),
            make_table("modules", _MODULES, report.modules),
            make_table("ties", _TIES, report.ties),
        ]
        mapping = report.loading.mapping if report.loading is not None else None
        if mapping is not None:
            step = "rename the tensors" if mapping.renamed else "take the state dict out"
            heading = step if mapping.verdict == "does not load" else "load the checkpoint"
            blocks.append(Lines(name=heading, lines=mapping.lines))
    sides = (_Side("a", report.a), _Side("b", report.b))
    blocks.append(make_table("sides", _SIDES, sides))
    return Document(title=title, blocks=tuple(blocks), notes=tuple(notes(report)))


def _renames(report: Diff) -> Table:
    folded: list[Row] | None = None
    if report.fold:
        # A rename of a single tensor is shown in the table of tensors.
        shown = [each for each in report.renames if each.names > 1] + [*report.guesses]
        folded = list(make_table("", _RENAMES, shown[:_MAX_RENAMES]).rows)
        if len(shown) > _MAX_RENAMES:
            rest = shown[_MAX_RENAMES:]
            texts = {
                "old_name": advise(f"{units.count(len(rest))} more (--no-fold)"),
                "names": units.count(sum(each.names for each in rest)),
            }
            folded.append(make_row(_RENAMES, texts, "hint"))
    return make_table("names", _RENAMES, (*report.renames, *report.guesses), folded=folded)


def _evidence(rename: Rename) -> str:
    if rename.evidence != "names":
        return _EVIDENCE[rename.evidence]
    text = "prefix of names" if rename.kind == "prefix" else "same change in several names"
    return text + (f", written by {rename.written_by}" if rename.written_by else "")


def _call(class_name: str, extra: str) -> str | None:
    return f"{class_name}({extra})" if class_name else None


def _format_module(change: ModuleChange) -> tuple[str, str]:
    """Format the old and the new module."""
    if change.change == "changed" and change.old_class == change.new_class:
        return _only_differing(change.old_class, change.old_extra_repr, change.new_extra_repr)
    old = _call(change.old_class, change.old_extra_repr)
    new = _call(change.new_class, change.new_extra_repr)
    return old or "-", new or "-"


def _only_differing(name: str, old: str, new: str) -> tuple[str, str]:
    """Format two modules of one class with only the constructor facts that differ."""
    ones, others = old.split(", "), new.split(", ")
    if len(ones) != len(others):
        return f"{name}({old})", f"{name}({new})"
    apart = [(one, other) for one, other in zip(ones, others, strict=True) if one != other]
    rest = ", …" if len(apart) < len(ones) else ""
    return (
        f"{name}({', '.join(one for one, _ in apart)}{rest})",
        f"{name}({', '.join(other for _, other in apart)}{rest})",
    )


def _sections(side: DiffSide) -> str:
    return ", ".join((side.section, *side.sections)) if side.sections else side.section or "-"
