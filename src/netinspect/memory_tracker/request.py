"""Request of a memory track: plain data for the child process, without torch."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any
from typing import Literal as OneOf

from netinspect.errors import UsageError, suggestion
from netinspect.records.base import record

DTYPES = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}
"""Dtypes to cast the model and floating inputs to, by option value."""

OPTIMIZERS = ("sgd", "sgd-momentum", "adam", "adamw", "adafactor", "none")
"""Optimizers of tracked training; `none` is backward without an optimizer."""

DEVICES = ("cuda", "cpu")
"""Allocators to model: they differ in rounding and in the steps of optimizers."""

Device = OneOf["cuda", "cpu"]


@record
class NamedShape:
    """The sizes that a parameter must have."""

    name: str
    shape: tuple[int, ...]


@record
class TrackOptions:
    """Options of a run; see `read_options`."""

    batch: int | None = None
    """First dimension of every input; None to leave it."""

    training: bool = False
    optimizer: str = "adamw"
    dtype: str | None = None
    """Cast to this, torch's name; None to leave the model as it is built."""

    device: Device = "cuda"
    checkpoint: bool = False
    """Recompute the activations of repeated blocks in backward."""

    limit: int | None = None
    """Bytes of memory to find the largest batch for; None for no search."""


@record
class TrackRequest:
    """One run to track."""

    target: str
    options: TrackOptions
    constructor: str = "{}"
    """Arguments of the class or factory, as a Python literal."""

    seed: int = 0
    online: bool = False
    run_file: bool = False
    """Whether the project's files are run whole, though they do work when they are imported."""

    inputs: tuple[str, ...] = ()
    """Input specs, as far as a trace has determined them."""

    inputs_from: str | None = None
    """The function that makes the inputs, where specs cannot describe them."""

    others: tuple[tuple[str, ...], ...] = ()
    """The same specs at other sizes, which are tracked as well."""

    with_values: bool = False
    """Whether to skip the run without data."""

    parameters: tuple[NamedShape, ...] = ()
    """Parameters that the model must have to be the traced one; empty to accept any."""

    def arguments(self) -> dict[str, Any]:
        """Read the arguments of the class or factory."""
        found: dict[str, Any] = ast.literal_eval(self.constructor)
        return found


def format_arguments(arguments: Mapping[str, Any]) -> str:
    """Format arguments of a class or factory as a Python literal.

    Raises:
        UsageError: An argument is not a literal.
    """
    text = repr(dict(arguments))
    try:
        same = ast.literal_eval(text) == dict(arguments)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        same = False
    if not same:
        raise UsageError(
            "the arguments of the class are not plain literals, and cannot be passed to another process",
            hint="build the model, and track the memory of the instance",
        )
    return text


def checked(kind: str, name: str, known: tuple[str, ...]) -> str:
    """Return a name that is known.

    Raises:
        UsageError: It is not.
    """
    if name not in known:
        listed = f"one of {', '.join(known)}"
        near = suggestion(name, known)
        raise UsageError(f"unknown {kind} {name!r}", hint=f"{near} {listed}" if near else listed)
    return name
