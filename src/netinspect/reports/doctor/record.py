"""Record of the `doctor` report."""

from __future__ import annotations

from typing import ClassVar

from netinspect.records.base import record


@record
class Package:
    """One package, by the metadata of its installation."""

    name: str
    version: str | None
    """None if it is not installed."""


@record
class Torch:
    """The installed torch."""

    version: str | None
    """None if it is not installed."""

    build: str | None
    """Platform of the build: `cpu`, `CUDA 12.8`, `ROCm 6.3`."""

    devices: tuple[str, ...] | None
    """Devices that torch can use; None if torch was not asked, or cannot be imported."""

    reason: str | None
    """Why the devices are not known."""


@record
class Terminal:
    """Standard output, as netinspect uses it."""

    is_terminal: bool
    columns: int | None
    """Cells on a line and lines, as the terminal reports them; None if it is not a terminal."""

    rows: int | None
    color: bool
    encoding: str
    ascii_only: bool
    """Whether lines and bars are drawn in ASCII, because the encoding lacks the characters."""

    hyperlinks: bool = False
    """Whether places in source code are links."""

    pager: str | None = None
    """Command that shows long output; None if it is printed without one."""

    pager_found: bool = True
    """Whether the program of that command was found."""


@record
class CacheFolder:
    """The folder of the trace cache."""

    folder: str | None
    entries: int
    bytes: int
    problem: str | None
    """Why no trace can be cached; None if the folder is usable."""


@record
class Variable:
    """One environment variable whose value is shown."""

    name: str
    value: str | None
    """None if it is not set."""


@record
class Doctor:
    """Facts about an installation, for a bug report. The home folder is written as `~`."""

    name: ClassVar[str] = "doctor"

    netinspect: str
    folder: str
    """Folder of the installed package."""

    python: str
    executable: str
    platform: str
    cpus: int | None
    torch: Torch
    gpu_driver: str | None
    """The driver that the operating system reports; None if none was found."""

    libraries: tuple[Package, ...]
    """Libraries that netinspect needs, in addition to torch."""

    model_libraries: tuple[Package, ...]
    terminal: Terminal | None
    """None in Python, where only the caller knows how a view is shown."""

    variables: tuple[Variable, ...]
    set_variables: tuple[str, ...]
    """Names of the other variables of netinspect that are set; their values are not shown."""

    cache: CacheFolder
    settings_files: tuple[str, ...]
    settings_notes: tuple[str, ...]
    """Problems of settings files."""
