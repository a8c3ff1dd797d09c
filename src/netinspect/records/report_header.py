"""Parts of several reports: header, diagnosis of a failure, ties and totals."""

from __future__ import annotations

from typing import ClassVar
from typing import Literal as OneOf

from netinspect.records.base import record
from netinspect.records.steps import SourceLine
from netinspect.records.symbols import Symbolic
from netinspect.records.trace import Input, Versions
from netinspect.records.values import TensorSpec


@record
class ReportHeader:
    """The target of a report, and how it was traced."""

    kind: ClassVar[str] = "model"

    target: str
    class_name: str
    versions: Versions
    ran: bool
    inputs: tuple[Input, ...]
    mode: OneOf["eval", "train"]
    tensor_mode: str
    seed: int
    failure: Diagnosis | None
    warnings: tuple[str, ...]
    symbolic: Symbolic | None = None
    call: str = "forward"
    """Method that was run; hooks of the model do not apply to another one than forward."""


@record
class Operand:
    """One tensor that a failing call received."""

    name: str
    spec: TensorSpec
    wrong: tuple[int, ...] = ()
    """Dimensions whose size is wrong."""


@record
class Diagnosis:
    """The reason of a failed `forward`, with the place and a remedy."""

    summary: str
    """One sentence that names the call and its module."""

    phase: OneOf["forward", "backward"]
    exception: str
    message: str
    place: SourceLine | None
    path: tuple[str, ...]
    """The modules from the root to the one that failed, each as `path (Class)`."""

    operands: tuple[Operand, ...]
    """The tensors that the failing call received."""

    made: tuple[Operand, ...]
    """If plain Python code of a module failed: the tensors that it computed last, named by the calls
    that returned them."""

    explanation: str | None
    """The sizes that do not match; None if nothing beyond the message is known."""

    remedies: tuple[str, ...]
    """Suggested fixes, the most likely first."""

    columns: tuple[int, int] | None = None
    """Start and end of the expression that raised, as offsets in `place.text`; None if unknown."""


@record
class Tie:
    """A parameter, or a whole module, that has several names."""

    names: tuple[str, ...]
    """Dotted names; empty for the model itself."""

    elements: int
    bytes: int


@record
class LayoutShare:
    """The tensors of a model with the same layout, other than strided."""

    layout: str
    """See `Layout.name`."""

    tensors: int
    elements: int
    bytes: int
    stored: int | None
    """Elements that sparse tensors store; None for other layouts."""


@record
class Totals:
    """Sums over the named tensors, each tied tensor counted once."""

    kind: ClassVar[str] = "model"

    parameters: int
    """Elements of all parameters."""

    trainable: int
    bytes: int
    """Bytes of all parameters."""

    buffers: int
    """Elements of all buffers."""

    buffer_bytes: int
    dtypes: tuple[str, ...]
    """Dtypes of the parameters, sorted."""

    unregistered: tuple[str, ...] = ()
    """Names of tensors that require gradients and are not parameters; no total includes them."""

    unregistered_elements: int = 0
    layouts: tuple[LayoutShare, ...] = ()
    """Layouts of parameters and buffers, in the order of their first occurrence."""
