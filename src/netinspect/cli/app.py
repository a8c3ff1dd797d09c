"""Typer app: the commands and the global options."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import CompletionItem  # type: ignore[attr-defined]

from netinspect._utils.installed import torch_build
from netinspect.api.command_names import COMMANDS
from netinspect.cli import help_topics
from netinspect.cli.completion import complete_first_word
from netinspect.cli.console import print_message
from netinspect.cli.help import GroupedCommand, OrderedGroup, format_examples, with_examples
from netinspect.cli.option_groups import expand
from netinspect.cli.options import SETTINGS
from netinspect.cli.pager import show_long
from netinspect.cli.usage import LenientCommand, check_first_word, command_first
from netinspect.errors import UsageError
from netinspect.settings import PERSONAL_KEYS, Settings, find_settings, read_settings
from netinspect.version import __version__

_ABOUT = "See inside a PyTorch model: layers, shapes, parameters, every step of forward."
_EXAMPLES = (
    ("netinspect lenet", "summary of a sample model"),
    ("netinspect net.py:Net", "summary of your own"),
    ("netinspect trace net.py:Net --input 1x3x32x32", "its steps on an input"),
    ("netinspect models", "list the samples"),
)
_TOPICS = f"netinspect help TOPIC: {', '.join(help_topics.TOPICS)}."
_EXIT_CODES = (
    "Exit codes: 0 done, 1 findings, 2 wrong usage, 3 the target does not load, 4 the model fails on "
    "the input, 70 internal error, 130 interrupted."
)


_NAMES = (*COMMANDS, "help")
_ABOUT_SETTINGS = ("config", "doctor")
"""Commands that report invalid settings instead of failing."""


class _Commands(OrderedGroup):
    """Group of all commands; a first word that is not a command is the target of `summary`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the options of the group; options of a command may also precede it.

        Raises:
            UsageError: There are options of a command, but no command and no target.
        """
        if not ctx.resilient_parsing:
            args = command_first(args, self.get_params(ctx), self.commands, _NAMES)
        rest: list[str] = super().parse_args(ctx, args)
        return rest

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command of the words, its name and its arguments.

        Raises:
            UsageError: The first word is not a target, but similar to a command.
            LoadError: The first word is neither a command nor a target.
        """
        if args[0] not in _NAMES:
            if not ctx.resilient_parsing:  # as in shell completion
                check_first_word(args[0], _NAMES)
            args = ["summary", *args]
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: Any, incomplete: str) -> Any:
        """Return commands, options and targets that begin with a word."""
        found = super().shell_complete(ctx, incomplete)
        names = {each.value for each in found}
        targets = [] if incomplete.startswith("-") else complete_first_word(incomplete, self.commands)
        return found + [CompletionItem(each) for each in targets if each not in names]


def _print_version(wanted: bool) -> None:
    if wanted:
        import platform

        typer.echo(f"netinspect {__version__}")
        torch = torch_build()
        typer.echo(f"torch {torch.version if torch else 'not installed'}")
        typer.echo(f"python {platform.python_version()}")
        raise typer.Exit


def _start(
    context: typer.Context,
    config: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Read settings from this file.", envvar="NETINSPECT_CONFIG"),
    ] = None,
    no_config: Annotated[bool, typer.Option("--no-config", help="Read no settings files.")] = False,
    show_version: Annotated[
        bool,
        typer.Option(
            "--version",
            "-V",
            callback=_print_version,
            is_eager=True,
            help="Print the versions of netinspect, torch and Python.",
        ),
    ] = False,
) -> None:
    """Print the help without a command; otherwise read the settings that commands start from."""
    if context.invoked_subcommand is None:
        show_long(f"{context.get_help()}\n")
        return
    if context.resilient_parsing:
        return
    words = context.obj or ()
    asks_for_help = any(word in context.help_option_names for word in words)
    if no_config or asks_for_help or context.invoked_subcommand == "help":
        # Help is shown even if the settings are broken: users may need it to fix them.
        settings = Settings()
    else:
        try:
            settings = find_settings() if config is None else read_settings(config) or Settings()
        except UsageError as error:
            if context.invoked_subcommand not in _ABOUT_SETTINGS:
                raise
            # Its report shows the notes.
            settings = Settings(notes=tuple(filter(None, (error.message, error.hint))))
    if context.invoked_subcommand not in _ABOUT_SETTINGS and not {"-q", "--quiet"} & {*words}:
        for note in settings.notes:
            print_message(f"note: {note}")
    SETTINGS.set(settings)
    defaults = {
        key: value for key, value in settings.values.items() if key not in ("target", *PERSONAL_KEYS)
    }
    if defaults:
        context.default_map = dict.fromkeys(COMMANDS, defaults)


def build_app(words: Sequence[str] = ()) -> typer.Typer:
    """Make the app.

    Args:
        words: The command line. If it begins with a command or a target, only that command is declared,
            since the signatures of all take a third of the time of a short command.
    """
    first = words[0] if words else "-"
    every = first.startswith("-") or first == "help"
    names = COMMANDS if every else (first if first in COMMANDS else "summary",)
    app = typer.Typer(
        name="netinspect",
        add_completion=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback(
        invoke_without_command=True,
        cls=_Commands,
        subcommand_metavar="COMMAND|TARGET [ARGS]...",
        help=f"{_ABOUT}\n\n{format_examples(_EXAMPLES)}",
        epilog=f"{_TOPICS}\n\n{_EXIT_CODES}",
    )(_start)
    for name in names:
        module = importlib.import_module(f"netinspect.cli.{name}")
        kind = LenientCommand if name in _ABOUT_SETTINGS else GroupedCommand
        text = with_examples(module.command, module.EXAMPLES)
        app.command(name, cls=kind, help=text)(expand(module.command))
    text = with_examples(help_topics.command, help_topics.EXAMPLES)
    app.command("help", cls=GroupedCommand, help=text)(help_topics.command)
    return app
