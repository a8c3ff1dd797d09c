"""What each command finds: one report record a command, made by `analyze` and spelled by `render`."""

from __future__ import annotations

from typing import ClassVar
from typing import Literal as OneOf

from netinspect.records.base import record
from netinspect.records.modules import Attribute, Hook
from netinspect.records.steps import SourceLine
from netinspect.records.tensors import Gradient, Statistics
from netinspect.records.trace import Backward, Input, Versions
from netinspect.records.values import TensorSpec, Value


@record
class Subject:
    """What a report is about, and how it was looked at."""

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


@record
class Operand:
    """One tensor that a failing call was given."""

    name: str
    spec: TensorSpec
    wrong: tuple[int, ...] = ()
    """Positions of the sizes that do not fit."""


@record
class Diagnosis:
    """Why `forward` failed, in words that name the place and the mend."""

    summary: str
    """One sentence: which call, in which module."""

    phase: OneOf["forward", "backward"]
    exception: str
    message: str
    place: SourceLine | None
    path: tuple[str, ...]
    """The modules from the root to the one that failed, each as `path (Class)`."""

    operands: tuple[Operand, ...]
    explanation: str | None
    """The arithmetic that does not work out; None where nothing beyond the message is known."""

    remedies: tuple[str, ...]
    """What would mend it, the most likely first."""


@record
class Tie:
    """Entries that are one tensor."""

    names: tuple[str, ...]
    elements: int
    bytes: int


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


@record
class SummaryRow:
    """One line of the summary. The `parameters` of all rows add up to the total."""

    kind: OneOf["module", "function"]
    path: str
    """Of the module; for a function, of the module it ran in."""

    name: str
    class_name: str
    """Class of the module, or name of the function."""

    extra: str
    depth: int
    last: tuple[bool, ...]
    """For each level from the first to this row's: whether the branch ends there; draws the tree."""

    inputs: tuple[Value, ...]
    output: Value | None
    shapes: int
    """Number of different output shapes over all calls."""

    calls: int
    """0 for a module that was never called."""

    parameters: int
    """Elements that this row accounts for: its own, and those of rows folded into it."""

    branch: int
    """Elements of the whole branch below it, each tied tensor counted once."""

    trainable: OneOf["yes", "no", "partial", "none"]
    bytes: int
    share: float
    """Of all parameters, 0 to 1."""

    tied: int
    """Elements that it holds but another row accounts for."""

    alias_of: str | None
    folded: int
    """Number of modules below it that have no row of their own."""

    failed: bool
    place: SourceLine | None


@record
class Summary:
    """The module tree as a table."""

    name: ClassVar[str] = "summary"

    subject: Subject
    rows: tuple[SummaryRow, ...]
    hidden: int
    """Rows taken out by a filter or a limit."""

    flat: bool
    """Whether rows are sorted or filtered, so that they no longer draw a tree."""

    hidden_parameters: int
    """Parameters of those rows; with the rows' own they make the total."""

    totals: Totals
    ties: tuple[Tie, ...]
    never_called: tuple[str, ...]
    operations: bool
    """Whether the functions between the layers have rows."""


@record
class TensorRow:
    """One named parameter or buffer."""

    name: str
    kind: OneOf["parameter", "buffer"]
    spec: TensorSpec
    elements: int
    trainable: bool
    persistent: bool
    counted: bool
    """False where the same tensor was counted under an earlier name."""

    tied_to: tuple[str, ...]
    """Its other names."""

    statistics: Statistics | None
    values: str | None


@record
class Parameters:
    """Every named tensor."""

    name: ClassVar[str] = "params"

    subject: Subject
    rows: tuple[TensorRow, ...]
    hidden: int
    totals: Totals
    ties: tuple[Tie, ...]
    with_statistics: bool
    with_values: bool


@record
class StepRow:
    """One line of the trace."""

    index: int
    kind: OneOf["module", "function"]
    path: str
    name: str
    class_name: str
    depth: int
    call: int
    calls: int
    """How often this module was called in all."""

    inputs: tuple[Value, ...]
    output: Value | None
    place: SourceLine | None
    grad_fn: str | None
    failed: bool


@record
class GradientRow:
    """What the backward left for one parameter."""

    name: str
    shape: tuple[int | str, ...]
    trainable: bool
    gradient: Gradient | None


@record
class Steps:
    """Each step of `forward`, in order."""

    name: ClassVar[str] = "trace"

    subject: Subject
    rows: tuple[StepRow, ...]
    hidden: int
    """Steps inside layers, not shown."""

    output: Value | None
    output_values: str | None
    backward: Backward | None
    gradients: tuple[GradientRow, ...]


@record
class TreeNode:
    """One module of the tree, or several alike siblings folded into one line."""

    path: str
    name: str
    class_name: str
    extra: str
    parameters: int
    """Elements in the whole branch, each tied tensor counted once; of one sibling where folded."""

    own: tuple[str, ...]
    """Parameters and buffers set directly on it, as `name (sizes)`."""

    repeats: int
    """How many alike siblings this line stands for; 1 for itself alone."""

    last_name: str
    """Name of the last of them."""

    alias_of: str | None
    called: bool
    children: tuple[TreeNode, ...]


@record
class Tree:
    """The module tree."""

    name: ClassVar[str] = "tree"

    subject: Subject
    root: TreeNode
    totals: Totals
    ties: tuple[Tie, ...]


@record
class CodeLine:
    """One line of source, with what passed through it."""

    number: int
    text: str
    note: str
    """The shapes that passed, as `(10, 1, 28, 28) -> (10, 6, 24, 24)`; empty where none did."""

    failed: bool


@record
class Listing:
    """The source of one class; line numbers jump where parts are left out."""

    class_path: str
    file: str
    lines: tuple[CodeLine, ...]
    total_lines: int


@record
class Source:
    """The source of one module's class, annotated; with that of the base whose `forward` it runs."""

    name: ClassVar[str] = "source"

    subject: Subject
    path: str
    class_name: str
    calls: int
    listings: tuple[Listing, ...]


@record
class Entry:
    """One entry of a dictionary inside a module."""

    key: str
    text: str


@record
class Dictionary:
    """One attribute of a module that holds entries."""

    name: str
    entries: tuple[Entry, ...]


@record
class CallStage:
    """One stage of what `__call__` does, in order."""

    stage: str
    name: str
    place: str | None


@record
class Internals:
    """What one `nn.Module` holds."""

    name: ClassVar[str] = "internals"

    subject: Subject
    path: str
    class_name: str
    class_path: str
    bases: tuple[str, ...]
    training: bool
    dictionaries: tuple[Dictionary, ...]
    hooks: tuple[Hook, ...]
    attributes: tuple[Attribute, ...]
    call_order: tuple[CallStage, ...]


@record
class Sample:
    """One sample model."""

    name: str
    class_name: str
    description: str
    inputs: tuple[str, ...]
    file: str


@record
class Samples:
    """The sample models."""

    name: ClassVar[str] = "models"

    samples: tuple[Sample, ...]


Report = Summary | Parameters | Steps | Tree | Source | Internals | Samples
REPORTS: tuple[type, ...] = (Summary, Parameters, Steps, Tree, Source, Internals, Samples)
SCHEMA_VERSION = 1
