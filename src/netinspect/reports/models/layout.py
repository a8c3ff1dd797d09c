"""The view of `models`."""

from __future__ import annotations

from netinspect.records.model_list import ModelList
from netinspect.rendering.document import Column, Document, Row, Table, cell, line

_COLUMNS = (
    Column(key="name", title="name"),
    Column(key="description", title="what it is", least=40),
    Column(key="input", title="input", drop=1, least=16),
    Column(key="class", title="class", drop=2),
    Column(key="file", title="file", shown=False),
)


def lay_out(report: ModelList) -> Document:
    """List the models, one a line."""
    if report.library is not None:
        return _of_library(report, report.library)
    return Document(
        title=line(("sample models", "bold"), ("  netinspect summary NAME", "dim")),
        blocks=(
            Table(
                name="models",
                columns=_COLUMNS,
                rows=tuple(
                    Row(
                        cells=(
                            cell(sample.name, style="bold"),
                            cell(sample.description),
                            cell(" ".join(sample.inputs)),
                            cell(sample.class_name),
                            cell(sample.file),
                        )
                    )
                    for sample in report.samples
                ),
            ),
        ),
    )


def _of_library(report: ModelList, library: str) -> Document:
    count = f"{len(report.names):,}"
    if report.total is not None and report.total != len(report.names):
        count += f" of {report.total:,}"
    return Document(
        title=line(
            (f"{library} models", "bold"), (f"  {count}  netinspect summary {library}:NAME", "dim")
        ),
        blocks=(
            Table(
                name="models",
                columns=(Column(key="target", title="target"),),
                rows=tuple(Row(cells=(cell(f"{library}:{name}"),)) for name in report.names),
            ),
        ),
    )
