"""Keyword arguments that several public functions share, and the decorator that adds them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypedDict, TypeVar, cast

from netinspect.errors import suggestion

if TYPE_CHECKING:
    import torch

    from netinspect.api._view import View

P = ParamSpec("P")
V = TypeVar("V", bound="View[Any]")


class ViewOptions(TypedDict, total=False):
    """Options of every view."""

    columns: str | Sequence[str] | None


class InputOptions(ViewOptions, total=False):
    """Inputs of forward; see `load`."""

    kwargs: Mapping[str, Any] | None
    input_size: Any
    input_data: Any
    dtypes: Any


class ForwardOptions(InputOptions, total=False):
    """Options of a function that runs forward; see `load`."""

    inputs: str | Sequence[str]
    device: str | torch.device | None
    train: bool | None


_KEYWORD = inspect.Parameter.KEYWORD_ONLY
_FORWARD = "an argument of forward goes in kwargs, as in kwargs={{{name!r}: ...}}"
_TORCHINFO = {
    "col_names": "columns=[...] selects columns",
    "mode": "train=True runs forward in train mode",
    "verbose": "nothing is printed unless the view is",
    "col_width": "view.text(width=...) sets the width",
    "row_settings": "columns=[...] selects columns, and depth the levels",
    "batch_dim": "a size in input_size has the batch in it",
    "cache_forward_pass": "netinspect.load runs forward once, for any number of views",
}
"""Hints for arguments of `torchinfo.summary`."""


def takes(options: type) -> Callable[[Callable[P, V]], Callable[P, V]]:
    """Return a decorator for a function with `**options` that makes a view.

    The function gets all options but `columns`, which the view gets. `help` lists all of them.

    Args:
        options: The typed dictionary of the options.
    """

    def decorate(function: Callable[P, V]) -> Callable[P, V]:
        described = inspect.signature(function)
        own = [each for each in described.parameters.values() if each.kind is not each.VAR_KEYWORD]
        named = [
            inspect.Parameter(
                name, inspect.Parameter.KEYWORD_ONLY, default=_default(name), annotation=kind
            )
            for name, kind in options.__annotations__.items()
        ]
        known = {each.name for each in (*own, *named) if each.kind is each.KEYWORD_ONLY}
        known |= {each.name for each in own}

        @wraps(function)
        def call(*args: Any, columns: str | Sequence[str] | None = None, **given: Any) -> V:
            for name in given:
                if name not in known:
                    raise _unexpected(function.__name__, name, known)
            view = cast("Callable[..., V]", function)(*args, **given)
            return view if columns is None else view.with_columns(columns)

        call.__signature__ = described.replace(parameters=[*own, *named])  # type: ignore[attr-defined]
        return cast("Callable[P, V]", call)

    return decorate


def given(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that a function got from `takes`, without `columns`."""
    return dict(options)


def _default(name: str) -> Any:
    return {"inputs": (), "train": False}.get(name)


def _unexpected(function: str, name: str, known: set[str]) -> TypeError:
    hint = _TORCHINFO.get(name) or suggestion(name, sorted(known))
    if hint is None and "kwargs" in known:
        hint = _FORWARD.format(name=name)
    message = f"{function}() got an unexpected keyword argument {name!r}"
    return TypeError(f"{message}; {hint}" if hint else message)
