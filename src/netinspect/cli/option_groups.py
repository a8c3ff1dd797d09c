"""Option groups: dataclasses whose fields become options of a command."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import typing
from collections.abc import Callable
from typing import Any

import typer

_TYPED = "typed"


def expand(command: Callable[..., None]) -> Callable[..., None]:
    """Expand a command's option groups into a flat signature.

    A parameter whose annotation is a dataclass is a group: its fields become options, and it is built
    from them when the command is called. A field called `typed` does not become an option; it
    gets the names of the typed options.
    """
    hints = typing.get_type_hints(command, include_extras=True)
    keyword = inspect.Parameter.KEYWORD_ONLY
    flat = [inspect.Parameter("context", keyword, annotation=typer.Context)]
    bundles: dict[str, tuple[type, list[str]]] = {}
    for parameter in inspect.signature(command).parameters.values():
        hint = hints[parameter.name]
        if not dataclasses.is_dataclass(hint) or not isinstance(hint, type):
            flat.append(parameter.replace(annotation=hint, kind=keyword))
            continue
        field_hints = typing.get_type_hints(hint, include_extras=True)
        fields = dataclasses.fields(hint)
        bundles[parameter.name] = (hint, [field.name for field in fields])
        flat += [
            inspect.Parameter(
                field.name,
                keyword,
                annotation=field_hints[field.name],
                default=field.default,
            )
            for field in fields
            if field.name != _TYPED
        ]

    @functools.wraps(command)
    def run(context: typer.Context, **values: Any) -> None:
        typed = frozenset(name for name in values if _is_typed(context, name))
        for name, (bundle, fields) in bundles.items():
            values[name] = bundle(
                **{field: typed if field == _TYPED else values.pop(field) for field in fields}
            )
        command(**values)

    run.__signature__ = inspect.Signature(flat)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in flat}
    return run


def _is_typed(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"
