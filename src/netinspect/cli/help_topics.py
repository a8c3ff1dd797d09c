"""`netinspect help`: the help page of a command, or a topic on one screen."""

from __future__ import annotations

from typing import Annotated

import typer

from netinspect.api.command_names import COMMANDS
from netinspect.cli.pager import show_long
from netinspect.errors import UsageError, suggestion

EXAMPLES = (
    ("netinspect help summary", "as netinspect summary --help"),
    ("netinspect help targets", "what a TARGET can be"),
)

TOPICS = {
    "targets": """\
A TARGET is one of:

  lenet                      a sample model; netinspect models lists them
  net.py, net.py:Net         a class, a function that returns a model, or an
                             instance, in a Python file
  package.module:Net         the same in an importable package
  timm:resnet50              a model of torchvision:, timm:, transformers: or
                             diffusers: (netinspect models timm: lists them)
  transformers:FOLDER        a folder with a config.json, also of diffusers:
  model.safetensors, FOLDER  a checkpoint, for summary, params, tree, diff and
                             globals
  hf:org/name                a checkpoint on the hub, with --online
  trace.json                 a trace saved with --save trace.json
  -                          a saved trace or a checkpoint on stdin

netinspect TARGET is short for netinspect summary TARGET, unless TARGET is the
name of a command. Default: the project's setting, else lenet.

A Python file is imported: its definitions, and what they need, are run.
Nothing in a checkpoint is executed. Nothing is downloaded without --online.
--arg num_classes=10 passes an argument to the class or function, and
--arg h=@config.json:model the section model of a JSON, YAML or TOML file.
Arguments that it needs and that are not given are read from the project.
""",
    "inputs": """\
If no inputs are given, they are inferred: from the file of the model
(EXAMPLE_INPUTS, or an example), its library, its forward and layers, and
short runs.
--explain-input prints how. To give them, all or some, use --input SPEC:

  1x3x224x224             float32, normally distributed, or the known dtype
  ids=2x16:int64:0..999   integers from 0 to 999, for the argument ids
  grid=1x3:int64:1,4,4    these values
  mask=2x16:bool          random booleans
  flag=scalar:bool        a tensor without dimensions
  images=3x320x320:list   a list of one such tensor
  batch.ids=2x16:int64    the key or attribute ids of the argument batch
  batch.0.ids=16:int64    the key ids of the first item of a list
  use_cache=False         True, False or None itself

  --input-file x.npy      reads .npy, .npz, .pt or .safetensors, tensors only
  --inputs-from FILE:FUNCTION
                          calls the function for the arguments of forward
  --batch 32              replaces the first dimension of every input
  --train                 runs in train mode, not eval mode
  --call encode           runs that method of the model, not forward
""",
    "formats": """\
--format selects the format of the output:

  rich      tables for people; the default on a terminal
  plain     tab-separated, one record per line, full names, exact numbers; the
            default in a pipe
  json      with a schema_version; --json is short for it
  csv       the records of plain, with commas
  markdown  a table for a README or an issue
  latex     a tabular for a paper; titles and notes are comments
  html      one page without scripts and references
  svg       a picture; of graph a drawing
  dot       of graph: for Graphviz
  mermaid   of graph: for Markdown on GitHub and GitLab
  png       of graph: an image; needs netinspect[png]

-o FILE writes to a file; the suffix selects the format: .json .csv .md
.markdown .tex .tsv .html .svg, or .txt for rich; of graph also .png .dot
.gv .mmd .mermaid.
--columns A,B selects columns; an unknown name lists all of them.
On stdout, --width N and --color always select rich if --format is omitted.

Results go to stdout, everything else to stderr.
""",
    "exit-codes": """\
The exit code is one of:

    0  success
    1  success with findings: a part of a checkpoint is missing or damaged, or
       --exit-code found differences or names
    2  wrong usage or settings, or the output could not be written completely
    3  the target could not be loaded, or does not fit into memory
    4  the model failed on the input or while it was read, or ended the process
   70  internal error of netinspect
  130  interrupted, by Ctrl-C or by code that raises KeyboardInterrupt
""",
    "environment": """\
A flag takes precedence over its variable, and that over the settings of the
project ([tool.netinspect] in pyproject.toml, or netinspect.toml).

  NETINSPECT_CONFIG    --config      NETINSPECT_FORMAT  --format
  NETINSPECT_INPUT     --input       NETINSPECT_COLOR   --color
  NETINSPECT_BATCH     --batch       NETINSPECT_WIDTH   --width
  NETINSPECT_SYMBOLIC  --symbolic    NETINSPECT_DEPTH   --depth
  NETINSPECT_SEED      --seed        NETINSPECT_DEBUG   --debug
  NETINSPECT_TENSORS   --tensors     NETINSPECT_CACHE   --cache (0: --no-cache)
  NETINSPECT_DEVICE    --device      NETINSPECT_ONLINE  --online

  NETINSPECT_PAGER  pager of long output on a terminal, else PAGER, else less;
                    cat or empty for none
  NETINSPECT_HINTS  0: no hint at a next command after a view
  NETINSPECT_STDIN_LIMIT  most bytes that the target - reads; 4GiB by default

  NO_COLOR        no colour, unless --color always
  FORCE_COLOR     colour of rich output and messages without a terminal too;
                  plain, the default in a pipe, never has any
  FORCE_HYPERLINK 1: links to source files on any terminal; 0: on none
  COLUMNS         width of the output, unless --width is given
  XDG_CACHE_HOME  folder of caches; the trace cache is netinspect in it
""",
}
"""Text of each topic, at most 23 lines of 79 characters, which fit a terminal of 80x24."""


def _complete(incomplete: str) -> list[str]:
    return [each for each in (*COMMANDS, *TOPICS) if each.startswith(incomplete)]


def command(
    context: typer.Context,
    topic: Annotated[
        str | None,
        typer.Argument(
            metavar="[COMMAND|TOPIC]",
            help=f"A command, or one of {', '.join(TOPICS)}.",
            autocompletion=_complete,
            show_default=False,
        ),
    ] = None,
) -> None:
    """Show the help of a command or topic."""
    program = context.parent
    assert program is not None
    commands = program.command.commands  # type: ignore[attr-defined]
    if topic is None:
        show_long(f"{program.get_help()}\n")
    elif topic in TOPICS:
        show_long(TOPICS[topic])
    elif topic in commands:
        page = commands[topic].make_context(topic, [], parent=program, resilient_parsing=True)
        show_long(f"{page.get_help()}\n")
    else:
        lists = f"topics: {', '.join(TOPICS)}\ncommands: {', '.join(commands)}"
        near = suggestion(topic, (*TOPICS, *commands))
        raise UsageError(f"there is no help on {topic!r}", hint=f"{near}\n{lists}" if near else lists)
