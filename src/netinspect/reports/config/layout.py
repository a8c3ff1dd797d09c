"""Layout of the `config` report."""

from __future__ import annotations

import os

from netinspect.rendering.document import Column, Document, Value, line, make_table
from netinspect.rendering.styles import StyleName
from netinspect.reports.config.record import Config, Setting


def _value(setting: Setting) -> Value:
    value = setting.value
    return " ".join(value) if isinstance(value, tuple) else value


def _text(setting: Setting) -> str:
    value = _value(setting)
    if value is None:
        return setting.unset or "-"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _dim_default(setting: Setting) -> StyleName:
    return "hint" if setting.origin == "default" else ""


def _set_by(setting: Setting) -> str:
    if setting.origin in ("user", "project") and setting.set_by is not None:
        return os.path.basename(setting.set_by)  # the title and the note have its folder
    return setting.set_by or "-"


_COLUMNS: tuple[Column[Setting], ...] = (
    Column(key="setting", value=lambda each: each.name, style=lambda _: "name"),
    Column(key="value", value=_value, text=_text, style=_dim_default, min_width=14),
    Column(key="origin", value=lambda each: each.origin, style=_dim_default),
    Column(
        key="set_by",
        value=lambda each: each.set_by,
        text=_set_by,
        style=_dim_default,
        hide_if_all=lambda each: each.set_by is None,
        elide="middle",
        min_width=14,
    ),
    Column(key="variable", value=lambda each: each.variable, shown=False),
    Column(key="in_file", value=lambda each: each.in_file, shown=False),
)


def lay_out(report: Config) -> Document:
    """Lay out the settings, one per line."""
    notes = [f"user settings: {report.user_file}"] * (report.user_file is not None) + [*report.notes]
    place = report.file or "no settings file of a project"
    return Document(
        title=line(("netinspect settings", "title"), (f"  {place}", "hint")),
        blocks=(make_table("config", _COLUMNS, report.settings),),
        notes=tuple(line(note) for note in notes),
    )
