"""Methods of a model that can be run in place of `forward`."""

from __future__ import annotations

import inspect
import re
import types
from collections.abc import Iterator
from typing import Any

from torch import nn

from netinspect._utils.classes import ancestors, namespace_of, plain_name
from netinspect.errors import UsageError, suggestion
from netinspect.tracing.model.modes import script_of
from netinspect.tracing.safe_access import is_users_class, state_of

FORWARD = "forward"
"""The method that a run calls by default, through `__call__` and its hooks."""

_MAX_METHODS = 4
_OTHER_PURPOSE = re.compile(
    r"^(configure|on|log|load|save|set|register|reset|init|build|get|print|add)_"
)
"""Names of methods that take no model input."""

_NOT_NAMED = frozenset({FORWARD, "extra_repr", "train"})
_TAKES_TENSOR = re.compile(r"Tensor|Any|^$")


def method_of(model: nn.Module, name: str) -> Any:
    """Return a method of a model, bound; a property is not evaluated.

    Args:
        model: The live module.
        name: A method of its class, or of a base class other than `nn.Module`.

    Raises:
        UsageError: There is no such method; the hint names methods that take a tensor.
    """
    cls = plain_name(type(model))
    if "." in name:
        path, _, method = name.rpartition(".")
        raise UsageError(
            f"cannot call {name}: expected the name of one method of {cls}",
            hint=f"to run {method} of its module {path}, inspect that module: name its class, or a "
            "function that returns it, as the target",
        )
    stored = state_of(model).get(name)
    if type(stored) in (types.FunctionType, types.MethodType):
        return stored
    for base in ancestors(type(model)) if script_of(model) is None else ():
        defined = namespace_of(base).get(name)
        if defined is None or base is nn.Module:
            continue
        if isinstance(defined, types.FunctionType):
            return types.MethodType(defined, model)
        if type(defined) is staticmethod:
            return defined.__func__
        if type(defined) is classmethod:
            return types.MethodType(defined.__func__, type(model))
        break
    names = list(_methods(model))
    listed = f"methods that take an input: {', '.join(names)}" if names else None
    of_torch = " of its own" if name in namespace_of(nn.Module) else ""
    raise UsageError(
        f"{cls} has no method {name!r}{of_torch}",
        hint=suggestion(name, [*names, FORWARD])
        or listed
        or f"{cls} defines no other method that takes a tensor",
    )


def other_methods(model: nn.Module, *, called: str = FORWARD) -> tuple[str, ...]:
    """Return names of public user methods that may take a tensor, in the order of the class.

    Args:
        model: The live module.
        called: Method that is left out.
    """
    return tuple(name for name in _methods(model) if name != called)[:_MAX_METHODS]


def _methods(model: nn.Module) -> Iterator[str]:
    found: set[str] = set()
    for base in ancestors(type(model)):
        if base is nn.Module or not is_users_class(base):
            continue
        for name, stored in namespace_of(base).items():
            function = stored if type(stored) is types.FunctionType else None
            if name not in found and function is not None and _takes_input(name, function):
                found.add(name)
                yield name


def _takes_input(name: str, function: types.FunctionType) -> bool:
    if name.startswith("_") or name in _NOT_NAMED or _OTHER_PURPOSE.match(name):
        return False
    arguments = list(inspect.signature(function).parameters.values())[1:]
    if not arguments or arguments[0].kind not in (
        inspect.Parameter.POSITIONAL_ONLY,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
    ):
        return False
    annotation = arguments[0].annotation
    text = "" if annotation is inspect.Parameter.empty else str(annotation)
    return arguments[0].default is inspect.Parameter.empty and bool(_TAKES_TENSOR.search(text))
