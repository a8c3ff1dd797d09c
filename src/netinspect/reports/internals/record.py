"""Record of `internals`: the contents of one `nn.Module`."""

from __future__ import annotations

from typing import ClassVar

from netinspect.records.base import record
from netinspect.records.modules import Attribute, Hook
from netinspect.records.report_header import ReportHeader


@record
class DictionaryEntry:
    """An entry of a dictionary inside a module."""

    key: str
    text: str
    library: bool = False
    """True for a hook that torch itself defines."""

    repeat_of: str | None = None
    """Key of the first of several identical consecutive submodules; None for the first itself."""


@record
class Dictionary:
    """A dictionary of a module, such as `_parameters`."""

    name: str
    entries: tuple[DictionaryEntry, ...]


@record
class CallStage:
    """A hook or method that `__call__` runs."""

    stage: str
    name: str
    defined_at: str | None
    library: bool = False
    """True for a hook that torch itself defines."""


@record
class Internals:
    """Contents and call order of one `nn.Module`."""

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
