"""`netinspect config`."""

from __future__ import annotations

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
    from netinspect.api._installation import list_settings
    from netinspect.reports.config.compute import DEFAULTS

    typed = {name: getattr(output, name) for name in output.typed if name in DEFAULTS}
    show(View(list_settings(SETTINGS.get(), typed)), output, columns)
