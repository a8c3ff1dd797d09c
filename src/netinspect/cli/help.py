"""Help pages: plain text in groups, examples last, where the eye is.

Typer's own rich help takes four times as long to import as the whole of Typer, and forces colour where
it sees a CI. This one is as fast as `--version`, and has no escape sequences anywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from typer.core import TyperCommand, TyperGroup

from netinspect.cli.completion import sort_keys

SORT_KEYS = "SORT_KEYS"
"""Placeholder of the keys in the help of `--sort`; the reports that declare them are imported late."""


class GroupedCommand(TyperCommand):
    """A command whose options are listed by the panel that they were declared for."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write one section for each panel, the command's own options first."""
        sections: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": []}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is None:
                continue
            default = "Arguments" if parameter.param_type_name == "argument" else "Options"
            panel = getattr(parameter, "rich_help_panel", None) or default
            text = _readable(record[1])
            if SORT_KEYS in text:
                text = text.replace(SORT_KEYS, ", ".join(sort_keys(self.name or "")))
            sections.setdefault(panel, []).append((record[0], text))
        for name, records in sections.items():
            if records:
                with formatter.section(name):
                    formatter.write_dl(records)


def _readable(text: str) -> str:
    """Format the limits of a number for people; omit that it is not negative."""
    text = text.replace("; x>=0]", "]").replace("  [x>=0]", "")
    return text.replace("x>=", "at least ")


class OrderedGroup(TyperGroup):
    """Group of all commands, listed before the options."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the commands, then the options."""
        self.format_commands(ctx, formatter)
        records = [parameter.get_help_record(ctx) for parameter in self.get_params(ctx)]
        with formatter.section("Options"):
            formatter.write_dl([record for record in records if record is not None])


def epilog(examples: Sequence[tuple[str, str]], *further: str) -> str:
    """Format the examples of a help page, one per line with its meaning."""
    width = max(len(command) for command, _ in examples)
    # A line with a backspace alone makes the formatter keep the lines of the paragraph.
    lines = ["\b", "Examples:"]
    lines += [f"  {command:<{width}}  {meaning}" for command, meaning in examples]
    return "\n\n".join(["\n".join(lines), *further])
