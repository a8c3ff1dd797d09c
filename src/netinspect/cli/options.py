"""The options that commands share: each declared once, with one name and meaning everywhere.

A command takes whole bundles of them, as frozen dataclasses; `expand` spreads their fields into the
flat signature that Typer reads.
"""

from __future__ import annotations

import ast
import dataclasses
import functools
import inspect
import typing
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from netinspect.cli.completion import complete_target
from netinspect.errors import UsageError
from netinspect.records.base import record
from netinspect.render.formats import Format

_INPUT = "Model and input"
_OUTPUT = "Output"

TargetArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="[TARGET]",
        help="A sample (lenet), file.py:Class, package.module:Class, or a saved trace. A Python file "
        "or package is imported, which runs it. Default: the project's setting, else lenet.",
        autocompletion=complete_target,
        show_default=False,
    ),
]
ModuleArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="[MODULE]",
        help="Dotted path of a submodule, such as layer1.0.conv1. Default: the model itself.",
        show_default=False,
    ),
]
DepthOption = Annotated[
    int | None,
    typer.Option("--depth", "-d", min=0, envvar="NETINSPECT_DEPTH", help="Deepest level; 0 for all."),
]
IncludeOption = Annotated[
    list[str] | None,
    typer.Option("--include", metavar="GLOB", help="Keep only matching paths; repeatable."),
]
ExcludeOption = Annotated[
    list[str] | None,
    typer.Option("--exclude", metavar="GLOB", help="Leave matching paths out; repeatable."),
]
TopOption = Annotated[
    int | None, typer.Option("--top", min=0, help="Keep only so many rows; 0 for all.")
]


class Color(StrEnum):
    """When to use colour."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


@record
class ModelOptions:
    """How to build the model and what to run it on."""

    input: Annotated[
        list[str] | None,
        typer.Option(
            "--input",
            "-i",
            metavar="SPEC",
            envvar="NETINSPECT_INPUT",
            help="An input, such as 10x1x28x28, x=2x3x32x32 or ids=2x16:int64:0..999; repeatable.",
            rich_help_panel=_INPUT,
        ),
    ] = None
    batch: Annotated[
        int | None,
        typer.Option(
            "--batch",
            "-b",
            min=0,
            envvar="NETINSPECT_BATCH",
            help="First dimension of every input.",
            rich_help_panel=_INPUT,
        ),
    ] = None
    seed: Annotated[
        int,
        typer.Option(
            "--seed",
            min=0,
            envvar="NETINSPECT_SEED",
            help="Seed of weights, inputs and dropout.",
            rich_help_panel=_INPUT,
        ),
    ] = 0
    arg: Annotated[
        list[str] | None,
        typer.Option(
            "--arg",
            metavar="NAME=VALUE",
            help="An argument of the class or factory, a Python literal; repeatable.",
            rich_help_panel=_INPUT,
        ),
    ] = None
    train: Annotated[
        bool,
        typer.Option("--train", help="Run in train mode, not eval mode.", rich_help_panel=_INPUT),
    ] = False

    def constructor(self) -> dict[str, Any]:
        """Read the `--arg` entries.

        Raises:
            UsageError: One has no name.
        """
        arguments: dict[str, Any] = {}
        for text in self.arg or ():
            name, equals, value = text.partition("=")
            if not equals or not name.isidentifier():
                raise UsageError(
                    f"cannot read --arg {text!r}", hint="write it like --arg num_classes=10"
                )
            try:
                arguments[name] = ast.literal_eval(value)
            except (ValueError, SyntaxError, RecursionError, MemoryError):
                arguments[name] = value  # a bare word is a string
        return arguments


@record
class OutputOptions:
    """How to show the result, and where."""

    format: Annotated[
        Format | None,
        typer.Option(
            "--format",
            "-f",
            envvar="NETINSPECT_FORMAT",
            help="Default: rich on a terminal, plain in a pipe.",
            show_default=False,
            rich_help_panel=_OUTPUT,
        ),
    ] = None
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Write there; the suffix tells the format: .json .csv .md .tsv .txt",
            rich_help_panel=_OUTPUT,
        ),
    ] = None
    save: Annotated[
        Path | None,
        typer.Option(
            "--save",
            metavar="FILE",
            help="Also keep the whole look as a file, which every command takes as its target.",
            rich_help_panel=_OUTPUT,
        ),
    ] = None
    columns: Annotated[
        str | None,
        typer.Option(
            "--columns",
            metavar="A,B",
            help="Columns to show, in this order.",
            rich_help_panel=_OUTPUT,
        ),
    ] = None
    color: Annotated[
        Color,
        typer.Option(
            "--color",
            envvar="NETINSPECT_COLOR",
            help="NO_COLOR and FORCE_COLOR are heeded too.",
            rich_help_panel=_OUTPUT,
        ),
    ] = Color.AUTO
    width: Annotated[
        int | None,
        typer.Option(
            "--width",
            min=20,
            envvar="NETINSPECT_WIDTH",
            help="Cells on a line.",
            rich_help_panel=_OUTPUT,
        ),
    ] = None
    quiet: Annotated[
        bool,
        typer.Option("--quiet", "-q", help="Say nothing on stderr but errors.", rich_help_panel=_OUTPUT),
    ] = False
    verbose: Annotated[
        bool,
        typer.Option("--verbose", "-v", help="Say on stderr what was done.", rich_help_panel=_OUTPUT),
    ] = False
    debug: Annotated[
        bool,
        typer.Option(
            "--debug",
            envvar="NETINSPECT_DEBUG",
            help="Show the traceback of an error.",
            rich_help_panel=_OUTPUT,
        ),
    ] = False


def expand(command: Callable[..., None]) -> Callable[..., None]:
    """Spread a command's bundle parameters into a flat signature.

    A parameter whose annotation is a dataclass is a bundle: its fields become options, and it is built
    from them when the command is called.
    """
    hints = typing.get_type_hints(command, include_extras=True)
    flat: list[inspect.Parameter] = []
    bundles: dict[str, tuple[type, list[str]]] = {}
    for parameter in inspect.signature(command).parameters.values():
        hint = hints[parameter.name]
        if not dataclasses.is_dataclass(hint) or not isinstance(hint, type):
            flat.append(parameter.replace(annotation=hint, kind=inspect.Parameter.KEYWORD_ONLY))
            continue
        field_hints = typing.get_type_hints(hint, include_extras=True)
        fields = dataclasses.fields(hint)
        bundles[parameter.name] = (hint, [field.name for field in fields])
        flat += [
            inspect.Parameter(
                field.name,
                inspect.Parameter.KEYWORD_ONLY,
                annotation=field_hints[field.name],
                default=field.default,
            )
            for field in fields
        ]

    @functools.wraps(command)
    def run(**values: Any) -> None:
        for name, (bundle, fields) in bundles.items():
            values[name] = bundle(**{field: values.pop(field) for field in fields})
        command(**values)

    run.__signature__ = inspect.Signature(flat)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in flat}
    return run
