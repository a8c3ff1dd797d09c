"""Models that cannot be called: without a forward, or with a forward that raises on purpose."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any

from torch import nn

from netinspect._utils.classes import plain_name
from netinspect.records.steps import Failure
from netinspect.tracing.definitions import class_location, is_library
from netinspect.tracing.model.members import children, join_path
from netinspect.tracing.model.modes import script_of
from netinspect.tracing.safe_access import class_attribute, state_of

_NOT_IMPLEMENTED = vars(nn.Module)["forward"]

_REFUSES = re.compile(
    r"\b(use|call)\b.+|\binstead\b|not implemented|no forward|not (be )?call(ed|able)", re.IGNORECASE
)
"""Messages of exceptions that do not depend on the inputs of forward."""

_RAISES = re.compile(r"(^|:\s*)raise\b")
"""A line with a raise statement, also in a function of one line."""


def lacks_forward(model: nn.Module) -> bool:
    """Return whether a model has no forward, so that calling it can only raise."""
    cls: Any = type(model)
    if "forward" in state_of(model) or script_of(model) is not None:
        return False
    called = class_attribute(cls, "__call__")
    # ParameterList and ParameterDict have a `__call__` of torch that only raises.
    is_torchs = str(getattr(called, "__module__", "")).startswith("torch.")
    return is_torchs and class_attribute(cls, "forward") is _NOT_IMPLEMENTED


def name_instead(model: nn.Module, target: str | None, *, is_instance: bool) -> str:
    """Return a hint on what to inspect instead of a model without a forward.

    Args:
        model: The model.
        target: Target string of the user; None for a live model.
        is_instance: Whether the target is this object, so that its attributes can be named.
    """
    callable_ones = list(_callable_inside(model))
    if not callable_ones:
        return f"write a forward method in {plain_name(type(model))}"
    path, module = callable_ones[0]
    if target is not None and is_instance and ":" in target:
        return f"name a module in it that has a forward, such as {target}.{path}"
    own = next((each for _, each in callable_ones if not is_library(type(each))), None)
    if own is not None and (file := class_location(type(own))[0]) is not None:
        if target is not None and os.path.realpath(named := f"{target.rpartition('.py')[0]}.py") == file:
            file = named
        return f"name the class of a module in it, such as {file}:{plain_name(type(own))}"
    return (
        f"write a function that returns one of its modules, such as {path} "
        f"({plain_name(type(module))}), or a module that calls them, and name that function"
    )


def _callable_inside(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Yield the outermost modules in a model that have a forward, with their paths."""
    waiting = [("", model)]
    seen: set[int] = set()
    while waiting:
        path, module = waiting.pop()
        if id(module) in seen:
            continue
        seen.add(id(module))
        if path and not lacks_forward(module):
            yield path, module
        else:
            waiting += reversed([(join_path(path, name), child) for name, child in children(module)])


def refuses(failure: Failure) -> bool:
    """Return whether forward failed in its first step on purpose, so that no input can work."""
    line = failure.place.text if failure.place is not None else ""
    if failure.step != 0 or failure.module or not _RAISES.search(line):
        return False
    return failure.type == "NotImplementedError" or (
        failure.type in ("RuntimeError", "TypeError", "AttributeError")
        and _REFUSES.search(failure.message) is not None
    )
