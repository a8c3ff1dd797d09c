"""Help pages: plain text in groups. Examples of a command follow the line on what it does.

Typer's own rich help takes four times as long to import as the whole of Typer, and forces colour where
it sees a CI. This one is as fast as `--version`, and has no escape sequences anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from inspect import cleandoc
from typing import Any

from typer.core import TyperCommand, TyperGroup

from netinspect.api.command_names import GROUPS
from netinspect.cli.completion_values import sort_keys
from netinspect.errors import UsageError

SORT_KEYS = "SORT_KEYS"
"""Placeholder of the keys in the help of `--sort`; the reports that declare them are imported late."""


def _page_help(option: Any) -> Any:
    """Make an option `--help` show the help in the pager if it is longer than the terminal."""

    def show(context: Any, _: Any, is_given: bool) -> None:
        if is_given and not context.resilient_parsing:
            from netinspect.cli.pager import show_long

            show_long(f"{context.get_help()}\n")
            context.exit()

    if option is not None:
        option.callback = show
    return option


class GroupedCommand(TyperCommand):
    """A command whose options are listed by the panel that they were declared for."""

    def get_help_option(self, ctx: Any) -> Any:
        """Return the option `--help`."""
        return _page_help(super().get_help_option(ctx))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the words of the command; `--json` becomes `--format json`.

        Raises:
            UsageError: Another format was given too.
        """
        rest: list[str] = super().parse_args(ctx, args)
        if ctx.params.get("json"):
            source = ctx.get_parameter_source("json")
            given = ctx.params["format"]
            if ctx.get_parameter_source("format") is source and given != "json":
                raise UsageError(f"--json and --format {given} were both given", hint="omit one of them")
            ctx.params["format"] = "json"
            ctx.set_parameter_source("format", source)
        return rest

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
    """Group of all commands, listed by what they are for, before the options."""

    def get_help_option(self, ctx: Any) -> Any:
        """Return the option `--help`."""
        return _page_help(super().get_help_option(ctx))

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the commands, then the options."""
        self.format_commands(ctx, formatter)
        records = [parameter.get_help_record(ctx) for parameter in self.get_params(ctx)]
        with formatter.section("Options"):
            formatter.write_dl([record for record in records if record is not None])

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write one section for each group of commands, all with the same indentation."""
        width = max(map(len, self.commands))
        for group, names in {**GROUPS, "tool": (*GROUPS["tool"], "help")}.items():
            with formatter.section(group.capitalize()):
                formatter.write_dl(
                    [(f"{name:<{width}}", self.commands[name].get_short_help_str(70)) for name in names]
                )


def with_examples(command: Callable[..., None], examples: Sequence[tuple[str, str]]) -> str:
    """Return the docstring of a command with its examples after the first paragraph."""
    about, *rest = cleandoc(command.__doc__ or "").split("\n\n")
    return "\n\n".join([about, format_examples(examples), *rest])


def format_examples(examples: Sequence[tuple[str, str]]) -> str:
    """Format the examples of a help page, one per line with its meaning."""
    width = max(len(command) for command, _ in examples)
    # A line with a backspace alone makes the formatter keep the lines of the paragraph.
    lines = ["\b", "Examples:"]
    lines += [f"  {command:<{width}}  {meaning}" for command, meaning in examples]
    return "\n".join(lines)
