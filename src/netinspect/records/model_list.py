"""Report of the `models` command."""

from __future__ import annotations

from typing import ClassVar

from netinspect.records.base import record


@record
class Sample:
    """One sample model."""

    name: str
    class_name: str
    description: str
    inputs: tuple[str, ...]
    file: str


@record
class ModelList:
    """The sample models, or the models of a library: names that any command accepts as its target."""

    name: ClassVar[str] = "models"

    samples: tuple[Sample, ...]
    library: str | None = None
    """The requested library; None for the samples."""

    names: tuple[str, ...] = ()
    """The names in the library that match the request."""

    total: int | None = None
    """Number of all names in the library."""
