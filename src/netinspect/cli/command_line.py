"""The command line that is being run, as typed, for commands that are derived from it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextvars import ContextVar
from enum import Enum
from typing import Any

from netinspect.records.base import record, replace

_OF_THIS_RUN = ("explain_input", "cache")
"""Options of the model that a later command does not need."""

_FILTERS = ("include", "exclude")
_VIEW = (
    "by",
    "counts",
    "depth",
    "exit_code",
    "functions",
    "inside_layers",
    "no_fold",
    "order",
    "points",
    "sort",
    "top",
    "tree",
    "whole_class",
)
"""Options that shape a view, and mostly fail or mislead with another view of the same command."""


@record
class CommandLine:
    """Words of a command line in groups, without options of the output."""

    command: str
    program: tuple[str, ...] = ()
    """Options before the command."""

    arguments: tuple[str, ...] = ()
    """Targets, and the path of a module."""

    model: tuple[str, ...] = ()
    """Options of the model and its input, which most commands accept."""

    symbols: tuple[str, ...] = ()
    """`--symbolic` options, which commands accept that need a forward."""

    filters: tuple[str, ...] = ()
    """`--include` and `--exclude`."""

    own: tuple[str, ...] = ()
    """Other options of the command itself, without those that shape the view."""

    def __str__(self) -> str:
        """Return the command line, quoted for a shell."""
        options = (*self.model, *self.symbols, *self.filters, *self.own)
        return shlex.join(("netinspect", *self.program, self.command, *self.arguments, *options))

    def followed_by(
        self,
        command: str,
        *own: str,
        arguments: tuple[str, ...] | None = None,
        symbols: bool = False,
        filters: bool = False,
    ) -> CommandLine:
        """Return another command on the same target and input.

        Args:
            command: Name of the command; the same command has the same options of its own.
            own: Further options of its own.
            arguments: Its arguments; None for the target of this command.
            symbols: Whether it accepts `--symbolic`.
            filters: Whether the filters of this command fit the other one.
        """
        is_same = command == self.command
        return replace(
            self,
            command=command,
            arguments=(self.arguments if is_same else self.arguments[:1])
            if arguments is None
            else arguments,
            symbols=self.symbols if symbols or is_same else (),
            filters=self.filters if filters else (),
            own=(*(self.own if is_same else ()), *own),
        )


COMMAND_LINE: ContextVar[CommandLine | None] = ContextVar("command_line", default=None)


def read_command_line(context: Any, *, model: str, output: str) -> CommandLine:
    """Return the typed words of a command.

    Args:
        context: The context of Typer.
        model: The panel of options of the model and its input.
        output: The panel of options of the output.
    """
    groups: dict[str, list[str]] = {
        name: [] for name in ("arguments", "model", "symbols", "filters", "own")
    }
    for parameter in context.command.params:
        if not _is_typed(context, parameter):
            continue
        value = context.params.get(parameter.name)
        if parameter.param_type_name == "argument":
            groups["arguments"].append(str(value))
            continue
        in_panel = getattr(parameter, "rich_help_panel", None)
        if in_panel == output or parameter.name in (*_OF_THIS_RUN, *_VIEW):
            continue
        if parameter.name == "symbolic":
            group = "symbols"
        elif parameter.name in _FILTERS:
            group = "filters"
        else:
            group = "model" if in_panel == model else "own"
        groups[group] += _words(parameter, value)
    program = context.parent
    words = (
        word
        for parameter in (program.command.params if program is not None else ())
        if _is_typed(program, parameter)
        for word in _words(parameter, program.params.get(parameter.name))
    )
    return CommandLine(
        command=context.command.name,
        program=tuple(words),
        **{name: tuple(typed) for name, typed in groups.items()},
    )


def _is_typed(context: Any, parameter: Any) -> bool:
    return getattr(context.get_parameter_source(parameter.name), "name", "") == "COMMANDLINE"


def _words(parameter: Any, value: Any) -> Iterator[str]:
    option = max(parameter.opts, key=len)
    if isinstance(value, bool):
        yield option if value else max(parameter.secondary_opts or parameter.opts, key=len)
        return
    for each in value if isinstance(value, (list, tuple)) else (value,):
        yield from (option, str(each.value if isinstance(each, Enum) else each))
