"""Failures of a model's own code that no input avoids, such as a name that is not defined.

The search for inputs ends at such a failure, and the diagnosis proposes no other inputs. Each row of the
table is one kind; a failure of which only some inputs are the cause does not belong here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import NamedTuple

from netinspect.records.steps import Failure

_UNPACKS = re.compile(r"[(,]\s*\*")
"""A call with unpacked arguments, whose number may depend on the inputs."""


class _Fault(NamedTuple):
    types: tuple[str, ...]
    pattern: re.Pattern[str]
    applies: Callable[[Failure, re.Match[str], Collection[str]], bool]
    """Further condition, from the failure, the match and the class names of the modules."""


def _always(failure: Failure, match: re.Match[str], classes: Collection[str]) -> bool:
    return True


def _is_of_module(failure: Failure, match: re.Match[str], classes: Collection[str]) -> bool:
    return match[1] in classes


def _is_written_out(failure: Failure, match: re.Match[str], classes: Collection[str]) -> bool:
    """Return whether the model, not netinspect, made the call, with a fixed number of arguments."""
    return failure.place is not None and _UNPACKS.search(failure.place.text) is None


_FAULTS = (
    _Fault(("NameError",), re.compile(r"name '\w+' is not defined"), _always),
    _Fault(("ImportError", "ModuleNotFoundError"), re.compile(""), _always),
    _Fault(
        ("AttributeError",),
        re.compile(r"\A(?:partially initialized )?(?:module|type object) '[\w.]+' has no attribute"),
        _always,
    ),
    _Fault(("AttributeError",), re.compile(r"\A'(\w+)' object has no attribute '\w+'"), _is_of_module),
    _Fault(
        ("TypeError",),
        re.compile(
            r"\(\) (?:missing \d+ required|takes (?:no|exactly|at most|from|\d+)\b.{0,40}\barguments?\b|"
            r"got (?:an unexpected keyword argument|multiple values for|some positional-only))"
        ),
        _is_written_out,
    ),
)


def is_code_fault(failure: Failure, classes: Collection[str]) -> bool:
    """Return whether a failure is a fault of the model's code, whatever the inputs are.

    Args:
        failure: The failure of forward.
        classes: Class names of the modules, whose missing attributes are faults of the code.
    """
    if failure.phase != "forward":
        return False
    for fault in _FAULTS:
        match = fault.pattern.search(failure.message) if failure.type in fault.types else None
        if match is not None:
            return fault.applies(failure, match, classes)
    return False
