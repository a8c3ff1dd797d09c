"""Record of the picture of a model: boxes inside of boxes, and the data that flows between them."""

from __future__ import annotations

from typing import ClassVar
from typing import Literal as OneOf

from netinspect.records.base import record
from netinspect.records.checkpoint_header import CheckpointHeader
from netinspect.records.report_header import Operand, ReportHeader
from netinspect.records.steps import SourceLine
from netinspect.records.work import Cost

BoxKind = OneOf["module", "function", "input", "output", "chain", "group", "chapter"]
"""The kinds of templates:

- `module`, `function`: one call in forward; a module without a call has no steps.
- `input`, `output`: an argument of the model, and what it returns.
- `chain`: consecutive functions of which each reads only the one before.
- `group`: several consecutive calls that repeat together, such as a block and the addition after it.
- `chapter`: a part of a body that is too long to be drawn at once.
"""

Change = OneOf["", "same", "changed", "only_a", "only_b"]
"""Result of a comparison with another model; empty without one."""


@record
class Edge:
    """Data that flows from one box of a body to another.

    Boxes are numbered by their occurrences in the order of the calls: an item that stands for N boxes
    has N numbers. The border of the body has the number `OUTSIDE`.
    """

    source: int
    """Number of the box that made the tensor; `OUTSIDE` if it is from outside of the body."""

    target: int
    """Number of the box that reads the tensor; `OUTSIDE` if a box outside of the body reads it."""

    shapes: tuple[tuple[int | str, ...], ...]
    """Shapes of the tensors as the target reads them, each once; empty if unknown."""

    bytes: int = 0
    """Bytes of these tensors."""

    in_object: bool = False
    """True if all of them are in an object that is not a plain container, such as a KV cache."""

    change: Change = ""


OUTSIDE = -1
"""Number of the border of a body, as the source or target of an edge."""


@record
class PictureItem:
    """One box of a body, or several consecutive ones that are identical."""

    template: int
    """Index of its template."""

    names: tuple[str, ...]
    """For each box that it stands for, the path of the called module; with a leading dot it continues
    the path of the body that the box is in. Empty for functions; the name of an input or argument."""

    calls: tuple[int, ...] = ()
    """For each of these boxes, the number of the call of its module within the call around it; empty if
    all are first calls."""

    inner_names: tuple[tuple[str, ...], ...] = ()
    """For each box of a group the names of the modules in it, in order, with those in its chains. They
    replace the names in the template, which are those of one group. Empty if it is not a group."""

    inner_calls: tuple[tuple[int, ...], ...] = ()
    """For each box of a group the numbers of the calls of these modules; empty if all are first ones."""

    change: Change = ""

    @property
    def count(self) -> int:
        """Number of boxes that it stands for."""
        return len(self.names)

    @property
    def modules(self) -> int:
        """Number of distinct modules, or groups of modules, that it stands for."""
        return len(set(self.inner_names or self.names))


@record
class Template:
    """A distinct structure: everything that identical boxes have in common.

    Boxes are identical if they have the same class or function, facts, shapes, costs, source line and
    inside. Identical groups may differ in the numbers in the names of the modules in them.
    """

    kind: BoxKind
    label: str
    """Name of the class or function; of an input its name; of a group or chain the labels in it."""

    facts: str = ""
    """`extra_repr` of a module, the plain arguments of a function."""

    qualified_name: str = ""
    library: bool = False
    """True for a module class that torch itself defines; views open it only on request."""

    inputs: tuple[Operand, ...] = ()
    """The tensors that the call reads, by position or name. Parameters have their local name."""

    output: tuple[Operand, ...] = ()
    """The tensors that it returned; empty if it did not return."""

    steps: int = 0
    """Number of steps of the trace in it, its own included; 0 for what was not called."""

    cost: Cost | None = None
    """Cost of one box with everything in it; None if it is not known, as without a run."""

    parameters: int = 0
    """Elements of the parameters of the branch of the module, each tied tensor once."""

    parameter_bytes: int = 0
    trainable: OneOf["yes", "no", "partial", "none"] = "none"
    called: bool = True
    """False for a module that forward never called; each call of the module around it has it."""

    failed: bool = False
    """True if the call, or one inside of it, raised."""

    site: SourceLine | None = None
    """The line that makes the call."""

    defined_at: str | None = None
    """Place of the class statement, `file:line`; None for torch's own classes."""

    items: tuple[PictureItem, ...] = ()
    """Its body, in the order of the calls; empty for a box that cannot be opened."""

    edges: tuple[Edge, ...] = ()
    """Edges of the body, sorted by source and target."""

    layers: tuple[tuple[int, ...], ...] = ()
    """Rows of the body from the source of the data to its end, each from left to right. A number from 0
    is an item; -1 - i is a dummy vertex, which the long edges of item i pass; i is the number of items
    for data from outside."""

    change: Change = ""
    changes: tuple[str, ...] = ()
    """Differences from the other model in words, as `in_features=400 -> in_features=256`; empty without
    a comparison, and if only what is inside differs."""


@record
class Picture:
    """A model as boxes in boxes with the data that flows between them."""

    name: ClassVar[str] = "graph"

    header: ReportHeader | CheckpointHeader
    against: ReportHeader | CheckpointHeader | None = None
    """The other model of a comparison. Amounts and shapes of boxes that both have, and all steps, are of
    the first one."""

    root: int
    """Index of the template of the whole model."""

    templates: tuple[Template, ...]
    """Each after all templates that its body uses; so the root is the last one."""

    folded: bool
    """Whether identical boxes are one item."""

    path: str = ""
    """Path of the module at the root; empty for the whole model."""

    failed_path: tuple[int, ...] = ()
    """For a failed run the number of the box to open in each body from the root on, down to the call
    that raised."""

    step_order: tuple[int, ...] = ()
    """Indices of the steps in the order of the boxes, each before those in it; empty if it is the order
    in which they began, as without threads."""

    notes: tuple[str, ...] = ()
    """Parts of the model that the picture does not show, with the reason."""
