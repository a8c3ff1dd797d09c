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
class Samples:
    """The sample models."""

    name: ClassVar[str] = "models"

    samples: tuple[Sample, ...]
