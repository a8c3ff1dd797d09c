"""Public functions about the settings and the installation."""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from netinspect.api._view import View
from netinspect.errors import UsageError, text_of
from netinspect.settings import Settings, find_settings

if TYPE_CHECKING:
    from netinspect.reports.config.record import Config
    from netinspect.reports.doctor.record import Doctor, Terminal


def config() -> View[Config]:
    """Show the settings of the command line in the current folder, each with its value and origin.

    Functions of the Python API take arguments only, and read no settings.

    Raises:
        UsageError: The settings file is not valid.
    """
    return View(list_settings(find_settings()))


def doctor(*, torch: bool = False) -> View[Doctor]:
    """Show facts about the installation, for a bug report.

    Args:
        torch: Import torch, and list the devices that it can use.
    """
    try:
        settings = find_settings()
    except UsageError as error:
        settings = Settings(notes=(error.message,))
    return View(collect(settings, torch=torch))


def list_settings(settings: Settings, typed: Mapping[str, Any] | None = None) -> Config:
    """Return the report of `config`.

    Args:
        settings: The settings that were read.
        typed: Values of options on the command line by setting.
    """
    from netinspect.reports.config.compute import SettingsFile, build_config

    parts: dict[bool, dict[str, Any]] = {True: {}, False: {}}
    for key, value in settings.values.items():
        parts[key in settings.from_user][key] = value
    files = [None if file is None else str(file) for file in (settings.file, settings.user_file)]
    return build_config(
        SettingsFile(files[0], parts[False]),
        SettingsFile(files[1], parts[True]),
        os.environ,
        typed or {},
        settings.notes,
    )


def collect(settings: Settings, *, torch: bool = False, terminal: Terminal | None = None) -> Doctor:
    """Return the report of `doctor`.

    Args:
        settings: The settings that were read.
        torch: Import torch, and list its devices.
        terminal: Standard output of the command line.
    """
    from netinspect.reports.doctor.compute import NOT_ASKED, build_doctor
    from netinspect.reports.doctor.record import CacheFolder
    from netinspect.trace_cache.store import cache_problem, cache_usage

    usage = cache_usage()
    return build_doctor(
        CacheFolder(
            folder=usage.folder, entries=usage.entries, bytes=usage.bytes, problem=cache_problem()
        ),
        settings.files,
        settings.notes,
        os.environ,
        devices=_devices() if torch else NOT_ASKED,
        terminal=terminal,
    )


def _devices() -> list[str] | str:
    """Import torch and return the devices that it can use, or why they are not known."""
    try:
        torch = importlib.import_module("torch")
        found = [f"cpu ({torch.get_num_threads()} threads)"]
        for index in range(torch.cuda.device_count()):
            facts = torch.cuda.get_device_properties(index)
            size = f"{facts.total_memory / 2**30:.0f} GiB"
            found.append(f"cuda:{index} ({facts.name}, {size}, {facts.major}.{facts.minor})")
        found += ["mps"] * torch.backends.mps.is_available()
        found += [f"xpu:{index}" for index in range(torch.xpu.device_count())]
    except Exception as error:  # a broken installation is what a bug report is about
        return f"torch failed: {text_of(error).splitlines()[0][:200]}"
    return found
