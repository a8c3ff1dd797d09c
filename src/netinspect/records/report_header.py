"""What several reports share: what they are about, why it failed, what it adds up to."""

from __future__ import annotations

from typing import Literal as OneOf

from netinspect.records.base import record
from netinspect.records.steps import SourceLine
from netinspect.records.symbols import Symbolic
from netinspect.records.trace import Input, Versions
from netinspect.records.values import TensorSpec


@record
class ReportHeader:
    """What a report is about, and how it was traced."""

    target: str
    class_name: str
    versions: Versions
    ran: bool
    inputs: tuple[Input, ...]
    mode: OneOf["eval", "train"]
    lane: str
    seed: int
    failure: Diagnosis | None
    warnings: tuple[str, ...]
    symbolic: Symbolic | None = None


@record
class Operand:
    """One tensor that a failing call was given."""

    name: str
    spec: TensorSpec
    wrong: tuple[int, ...] = ()
    """Positions of the sizes that do not fit."""


@record
class Diagnosis:
    """Why `forward` failed, in words that name the place and the fix."""

    summary: str
    """One sentence: which call, in which module."""

    phase: OneOf["forward", "backward"]
    exception: str
    message: str
    place: SourceLine | None
    path: tuple[str, ...]
    """The modules from the root to the one that failed, each as `path (Class)`."""

    operands: tuple[Operand, ...]
    """The tensors that the failing call was given."""

    made: tuple[Operand, ...]
    """Where plain Python code of a module failed: the tensors that it made last, under the calls that
    made them."""

    explanation: str | None
    """The arithmetic that does not work out; None if nothing beyond the message is known."""

    remedies: tuple[str, ...]
    """What would fix it, the most likely first."""


@record
class Tie:
    """Parameters, or whole modules, that are one and the same under several names."""

    names: tuple[str, ...]
    """Dotted names; empty for the model itself."""

    elements: int
    bytes: int


@record
class LayoutShare:
    """The tensors of a model that are stored in one layout other than the plain one."""

    layout: str
    """As `Layout.name`."""

    tensors: int
    elements: int
    bytes: int
    stored: int | None
    """Elements that sparse ones store; None for other layouts."""


@record
class Totals:
    """Sums over the named tensors, each tied tensor counted once."""

    parameters: int
    """Elements of all parameters."""

    trainable: int
    bytes: int
    """Bytes of all parameters."""

    buffers: int
    """Elements of all buffers."""

    buffer_bytes: int
    dtypes: tuple[str, ...]
    """Of the parameters, sorted."""

    unregistered: tuple[str, ...] = ()
    """Names of tensors that require gradients and are not parameters; they are in no sum."""

    unregistered_elements: int = 0
    layouts: tuple[LayoutShare, ...] = ()
    """Of parameters and buffers, in the order in which they are met first."""
