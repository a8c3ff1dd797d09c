"""`netinspect config`."""

from __future__ import annotations

import os

from netinspect.api._view import View
from netinspect.cli.options import SETTINGS, ColumnsOption, OutputOptions
from netinspect.cli.results import show

EXAMPLES = (
    ("netinspect config", "each setting with its value and origin"),
    ("netinspect --config ci.toml config", "with the settings of a file"),
    ("netinspect --no-config config", "without a settings file"),
)


def command(output: OutputOptions, columns: ColumnsOption = None) -> None:
    """Show each setting with its value and origin."""
    from netinspect.reports.config.compute import DEFAULTS, build_config

    settings = SETTINGS.get()
    typed = {name: getattr(output, name) for name in output.typed if name in DEFAULTS}
    file = None if settings.file is None else str(settings.file)
    show(View(build_config(file, settings.values, os.environ, typed)), output, columns)
