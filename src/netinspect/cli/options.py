"""Options that commands share, each declared once.

A command takes groups of options as records. `app.py` passes each command to
`option_groups.expand`, which turns the fields of its groups into the flat signature that Typer reads.
"""

from __future__ import annotations

from contextvars import ContextVar
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from netinspect.cli.completion import complete_target
from netinspect.cli.completion_values import (
    complete_columns,
    complete_module,
    complete_sort_key,
    complete_tensor_mode,
)
from netinspect.cli.help import SORT_KEYS
from netinspect.cli.model_args import read_model_args
from netinspect.records.base import record
from netinspect.rendering.formats import COMMON_FORMATS, SUFFIXES, Format
from netinspect.settings import Settings

SETTINGS: ContextVar[Settings] = ContextVar("settings", default=Settings())  # noqa: B039
"""Settings of the project, read once before any command."""

MODEL_PANEL = "Model and input"
"""Title of the options of the model and its input in the help."""

OUTPUT_PANEL = "Output"


def _target(others: str = "") -> Any:
    return typer.Argument(
        metavar="[TARGET]",
        help="A sample (lenet), file.py:Class, package.module:Class, timm:resnet50 (torchvision:, "
        f"transformers: and diffusers: too){others}. Of a Python file, its definitions are run. "
        "Default: the project's setting, else lenet.",
        autocompletion=complete_target,
        show_default=False,
    )


TargetArgument = Annotated[str | None, _target(", or a saved trace (- for stdin)")]
LiveTargetArgument = Annotated[str | None, _target()]
TargetOrFileArgument = Annotated[
    str | None, _target(", a saved trace, or a checkpoint (a file, a folder, hf:org/name, - for stdin)")
]
ModuleArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="[MODULE]",
        help="Dotted path of a submodule, such as layer1.0.conv1. Default: the model itself.",
        autocompletion=complete_module,
        show_default=False,
    ),
]
DepthOption = Annotated[
    int | None,
    typer.Option(
        "--depth",
        "-d",
        metavar="N",
        min=0,
        envvar="NETINSPECT_DEPTH",
        help="Deepest level; 0 for all.",
    ),
]
NoFoldOption = Annotated[bool, typer.Option("--no-fold", help="Show each of several identical blocks.")]
IncludeOption = Annotated[
    list[str] | None,
    typer.Option("--include", metavar="GLOB", help="Keep only matching paths; repeatable."),
]
ExcludeOption = Annotated[
    list[str] | None,
    typer.Option("--exclude", metavar="GLOB", help="Leave matching paths out; repeatable."),
]
SortOption = Annotated[
    str | None,
    typer.Option("--sort", metavar="KEY", help=f"{SORT_KEYS}.", autocompletion=complete_sort_key),
]
TopOption = Annotated[
    int | None,
    typer.Option(
        "--top", metavar="N", min=0, help="Keep only the N largest rows, by --sort; 0 for all."
    ),
]


SymbolicOption = Annotated[
    list[str] | None,
    typer.Option(
        "--symbolic",
        metavar="NAME",
        envvar="NETINSPECT_SYMBOLIC",
        help="Replace an input size by a symbol; shapes and costs become expressions: batch, seq, "
        "height, width, or a dimension such as points=x:2; repeatable.",
        rich_help_panel=MODEL_PANEL,
    ),
]
OnlineOption = Annotated[
    bool,
    typer.Option(
        "--online",
        envvar="NETINSPECT_ONLINE",
        help="Let a model's configuration, or the headers of a checkpoint (hf:org/name), be fetched "
        "from the hub; weights never are.",
        rich_help_panel=MODEL_PANEL,
    ),
]


ColumnsOption = Annotated[
    str | None,
    typer.Option(
        "--columns",
        metavar="A,B",
        help="Columns to show, in this order, or all; a wrong name lists them.",
        autocompletion=complete_columns,
        rich_help_panel=OUTPUT_PANEL,
    ),
]


