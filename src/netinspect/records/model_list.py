"""What `models` finds."""

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
    """The sample models, or those of a library: what `netinspect summary` can be reported by name."""

    name: ClassVar[str] = "models"

    samples: tuple[Sample, ...]
    library: str | None = None
    """The library that was asked for; None for the samples."""

    names: tuple[str, ...] = ()
    """The names in the library that match, as it has them."""

    total: int | None = None
    """How many names the library has in all."""
