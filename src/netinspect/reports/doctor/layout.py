"""Layout of the `doctor` report."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from netinspect._utils import units
from netinspect.records.base import replace
from netinspect.rendering.document import Column, Document, line, make_table
from netinspect.reports.doctor.record import CacheFolder, Doctor, Terminal, Torch


class _Fact(NamedTuple):
    name: str
    value: str


_COLUMNS: tuple[Column[_Fact], ...] = (
    Column(key="fact", value=lambda fact: fact.name, style=lambda _: "name"),
    Column(key="value", value=lambda fact: fact.value, min_width=30, elide="middle"),
)


def lay_out(report: Doctor) -> Document:
    """Lay out the facts, one per line; for people, problems of the settings are whole, in notes."""
    table = make_table("doctor", _COLUMNS, _facts(report))
    return Document(
        title=line(("installation", "title"), ("  for a bug report: add --format markdown", "hint")),
        blocks=(replace(table, folded=table.rows[: len(table.rows) - len(report.settings_notes)]),),
        notes=tuple(line((note, "warning")) for note in report.settings_notes),
    )


def _facts(report: Doctor) -> Iterator[_Fact]:
    yield _Fact("netinspect", report.netinspect)
    yield _Fact("installed in", report.folder)
    yield _Fact("python", report.python)
    yield _Fact("executable", report.executable)
    yield _Fact("platform", report.platform)
    yield _Fact("torch", _torch(report.torch))
    yield _Fact("devices", _devices(report.torch))
    yield _Fact("GPU driver", report.gpu_driver or "none found")
    libraries = (f"{each.name} {each.version or 'not installed'}" for each in report.libraries)
    yield _Fact("libraries", ", ".join(libraries))
    for package in report.model_libraries:
        yield _Fact(package.name, package.version or "not installed")
    if report.terminal is not None:
        yield _Fact("terminal", _terminal(report.terminal))
        found = "" if report.terminal.pager_found else " (not found)"
        yield _Fact("pager", f"{report.terminal.pager or 'none'}{found}")
    given = [f"{each.name}={each.value}" for each in report.variables if each.value is not None]
    yield _Fact("variables", ", ".join(given) or "not set")
    yield _Fact("also set", ", ".join(report.set_variables) or "no variable of netinspect")
    yield _Fact("cache folder", report.cache.folder or "none")
    yield _Fact("cache", _cache(report.cache))
    for text in (*(report.settings_files or ("no settings file",)), *report.settings_notes):
        yield _Fact("settings", text)


def _torch(torch: Torch) -> str:
    return "not installed" if torch.version is None else f"{torch.version}, built for {torch.build}"


def _devices(torch: Torch) -> str:
    if torch.devices is None:
        return torch.reason or "unknown"
    return ", ".join(torch.devices) or "none"


def _terminal(terminal: Terminal) -> str:
    size = f"{terminal.columns} x {terminal.rows}" if terminal.is_terminal else "no (a pipe or a file)"
    color = "colour" if terminal.color else "no colour"
    drawn = ", drawn in ASCII" if terminal.ascii_only else ""
    links = ", hyperlinks" if terminal.hyperlinks else ""
    return f"{size}, {color}{links}, {terminal.encoding}{drawn}"


def _cache(cache: CacheFolder) -> str:
    state = "usable" if cache.problem is None else f"not usable: {cache.problem}"
    return f"{state}, entries: {cache.entries:,}, {units.size(cache.bytes)}"
