"""Layout of the `models` report."""

from __future__ import annotations

from netinspect.records.model_list import ModelList, Sample
from netinspect.rendering.document import Column, Document, line, make_table

_COLUMNS: tuple[Column[Sample], ...] = (
    Column(key="name", value=lambda sample: sample.name, style=lambda sample: "name"),
    Column(key="description", value=lambda sample: sample.description, min_width=40),
    Column(key="input", value=lambda sample: " ".join(sample.inputs), drop=1, min_width=16),
    Column(key="class", value=lambda sample: sample.class_name, drop=2),
    Column(key="file", value=lambda sample: sample.file, shown=False),
)


def lay_out(report: ModelList) -> Document:
    """Lay out the names of models, one per line."""
    if report.library is not None:
        return _library_models(report, report.library)
    return Document(
        title=line(("sample models", "title"), ("  netinspect summary NAME", "hint")),
        blocks=(make_table("models", _COLUMNS, report.samples),),
    )


def _library_models(report: ModelList, library: str) -> Document:
    columns: tuple[Column[str], ...] = (Column(key="target", value=lambda name: f"{library}:{name}"),)
    count = f"{len(report.names):,}"
    if report.total is not None and report.total != len(report.names):
        count += f" of {report.total:,}"
    return Document(
        title=line(
            (f"{library} models", "title"), (f"  {count}  netinspect summary {library}:NAME", "hint")
        ),
        blocks=(make_table("models", columns, report.names),),
    )
