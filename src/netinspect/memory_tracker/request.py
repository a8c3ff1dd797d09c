"""Request of a memory track: plain data for the child process, without torch."""

from __future__ import annotations

from typing import Literal as OneOf

from netinspect.errors import UsageError, suggestion
from netinspect.records.base import record
from netinspect.records.request import TraceRequest

DTYPES = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}
"""Dtypes to cast the model and floating inputs to, by option value."""

OPTIMIZERS = ("sgd", "sgd-momentum", "adam", "adamw", "adafactor", "none")
"""Optimizers of tracked training; `none` is backward without an optimizer."""

DEVICES = ("cuda", "cpu")
"""Allocators to model: they differ in rounding and in the steps of optimizers."""

Device = OneOf["cuda", "cpu"]


@record
class NamedShape:
    """Expected shape of a parameter."""

    name: str
    shape: tuple[int, ...]


@record
class TrackOptions:
    """Options of a run that a trace does not have; see `read_options`."""

    optimizer: str = "adamw"
    dtype: str | None = None
    """Dtype to cast to, by torch's name; None for no cast."""

    device: Device = "cuda"
    checkpoint: bool = False
    """Recompute the activations of repeated blocks in backward."""

    limit: int | None = None
    """Bytes of memory to find the largest batch for; None for no search."""


@record
class TrackRequest:
    """One run to track."""

    name: str
    """Target as typed, or class name of a live model."""

    run: TraceRequest
    """The request for the model, its mode and its inputs: specs or a function, from a trace."""

    options: TrackOptions
    others: tuple[tuple[str, ...], ...] = ()
    """The same specs at other sizes, which are also tracked."""

    with_values: bool = False
    """True to skip the run without data."""

    parameters: tuple[NamedShape, ...] = ()
    """Parameters that the model must have to be the traced one; empty to accept any."""


def checked(kind: str, name: str, known: tuple[str, ...]) -> str:
    """Return a name if it is known.

    Raises:
        UsageError: The name is unknown.
    """
    if name not in known:
        listed = f"one of {', '.join(known)}"
        near = suggestion(name, known)
        raise UsageError(f"unknown {kind} {name!r}", hint=f"{near} {listed}" if near else listed)
    return name
