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
class FoundClass:
    """One nn.Module class or factory function in a file of a project, found by reading."""

    target: str
    bases: tuple[str, ...]
    """The bases, as in the source; none for a factory."""

    arguments: tuple[str, ...] | None
    """Arguments without a default; None if a base outside the project has the constructor."""

    is_top: bool
    """Whether no other class that was found refers to it."""

    file: str
    line: int
    role: str = "model"
    """Role: `model`, `part` (another class refers to it), `loss`, `metric`, `data` or `optimizer`."""

    builds: tuple[str, ...] = ()
    """Classes that a factory builds; empty for a class."""


@record
class ModelList:
    """Models that any command accepts as its target: samples, those of libraries, classes of files."""

    name: ClassVar[str] = "models"

    samples: tuple[Sample, ...]
    library: str | None = None
    """The requested library; None for the samples."""

    names: tuple[str, ...] = ()
    """The names in the library that match the request."""

    total: int | None = None
    """Number of all names in the library."""

    found: tuple[str, ...] = ()
    """Targets in installed libraries that match a request without a library."""

    place: str | None = None
    """The requested file or folder; None without one."""

    classes: tuple[FoundClass, ...] = ()
    """The nn.Module classes and factories of the file or folder, those that build with nothing first."""

    files: int = 0
    """Number of Python files that were read."""

    notes: tuple[str, ...] = ()
    """Files that cannot be read, and limits of the search."""
