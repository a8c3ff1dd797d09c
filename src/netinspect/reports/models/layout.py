"""Layout of the `models` report."""

from __future__ import annotations

from netinspect.records.model_list import FoundClass, ModelList, Sample
from netinspect.rendering.document import Column, Document, line, make_table

_COLUMNS: tuple[Column[Sample], ...] = (
    Column(key="name", value=lambda sample: sample.name, style=lambda sample: "name"),
    Column(key="description", value=lambda sample: sample.description, min_width=40),
    Column(key="input", value=lambda sample: " ".join(sample.inputs), drop=1, min_width=16),
    Column(key="class", value=lambda sample: sample.class_name, drop=2),
    Column(key="file", value=lambda sample: sample.file, shown=False),
)
_CLASS_COLUMNS: tuple[Column[FoundClass], ...] = (
    Column(
        key="target",
        value=lambda row: row.target,
        style=lambda row: "name" if row.is_top else "",
        link=lambda row: f"{row.file}:{row.line}",
    ),
    Column(key="line", value=lambda row: row.line, align="right", drop=2),
    Column(key="base", value=lambda row: _base(row), drop=1, min_width=10),
    Column(
        key="arguments",
        value=lambda row: None if row.arguments is None else " ".join(row.arguments),
        text=lambda row: "?" if row.arguments is None else " ".join(row.arguments),
        min_width=9,
    ),
    Column(key="role", value=lambda row: row.role, style=lambda row: "" if row.is_top else "hint"),
)


def lay_out(report: ModelList) -> Document:
    """Lay out models, one per line."""
    if report.library is not None:
        names = [f"{report.library}:{name}" for name in report.names]
        count = f"{len(names):,}"
        if report.total is not None and report.total != len(names):
            count += f" of {report.total:,}"
        title, rest = f"{report.library} models", f"{count}  netinspect summary {report.library}:NAME"
        return _targets(title, rest, names)
    if report.place is not None:
        return _classes(report, report.place)
    if report.found:
        targets = [*(sample.name for sample in report.samples), *report.found]
        return _targets("models", f"{len(targets):,}  netinspect summary TARGET", targets)
    return Document(
        title=line(("sample models", "title"), ("  netinspect summary NAME", "hint")),
        blocks=(make_table("models", _COLUMNS, report.samples),),
    )


def _targets(title: str, rest: str, targets: list[str]) -> Document:
    columns: tuple[Column[str], ...] = (Column(key="target", value=lambda target: target),)
    return Document(
        title=line((title, "title"), (f"  {rest}", "hint")),
        blocks=(make_table("models", columns, targets),),
    )


def _base(row: FoundClass) -> str:
    return f"builds {', '.join(row.builds)}" if row.builds else ", ".join(row.bases)


def _classes(report: ModelList, place: str) -> Document:
    models = [each for each in report.classes if each.role == "model"]
    number, ready = len(models), sum(each.arguments == () for each in models)
    counts = f"{number:,} model{'s' * (number != 1)}, {ready:,} without arguments"
    read = f"{report.files:,} file{'s' * (report.files != 1)} read, nothing run"
    return Document(
        title=line((place, "title"), (f"  {counts}; {read}", "hint")),
        blocks=(make_table("models", _CLASS_COLUMNS, report.classes),),
        notes=tuple(line((f"note: {each}", "hint")) for each in report.notes),
    )
