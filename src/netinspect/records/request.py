"""Requests of traces: the target, what to run it on, and what to record.

A command line, or a call of the Python API, becomes one `TraceRequest`. The runner, the tracer and the
cache read it.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any
from typing import Literal as OneOf

from netinspect.records.base import record

TargetKind = OneOf["sample", "file", "dotted", "library", "saved", "checkpoint", "hub"]


@record
class Target:
    """A parsed target string; see `targets.target.parse_target`."""

    text: str
    """The target as typed."""

    kind: TargetKind
    place: str
    """Path of the file or folder, dotted name of the Python module, or name of the library."""

    name: str | None = None
    """Class, factory or instance to take from it; None to find the only one.

    For a library, the library's name of the model.
    """

    @property
    def is_checkpoint(self) -> bool:
        """True if the target has tensors, but no model to run."""
        return self.kind in ("checkpoint", "hub")


@record
class TraceRequest:
    """One request of a trace; `netinspect.load` documents each field."""

    target: Target | None = None
    """None for a live module."""

    model_args: str = "{}"
    """Arguments of the class or factory, as the literal of a dictionary."""

    online: bool = False
    run_file: bool = False
    inputs: tuple[str, ...] = ()
    inputs_from: Target | None = None
    input_files: tuple[str, ...] = ()
    batch: int | None = None
    seed: int = 0
    tensors: str = "auto"
    """Tensor mode, or `auto` for the first one that works."""

    device: str | None = None
    """Device of real tensors; None for the CPU."""

    run: bool = True
    call: str = "forward"
    """Method of the model to run."""

    train: bool | None = False
    """None for the mode that each module has."""

    backward: bool = False
    values: bool = False
    """Record parameters, buffers and the output as torch prints them."""

    stats: bool = False
    """Record statistics of parameters and buffers."""

    stats_if_small: bool = False
    """Record statistics, unless `auto` runs a large model of a target without its weights."""

    code: bool = False
    """Record the source of the classes."""

    everything: bool = False
    """Record everything that any view needs; forward is run if possible."""

    symbolic: tuple[str, ...] = ()
    max_steps: int | None = None
    """Number of steps after which forward is stopped with an error; None for no limit."""

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of the class or factory as values."""
        arguments: dict[str, Any] = ast.literal_eval(self.model_args)
        return arguments


_LITERALS = (str, bytes, int, float, complex, bool, type(None))


def format_model_args(arguments: Mapping[str, Any]) -> str | None:
    """Format arguments of a class or factory as a literal; None if one of them has none.

    The order is significant: a function with `**kwargs` may iterate over them.
    """
    text = repr(dict(arguments))
    try:
        ast.literal_eval(text)
    except (ValueError, SyntaxError, RecursionError, MemoryError):  # as for an infinite float
        return None
    return text if all(map(_is_literal, arguments.values())) else None


def _is_literal(value: Any, depth: int = 0) -> bool:
    if type(value) in _LITERALS:
        return True
    if depth > 20:
        return False
    if type(value) in (tuple, list, set):
        return all(_is_literal(each, depth + 1) for each in value)
    return type(value) is dict and all(
        _is_literal(key, depth + 1) and _is_literal(each, depth + 1) for key, each in value.items()
    )
