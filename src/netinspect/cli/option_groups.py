"""Option groups: records whose fields become options of a command."""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Callable
from typing import Any

import typer

from netinspect.cli.command_line import COMMAND_LINE, read_command_line
from netinspect.cli.options import MODEL_PANEL, OUTPUT_PANEL
from netinspect.records.base import field_names, fields, is_record

_TYPED = "typed"


def expand(command: Callable[..., None]) -> Callable[..., None]:
    """Expand a command's option groups into a flat signature.

    A parameter whose annotation is a record is a group: its fields become options, and it is built
    from them when the command is called. A field called `typed` does not become an option; it
    gets the names of the typed options.
    """
    hints = typing.get_type_hints(command, include_extras=True)
    keyword = inspect.Parameter.KEYWORD_ONLY
    flat = [inspect.Parameter("context", keyword, annotation=typer.Context)]
    bundles: dict[str, tuple[type, list[str]]] = {}
    for parameter in inspect.signature(command).parameters.values():
        hint = hints[parameter.name]
        if not is_record(hint):
            flat.append(parameter.replace(annotation=hint, kind=keyword))
            continue
        bundles[parameter.name] = (hint, list(field_names(hint)))
        flat += [
            inspect.Parameter(field.name, keyword, annotation=field.type, default=field.default)
            for field in fields(hint)
            if field.name != _TYPED
        ]

    @functools.wraps(command)
    def run(context: typer.Context, **values: Any) -> None:
        typed = frozenset(name for name in values if _is_typed(context, name))
        for name, (group, names) in bundles.items():
            values[name] = group(
                **{field: typed if field == _TYPED else values.pop(field) for field in names}
            )
        line = read_command_line(context, model=MODEL_PANEL, output=OUTPUT_PANEL)
        COMMAND_LINE.set(line)
        if context.params.get("watch"):
            from netinspect.cli.watch import accept

            accept(context.params["output"], context.params["save"], line.arguments)
        command(**values)

    run.__signature__ = inspect.Signature(flat)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in flat}
    return run


def _is_typed(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"