class Color(StrEnum):
    """Values of `--color`."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


@record
class ModelOptions:
    """Options that build the model and choose its inputs."""

    input: Annotated[
        list[str] | None,
        typer.Option(
            "--input",
            "-i",
            metavar="SPEC",
            envvar="NETINSPECT_INPUT",
            help="An input, such as 10x1x28x28, x=2x3x32x32 or ids=2x16:int64:0..999; repeatable. "
            "If omitted, inputs are inferred.",
            rich_help_panel=MODEL_PANEL,
        ),
    ] = None
    inputs_from: Annotated[
        str | None,
        typer.Option(
            "--inputs-from",
            metavar="FILE:FUNCTION",
            help="Call that function for the arguments of forward.",
            rich_help_panel=MODEL_PANEL,
        ),
    ] = None
    input_file: Annotated[
        list[str] | None,
        typer.Option(
            "--input-file",
            metavar="[NAME=]FILE",
            help="Read an input: .npy, .npz, .pt or .safetensors, tensors only; repeatable.",
            rich_help_panel=MODEL_PANEL,
        ),
    ] = None
    explain_input: Annotated[
        bool,
        typer.Option(
            "--explain-input",
            help="Print on stderr how the inputs were chosen.",
            rich_help_panel=MODEL_PANEL,
        ),
    ] = False
    tensors: Annotated[
        str,
        typer.Option(
            "--tensors",
            metavar="MODE",
            envvar="NETINSPECT_TENSORS",
            help="Tensors to run on: auto, real, zeros (large weights are zeros that take no memory), "
            "meta (no values) or fake.",
            autocompletion=complete_tensor_mode,
            rich_help_panel=MODEL_PANEL,
        ),
    ] = "auto"
    device: Annotated[
        str | None,
        typer.Option(
            "--device",
            metavar="DEVICE",
            envvar="NETINSPECT_DEVICE",
            help="Device of real tensors: cpu or cuda[:N]. Default: cpu.",
            show_default=False,
            rich_help_panel=MODEL_PANEL,
        ),
    ] = None
    batch: Annotated[
        int | None,
        typer.Option(
            "--batch",
            "-b",
            metavar="N",
            min=0,
            envvar="NETINSPECT_BATCH",
            help="First dimension of every input.",
            rich_help_panel=MODEL_PANEL,
        ),
    ] = None
    seed: Annotated[
        int,
        typer.Option(
            "--seed",
            metavar="N",
            min=0,
            envvar="NETINSPECT_SEED",
            help="Seed of weights, inputs and dropout.",
            rich_help_panel=MODEL_PANEL,
        ),
    ] = 0
    arg: Annotated[
        list[str] | None,
        typer.Option(
            "--arg",
            metavar="NAME=VALUE",
            help="An argument of the class or factory: a Python literal, the name of a class or "
            "function where it takes one, or @FILE or @FILE:KEY.KEY for the content of a JSON, YAML or "
            "TOML file, whose dictionaries have attributes too; repeatable.",
            rich_help_panel=MODEL_PANEL,
        ),
    ] = None
    online: OnlineOption = False
    run_file: Annotated[
        bool,
        typer.Option(
            "--run-file",
            help="Run the project's files whole, whatever work they do when they are imported. Default: "
            "only definitions and what they need; processes, connections and writes are refused.",
            rich_help_panel=MODEL_PANEL,
        ),
    ] = False
    train: Annotated[
        bool,
        typer.Option("--train", help="Run in train mode, not eval mode.", rich_help_panel=MODEL_PANEL),
    ] = False
    call: Annotated[
        str,
        typer.Option(
            "--call",
            metavar="METHOD",
            help="Method of the model to run, such as encode. Its hooks apply to forward only.",
            rich_help_panel=MODEL_PANEL,
        ),
    ] = "forward"
    cache: Annotated[
        bool,
        typer.Option(
            "--cache/--no-cache",
            envvar="NETINSPECT_CACHE",
            help="Reuse a cached trace if nothing has changed, and cache this one.",
            rich_help_panel=MODEL_PANEL,
        ),
    ] = True
    save: Annotated[
        Path | None,
        typer.Option(
            "--save",
            metavar="FILE",
            readable=False,
            help="Save the full trace to FILE; most commands accept it as TARGET. - writes it to "
            "stdout, instead of the view.",
            rich_help_panel=OUTPUT_PANEL,
        ),
    ] = None
    watch: Annotated[
        bool,
        typer.Option(
            "--watch",
            help="On a terminal: run again when a file changes that the run has read.",
            rich_help_panel=OUTPUT_PANEL,
        ),
    ] = False
    typed: frozenset[str] = frozenset()
    """Names of the options typed on the command line, not taken from settings."""

    @property
    def asks_to_run(self) -> bool:
        """True if an option was given that only a forward uses."""
        return bool(self.inputs_from or self.input_file or self.explain_input)

    def model_args(self) -> dict[str, Any]:
        """Return the `--arg` entries as values, by name.

        Raises:
            UsageError: One has no name.
        """
        return read_model_args(self.arg or ())


@record
class OutputOptions:
    """Options of the output."""

    format: Annotated[
        Format | None,
        typer.Option(
            "--format",
            "-f",
            metavar="NAME",
            envvar="NETINSPECT_FORMAT",
            help=f"{', '.join(COMMON_FORMATS)}. Default: rich on a terminal, plain in a pipe.",
            show_default=False,
            rich_help_panel=OUTPUT_PANEL,
        ),
    ] = None
    json: Annotated[
        bool, typer.Option("--json", help="Short for --format json.", rich_help_panel=OUTPUT_PANEL)
    ] = False
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            readable=False,
            help=f"Write to FILE; the suffix selects the format: {' '.join(SUFFIXES)} .txt",
            rich_help_panel=OUTPUT_PANEL,
        ),
    ] = None
    exact: Annotated[
        bool,
        typer.Option(
            "--exact",
            help="Exact numbers, 4,089,184,256 instead of 4.089 G.",
            rich_help_panel=OUTPUT_PANEL,
        ),
    ] = False
    color: Annotated[
        Color,
        typer.Option(
            "--color",
            metavar="WHEN",
            envvar="NETINSPECT_COLOR",
            help="auto, always or never. Respects NO_COLOR and FORCE_COLOR; always implies "
            "--format rich.",
            rich_help_panel=OUTPUT_PANEL,
        ),
    ] = Color.AUTO
    width: Annotated[
        int | None,
        typer.Option(
            "--width",
            metavar="N",
            min=20,
            envvar="NETINSPECT_WIDTH",
            help="Cells on a line; implies --format rich, unless it is html or svg.",
            rich_help_panel=OUTPUT_PANEL,
        ),
    ] = None
    no_pager: Annotated[
        bool,
        typer.Option(
            "--no-pager", help="Print long output without a pager.", rich_help_panel=OUTPUT_PANEL
        ),
    ] = False
    quiet: Annotated[
        bool,
        typer.Option("--quiet", "-q", help="Print only errors on stderr.", rich_help_panel=OUTPUT_PANEL),
    ] = False
    verbose: Annotated[
        bool,
        typer.Option("--verbose", "-v", help="Print details on stderr.", rich_help_panel=OUTPUT_PANEL),
    ] = False
    debug: Annotated[
        bool,
        typer.Option(
            "--debug",
            envvar="NETINSPECT_DEBUG",
            help="Show the traceback of an error.",
            rich_help_panel=OUTPUT_PANEL,
        ),
    ] = False
    typed: frozenset[str] = frozenset()
    """Names of the options typed on the command line, not taken from settings."""


def depth_or_all(depth: int | None) -> int | None:
    """Return None for 0, which means no limit on the command line."""
    return depth or None
