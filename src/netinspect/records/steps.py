"""What happened in `forward`, in order, and where it stopped if it failed."""

from __future__ import annotations

from typing import Literal as OneOf

from netinspect.records.base import record
from netinspect.records.values import Structure, Value
from netinspect.records.work import Work


@record
class SourceLine:
    """A place in source code."""

    file: str
    line: int
    function: str
    text: str = ""
    """The line itself, stripped; empty where it was not read."""

    instruction: int = 0
    """Offset of the bytecode instruction: it grows along one pass, and falls when a loop comes back."""


@record
class Step:
    """One call in `forward`: of a module, or of a function or tensor method."""

    index: int
    kind: OneOf["module", "function"]
    name: str
    """Class name of a module, plain name of a function: `Conv2d`, `relu`, `view`, `add`."""

    qualified_name: str
    """Such as `torch.nn.functional.relu` or `torch.Tensor.view`."""

    module: str
    """Path of the module called, or of the module in whose `forward` the function ran."""

    parent: int | None
    """Index of the module step that this one happened in; None for the root."""

    depth: int
    call: int
    """Which call of this module it is, from 1; for a function, of the module around it."""

    inputs: Structure
    """Positional arguments under their position, keyword arguments under their name."""

    output: Value | None
    """None if the call did not return."""

    source: SourceLine | None
    """The innermost line outside torch that made the call."""

    site: SourceLine | None
    """The line of the surrounding module's own code, where that is torch's and so not `source`."""

    via: tuple[SourceLine, ...]
    """The lines that led to `source` inside the same module call, innermost first: from `forward` to a
    helper method, state."""

    producers: tuple[int, ...]
    """Indices of the steps that produced its input tensors."""

    parameters: tuple[str, ...]
    """Dotted names of the parameters and buffers that it was handed directly."""

    arguments: tuple[str, ...] = ()
    """Names of the model's own inputs that it was handed directly."""

    failed: bool = False
    grad_fn: str | None = None
    """Class of the output's `grad_fn`; None without a backward, or where autograd has no part."""

    work: tuple[Work, ...] = ()
    """The operators that ran in it, and in no step within it."""


@record
class Failure:
    """Why `forward` did not return."""

    step: int | None
    """Index of the innermost step that raised: a function, or a module where the Python code of its
    forward or of a hook did. None if no step was under way."""

    module: str
    """Path of the module in whose `forward` it was raised."""

    type: str
    """Class name of the exception."""

    message: str
    place: SourceLine | None
    """The innermost line outside torch."""

    phase: OneOf["forward", "backward"] = "forward"
    working_inputs: tuple[str, ...] = ()
    """Input specs near the given one that were tried and passed: one; or two, where all sizes in between
    pass too, or the sides of both are multiples of `working_unit`."""

    traceback: tuple[str, ...] = ()
    """The frames that it passed, as Python prints them, without those of netinspect."""

    working_unit: int = 0
    """What the sides of the inputs have to be a multiple of, as far as was tried; 0 where unknown."""

    methods: tuple[str, ...] = ()
    """Where forward refuses on purpose: other methods of the model that may take a tensor."""

    missing: tuple[str, ...] = ()
    """Optional arguments that train mode asks for, and that were not passed."""
