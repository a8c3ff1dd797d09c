"""What is to be tracked, as plain data that goes to another process; no torch is needed."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any
from typing import Literal as OneOf

from netinspect.errors import UsageError, closest
from netinspect.records.base import record

DTYPES = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}
"""What model and floating inputs can be cast to, by the names that people type."""

OPTIMIZERS = ("sgd", "sgd-momentum", "adam", "adamw", "adafactor", "none")
"""What training can be tracked with; `none` is backward without an optimizer."""

DEVICES = ("cuda", "cpu")
"""Whose ways are followed: how much an allocator rounds up, how an optimizer steps."""

Device = OneOf["cuda", "cpu"]


@record
class NamedShape:
    """The sizes that a parameter must have."""

    name: str
    shape: tuple[int, ...]


@record
class TrackOptions:
    """How to run, and what to look for; see `read_options`."""

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
    """Bytes of memory to find the largest batch for; None to look for none."""


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
    """Input specs, as many as a look has settled."""

    inputs_from: str | None = None
    """The function that makes the inputs, where specs cannot describe them."""

    others: tuple[tuple[str, ...], ...] = ()
    """The same specs at other sizes, which are to be tracked besides."""

    with_values: bool = False
    """Whether it shall not be tried without data."""

    parameters: tuple[NamedShape, ...] = ()
    """What the model must have, to be the one that was looked at; empty to take it as it comes."""

    def arguments(self) -> dict[str, Any]:
        """Read the arguments of the class or factory."""
        found: dict[str, Any] = ast.literal_eval(self.constructor)
        return found


def format_arguments(arguments: Mapping[str, Any]) -> str:
    """Spell arguments of a class or factory as a Python literal.

    Raises:
        UsageError: One of them is no literal.
    """
    text = repr(dict(arguments))
    try:
        same = ast.literal_eval(text) == dict(arguments)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        same = False
    if not same:
        raise UsageError(
            "the arguments of the class are no plain literals, and cannot go to another process",
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
        near = closest(name, known)
        raise UsageError(f"there is no {kind} {name!r}", hint=f"{near} {listed}" if near else listed)
    return name
