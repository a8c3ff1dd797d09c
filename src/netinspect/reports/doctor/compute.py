"""Facts about the installation, collected without importing torch."""

from __future__ import annotations

import os
import platform
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from netinspect._utils.installed import package_version, torch_build
from netinspect._utils.own_folders import PACKAGE
from netinspect.records.base import replace
from netinspect.reports.doctor.record import (
    CacheFolder,
    Doctor,
    Package,
    Terminal,
    Torch,
    Variable,
)
from netinspect.version import __version__

NOT_ASKED = "not asked: torch is not imported"
"""Why the devices are not known, unless torch is to be imported."""

_LIBRARIES = ("rich", "typer", "msgspec")
_MODEL_LIBRARIES = ("torchvision", "timm", "transformers", "diffusers")
_VARIABLES = ("TERM", "NO_COLOR", "FORCE_COLOR")


def build_doctor(
    cache: CacheFolder,
    settings_files: Sequence[Path],
    settings_notes: Sequence[str],
    environment: Mapping[str, str],
    *,
    devices: Sequence[str] | str = NOT_ASKED,
    terminal: Terminal | None = None,
) -> Doctor:
    """Collect the facts; the home folder is written as `~` in all of them.

    Args:
        cache: The cache folder.
        settings_files: The settings files that were read.
        settings_notes: Problems of settings files.
        environment: Environment variables.
        devices: Devices that torch can use, or why they are not known.
        terminal: Standard output of the command line.
    """
    build = torch_build()
    known = not isinstance(devices, str)
    return Doctor(
        netinspect=__version__,
        folder=without_home(str(PACKAGE)),
        python=f"{platform.python_version()} ({platform.python_implementation()})",
        executable=without_home(sys.executable or ""),
        platform=platform.platform(),
        cpus=os.cpu_count(),
        torch=Torch(
            version=None if build is None else build.version,
            build=None if build is None else build.build,
            devices=tuple(devices) if known else None,
            reason=None if known else without_home(str(devices)),
        ),
        gpu_driver=_gpu_driver(),
        libraries=_packages(_LIBRARIES),
        model_libraries=_packages(_MODEL_LIBRARIES),
        terminal=terminal,
        variables=tuple(
            Variable(name=name, value=None if (value := environment.get(name)) is None else value[:80])
            for name in _VARIABLES
        ),
        set_variables=tuple(sorted(each for each in environment if each.startswith("NETINSPECT_"))),
        cache=replace(
            cache,
            folder=None if cache.folder is None else without_home(cache.folder),
            problem=None if cache.problem is None else without_home(cache.problem),
        ),
        settings_files=tuple(without_home(str(file)) for file in settings_files),
        settings_notes=tuple(map(without_home, settings_notes)),
    )


def without_home(text: str) -> str:
    """Replace the home folder by `~` wherever it begins a path: its name is often that of a person."""
    home = os.path.expanduser("~")
    for folder in dict.fromkeys((home, os.path.realpath(home))):
        if os.path.isabs(folder) and folder != os.path.dirname(folder):
            text = re.sub(rf"(?<![\w/.~-]){re.escape(folder)}(?![\w.-])", "~", text)
    return text


def _packages(names: Sequence[str]) -> tuple[Package, ...]:
    return tuple(Package(name=name, version=package_version(name)) for name in names)


def _gpu_driver() -> str | None:
    """Return the driver of GPUs by the files of the operating system; Linux only."""
    try:
        text = Path("/proc/driver/nvidia/version").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "AMD (/dev/kfd)" if os.path.exists("/dev/kfd") else None
    found = re.search(r"\b\d+\.\d+(?:\.\d+)?\b", text)
    return f"NVIDIA {found[0]}" if found else "NVIDIA"
