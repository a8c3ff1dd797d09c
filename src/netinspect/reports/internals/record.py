"""What `internals` finds."""

from __future__ import annotations

from typing import ClassVar

from netinspect.records.base import record
from netinspect.records.modules import Attribute, Hook
from netinspect.records.report_header import ReportHeader


@record
class DictionaryEntry:
    """One entry of a dictionary inside a module."""

    key: str
    text: str


@record
class Dictionary:
    """One attribute of a module that holds entries."""

    name: str
    entries: tuple[DictionaryEntry, ...]


@record
class CallStage:
    """One stage of what `__call__` does, in order."""

    stage: str
    name: str
    place: str | None


@record
class Internals:
    """What one `nn.Module` holds."""

    name: ClassVar[str] = "internals"

    header: ReportHeader
    path: str
    class_name: str
    class_path: str
    bases: tuple[str, ...]
    training: bool
    dictionaries: tuple[Dictionary, ...]
    hooks: tuple[Hook, ...]
    attributes: tuple[Attribute, ...]
    call_order: tuple[CallStage, ...]
