"""Layout of the `diff` report: tables of changes, renames, ties and modules, then both sides.

Marks, which colours repeat: `+` added, `-` removed, `~` changed, `>` renamed, `?` possibly renamed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from netinspect._utils import units
from netinspect.rendering.document import (
    Block,
    Cell,
    Column,
    Document,
    LaterRows,
    Lines,
    Row,
    Table,
    cell,
    line,
)
from netinspect.reports.diff.layout_counts import build_counts
from netinspect.reports.diff.layout_folded import Fold, fold, format_shape
from netinspect.reports.diff.layout_notes import notes
from netinspect.reports.diff.record import Diff, DiffRow, DiffSide, DiffTensor, ModuleChange, Rename

MARKS = {
    "added": "+",
    "removed": "-",
    "changed": "~",
    "renamed": ">",
    "perhaps": "?",
    "tied": "~",
    "untied": "~",
}
STYLES = {
    "added": "green",
    "removed": "red",
    "changed": "yellow",
    "renamed": "cyan",
    "perhaps": "dim",
    "tied": "yellow",
    "untied": "yellow",
}

_TENSORS: tuple[Column[Any], ...] = (
    Column(key="change", title=""),
    Column(key="name", title="tensor", min_width=38, elide="middle"),
    Column(key="old_name", title="before", shown=False),
    Column(key="old_shape", title="shape in a", min_width=14),
    Column(key="new_shape", title="shape in b", min_width=14),
    Column(key="old_dtype", title="dtype in a", shown=False),
    Column(key="new_dtype", title="dtype in b", shown=False),
    Column(key="size", align="right", drop=5),
    Column(key="differs", title="what differs", drop=1, min_width=16),
    Column(key="perhaps", shown=False),
)
_VALUES: tuple[Column[Any], ...] = (
    Column(key="max_absolute", title="max |b - a|", align="right"),
    Column(key="max_relative", align="right", drop=6),
    Column(key="relative_norm", align="right", drop=3),
    Column(key="cosine", align="right", drop=4),
    Column(key="differing", align="right", drop=7),
    Column(key="identical", shown=False),
)
_RENAMES: tuple[Column[Any], ...] = (
    Column(key="change", title=""),
    Column(key="old", title="name in a", min_width=16, elide="middle"),
    Column(key="new", title="name in b", min_width=16, elide="middle"),
    Column(key="names", align="right"),
    Column(key="evidence", title="evidence", drop=1, min_width=16),
)
_MODULES: tuple[Column[Any], ...] = (
    Column(key="change", title=""),
    Column(key="module", min_width=16, elide="middle"),
    Column(key="old", title="in a", min_width=20),
    Column(key="new", title="in b", min_width=20),
)
_TIES: tuple[Column[Any], ...] = (
    Column(key="change", title=""),
    Column(key="what", title="memory"),
    Column(key="names", min_width=30, elide="middle"),
)
_MOVED: tuple[Column[Any], ...] = (
    Column(key="change", title=""),
    Column(key="old", title="name in a", min_width=20, elide="middle"),
    Column(key="new", title="same values in b", min_width=20, elide="middle"),
)
_SIDES: tuple[Column[Any], ...] = (
    Column(key="side"),
    Column(key="target", min_width=16, elide="middle"),
    Column(key="what", drop=2),
    Column(key="section", title="part", min_width=10, drop=3),
    Column(key="tensors", align="right"),
    Column(key="size", align="right", drop=1),
    Column(key="bytes", align="right"),
    Column(key="dtypes", drop=4, min_width=10),
)
_MAX_RENAMES = 24
"""Maximum number of renames shown when folded; another library may rename every layer."""

_SHARED = {"tied": "shared in b only", "untied": "shared in a only"}
_EVIDENCE = {
    "structure": "modules of equal sizes",
    "shape": "unique size and last name",
    "values": "identical values",
    "guess": "a guess: shared words or order",
}


def lay_out(report: Diff) -> Document:
    """Lay out the report as a document."""
    title = line((report.a.target, "bold"), "  ->  ", (report.b.target, "bold"))
    if report.shows == "counts":
        blocks: tuple[Block, ...] = (build_counts(report), _sides(report))
        return Document(title=title, blocks=blocks, notes=tuple(notes(report)))
    tables = (_tensors, _renames, _moved, _modules, _ties, _sides)
    blocks = tuple(table(report) for table in tables)
    mapping = report.loading.mapping if report.loading is not None else None
    if mapping is not None:
        heading = "rename the tensors" if mapping.verdict == "does not load" else "load the checkpoint"
        blocks = (*blocks[:-1], Lines(name=heading, lines=mapping.lines), blocks[-1])
    return Document(title=title, blocks=blocks, notes=tuple(notes(report)))


def _tensors(report: Diff) -> Table:
    rows = LaterRows(lambda: (_tensor_row(row, report) for row in report.rows))
    folded: list[Row] | None = None
    if report.fold:
        shown = [row for row in report.rows if not _is_covered_by_rename(row, report)]
        folded = [
            _fold_row(each, report) if isinstance(each, Fold) else _tensor_row(each, report)
            for each in fold(shown, with_values=report.values is not None)
        ]
    columns: tuple[Column[Any], ...] = (
        _TENSORS if report.values is None else (*_TENSORS[:-2], *_VALUES, *_TENSORS[-2:])
    )
    if not any(_format_differences(row) for row in report.rows):
        columns = tuple(
            replace(each, shown=False) if each.key == "differs" else each for each in columns
        )
    return Table(name="tensors", columns=columns, rows=rows, folded=folded)


def _is_covered_by_rename(row: DiffRow, report: Diff) -> bool:
    return row.change == "renamed" and any(report.renames[each].names > 1 for each in row.renames)


def _tensor_row(row: DiffRow, report: Diff) -> Row:
    style = STYLES[row.change]
    either = row.new or row.old
    assert either is not None
    name = units.name(either.name)
    if row.old is not None and row.new is not None and row.old.name != row.new.name and not row.renames:
        name = f"{units.name(row.old.name)} > {units.name(row.new.name)}"
    one_name = [each for each in row.renames if report.renames[each].names == 1]
    if one_name and row.old is not None:
        name = f"{units.name(row.old.name)} > {name}"
    values = _values(row) if report.values is not None else ()
    cells = (
        cell(row.change, MARKS[row.change], style=style),
        cell(either.name, name, style=style),
        cell(row.old.name if row.old is not None else None),
        _shape(row.old, row.new),
        _new_shape(row),
        cell(row.old.dtype if row.old is not None else None),
        cell(row.new.dtype if row.new is not None else None),
        cell(either.elements, units.count(either.elements)),
        *values,
        cell(",".join(row.differs), ", ".join(_format_differences(row)) or "-"),
        cell(row.perhaps or None),
    )
    return Row(cells=cells)


def _shape(tensor: DiffTensor | None, other: DiffTensor | None) -> Cell:
    value = None if tensor is None else "x".join(map(str, tensor.shape))
    return cell(value, format_shape(tensor, other))


def _new_shape(row: DiffRow) -> Cell:
    """Return the shape in b, or a short text if it equals the shape in a."""
    shape = _shape(row.new, row.old)
    if row.old is None or row.new is None:
        return shape
    same = (row.old.shape, row.old.dtype) == (row.new.shape, row.new.dtype)
    return replace(shape, text="the same") if same else shape


def _format_differences(row: DiffRow) -> list[str]:
    """List differences other than the name; for an added or removed tensor, what it is tied to."""
    parts = [_format_difference(each, row) for each in row.differs if each != "name"]
    if row.old is None or row.new is None:
        either = row.new or row.old
        if either is not None and either.tied_to:
            parts.append(f"tied to {either.tied_to[0]}")
    return parts


def _format_difference(difference: str, row: DiffRow) -> str:
    """Format one difference; for values, include the counts of NaN."""
    if difference != "values" or row.values is None:
        return difference
    sides = ((row.values.left_nan, "a"), (row.values.right_nan, "b"))
    return ", ".join(
        [difference, *(f"{units.count(count)} NaN in {side}" for count, side in sides if count)]
    )


def _values(row: DiffRow) -> tuple[Cell, ...]:
    found = row.values
    if found is None:
        return tuple(cell(None) for _ in _VALUES)
    numbers = (found.max_absolute, found.max_relative, found.relative_norm, found.cosine)
    return (
        *(cell(each, units.decimal(each)) for each in numbers),
        cell(found.differing, "-" if found.differing is None else units.count(found.differing)),
        cell(found.identical),
    )


def _fold_row(each: Fold, report: Diff) -> Row:
    """Return one row for several tensors."""
    style = STYLES[each.change]
    empty = cell(None, "")
    return Row(
        cells=(
            cell(each.change, MARKS[each.change], style=style),
            cell(each.name, style=style),
            empty,
            cell(None, each.old),
            cell(None, each.new),
            *(empty, empty),
            cell(each.elements, units.count(each.elements)),
            *((empty,) * len(_VALUES) if report.values is not None else ()),
            cell(None, each.description),
            empty,
        )
    )


def _renames(report: Diff) -> Table:
    folded: list[Row] | None = None
    if report.fold:
        # A rename of a single tensor is shown in the table of tensors.
        shown = [each for each in report.renames if each.names > 1] + [*report.guesses]
        folded = [_rename_row(each) for each in shown[:_MAX_RENAMES]]
        if len(shown) > _MAX_RENAMES:
            rest = shown[_MAX_RENAMES:]
            more = f"{units.count(len(rest))} more (--no-fold)"
            texts = ("", more, "", units.count(sum(each.names for each in rest)), "")
            folded.append(Row(cells=tuple(cell(None, text) for text in texts), style="dim"))
    rows = tuple(map(_rename_row, (*report.renames, *report.guesses)))
    return Table(name="names", columns=_RENAMES, rows=rows, folded=folded)


def _rename_row(each: Rename) -> Row:
    change = "perhaps" if each.evidence == "guess" else "renamed"
    style = STYLES[change]
    return Row(
        cells=(
            cell(change, MARKS[change], style=style),
            cell(each.old, each.old or "(nothing)", style=style),
            cell(each.new, each.new or "(nothing)", style=style),
            cell(each.names, units.count(each.names)),
            cell(each.evidence, _evidence(each)),
        )
    )


def _evidence(rename: Rename) -> str:
    if rename.evidence != "names":
        return _EVIDENCE[rename.evidence]
    text = "prefix of names" if rename.kind == "prefix" else "same change in several names"
    return text + (f", written by {rename.written_by}" if rename.written_by else "")


def _modules(report: Diff) -> Table:
    return Table(name="modules", columns=_MODULES, rows=tuple(map(_module_row, report.modules)))


def _module_row(change: ModuleChange) -> Row:
    style = STYLES[change.change]
    path = change.new_path if change.new_path is not None else change.old_path or ""
    old = f"{change.old_class}({change.old_extra})" if change.old_class else "-"
    new = f"{change.new_class}({change.new_extra})" if change.new_class else "-"
    if change.change == "changed" and change.old_class == change.new_class:
        old, new = _only_differing(change.old_class, change.old_extra, change.new_extra)
    return Row(
        cells=(
            cell(change.change, MARKS[change.change], style=style),
            cell(path, style=style),
            cell(f"{change.old_class}({change.old_extra})" if change.old_class else None, old),
            cell(f"{change.new_class}({change.new_extra})" if change.new_class else None, new),
        )
    )


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


def _moved(report: Diff) -> Table:
    style = STYLES["renamed"]
    return Table(
        name="moved values",
        columns=_MOVED,
        rows=tuple(
            Row(
                cells=(
                    cell("moved", MARKS["renamed"], style=style),
                    cell(each.old, style=style),
                    cell(each.new, style=style),
                )
            )
            for each in report.moved
        ),
    )


def _ties(report: Diff) -> Table:
    return Table(
        name="ties",
        columns=_TIES,
        rows=tuple(
            Row(
                cells=(
                    cell(each.change, MARKS[each.change], style=STYLES[each.change]),
                    cell(each.change, _SHARED[each.change]),
                    cell(" = ".join(each.new)),
                )
            )
            for each in report.ties
        ),
    )


def _sides(report: Diff) -> Table:
    return Table(name="sides", columns=_SIDES, rows=tuple(_side_rows(report)))


def _side_rows(report: Diff) -> Iterator[Row]:
    for name, side in (("a", report.a), ("b", report.b)):
        part = ", ".join((side.section, *side.sections)) if side.sections else side.section
        yield Row(
            cells=(
                cell(name),
                cell(side.target, style="bold"),
                cell(side.what, _what(side)),
                cell(side.section or None, part or "-"),
                cell(side.tensors, units.count(side.tensors)),
                cell(side.elements, units.count(side.elements)),
                cell(side.bytes, units.size(side.bytes)),
                cell(",".join(side.dtypes), ", ".join(side.dtypes) or "-"),
            )
        )


def _what(side: DiffSide) -> str:
    return f"{side.what} (model)" if side.kind == "model" else side.what
