"""Keyword arguments that several public functions share, and the decorator that adds them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypedDict, TypeVar, cast

from netinspect.api._checks import checked
from netinspect.errors import suggestion

if TYPE_CHECKING:
    import torch

    from netinspect.api._view import View
    from netinspect.trace_cache.lookup import TraceCache

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


class BuildOptions(ViewOptions, total=False):
    """Options for building the model of a target; see `load`."""

    model_args: Mapping[str, Any] | None
    seed: int
    online: bool
    run_file: bool
    tensors: str
    device: str | torch.device | None
    cache: bool | TraceCache


class ForwardOptions(InputOptions, BuildOptions, total=False):
    """Options of a function that runs forward; see `load`."""

    inputs: str | Sequence[str]
    inputs_from: str | None
    input_files: str | Sequence[str]
    batch: int | None
    train: bool | None
    call: str
    symbolic: str | Sequence[str]


FOR_CHECKPOINTS = ("columns", "online", "cache")
"""Options that also apply to a checkpoint."""

_DEFAULTS = {
    **dict.fromkeys(("inputs", "input_files", "symbolic"), ()),
    **dict.fromkeys(("train", "online", "run_file", "cache"), False),
    "seed": 0,
    "tensors": "auto",
    "call": "forward",
}
"""Defaults other than None."""

_LOAD = ("run", "backward", "values", "stats", "code", "everything")
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
                name,
                inspect.Parameter.KEYWORD_ONLY,
                default=_DEFAULTS.get(name),
                annotation=getattr(kind, "__forward_arg__", kind),
            )
            for name, kind in options.__annotations__.items()
        ]
        known = {each.name: str(each.annotation) for each in (*own, *named)}

        @wraps(function)
        def call(*args: Any, columns: str | Sequence[str] | None = None, **given: Any) -> V:
            for name, value in given.items():
                if name not in known:
                    raise _unexpected(function.__name__, name, set(known))
                given[name] = checked(name, value, known[name])
            view = cast("Callable[..., V]", function)(*args, **given)
            return view if columns is None else view.with_columns(columns)

        call.__signature__ = described.replace(parameters=[*own, *named])  # type: ignore[attr-defined]
        return cast("Callable[P, V]", call)

    return decorate


def given(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that a function got from `takes`, without `columns`."""
    return dict(options)


def _unexpected(function: str, name: str, known: set[str]) -> TypeError:
    hint = _TORCHINFO.get(name)
    if hint is None and name in ForwardOptions.__annotations__ and "kwargs" not in known:
        hint = f"{function}() does not run forward"
    if hint is None and name in _LOAD:
        hint = f"{function}(netinspect.load(model, {name}=...)) takes it"
    hint = hint or suggestion(name, sorted(known))
    if hint is None and "kwargs" in known:
        hint = _FORWARD.format(name=name)
    message = f"{function}() got an unexpected keyword argument {name!r}"
    return TypeError(f"{message}; {hint}" if hint else message)
