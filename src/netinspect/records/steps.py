"""Records of the steps of `forward`, in order, and of its failure."""

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
    """The source text of the line, stripped; empty if it was not read."""

    instruction: int = 0
    """Offset of the bytecode instruction; it decreases when a loop starts its next iteration."""


@record
class Origin:
    """Origin of one tensor that a call takes or that the model returns.

    It is empty for a tensor that was made outside of the recorded calls.
    """

    producers: tuple[int, ...] = ()
    """Indices of the earlier steps that made the tensor, or have written to its memory since. A step
    that writes to this very tensor, as `relu_` does, replaces the earlier ones, whose result it took."""

    arguments: tuple[str, ...] = ()
    """Names of the model's own arguments that the tensor is, or is a view of; empty once a step has
    written to this very tensor."""

    parameters: tuple[str, ...] = ()
    """Dotted names of the parameter or buffer that the tensor is, or that it replaces, as in
    `torch.func.functional_call`."""

    in_object: bool = False
    """True if the tensor is in an object that is not a plain container, such as a KV cache. Plain
    containers are tuples, lists, sets, mappings, dataclasses and their subclasses."""


@record
class Step:
    """One call in `forward`: of a module, or of a function or tensor method."""

    index: int
    kind: OneOf["module", "function"]
    name: str
    """Class name of a module, plain name of a function: `Conv2d`, `relu`, `view`, `add`."""

    qualified_name: str
    """Full name of the class or function, such as `torch.nn.functional.relu` or `torch.Tensor.view`."""

    module: str
    """Path of the called module, or of the module in whose `forward` the function ran."""

    parent: int | None
    """Index of the enclosing module step; None for the root."""

    depth: int
    call: int
    """Number of the call of this module, from 1; for a function, of the enclosing module."""

    inputs: Structure
    """Arguments; positional ones have their position as key, keyword arguments their name."""

    output: Value | None
    """None if the call did not return."""

    source: SourceLine | None
    """The innermost line outside torch that made the call."""

    site: SourceLine | None
    """The line in the enclosing module's own code, if that is part of torch and so not `source`."""

    via: tuple[SourceLine, ...]
    """The calling lines between `forward` and `source` in the same module call, innermost first, if
    `forward` uses helper methods."""

    input_origins: tuple[Origin, ...]
    """Origins of the tensors in `inputs`, in the order of `tensors_in`."""

    failed: bool = False
    grad_fn: str | None = None
    """Class of the output's `grad_fn`; None without a backward, or if the output does not have one."""

    work: tuple[Work, ...] = ()
    """The operators that ran in this step, without those of nested steps."""

    @property
    def producers(self) -> tuple[int, ...]:
        """Indices of the steps that produced its input tensors, each once."""
        return tuple(dict.fromkeys(index for each in self.input_origins for index in each.producers))

    @property
    def parameters(self) -> tuple[str, ...]:
        """Dotted names of the parameters and buffers among its inputs, each once."""
        return tuple(dict.fromkeys(name for each in self.input_origins for name in each.parameters))

    @property
    def arguments(self) -> tuple[str, ...]:
        """Names of the model's own arguments among its inputs, each once."""
        return tuple(dict.fromkeys(name for each in self.input_origins for name in each.arguments))


@record
class NamedValue:
    """The value of a name in the user's code when it raised."""

    name: str
    """A name such as `t`, or a dotted one such as `self.block_size`."""

    value: Value
    """A tensor, or a literal of type `plain` (numbers, strings and containers of them) or `dtype`."""

    origin: Origin = Origin()
    """Origin of a tensor."""


@record
class Condition:
    """A condition in the user's code that raised."""

    text: str
    """Condition of an `assert` or of the `if` around a `raise`, or an assignment to several names."""

    holds: bool
    """Whether the condition has to hold; False for a condition under which the code raises."""

    assignments: tuple[str, ...] = ()
    """Assignments to names in it, such as `b, t = x.shape`."""

    values: tuple[NamedValue, ...] = ()


@record
class Failure:
    """The exception that ended `forward`."""

    step: int | None
    """Index of the innermost step that raised: a function, or a module if the Python code of its
    forward or of a hook raised. None if it was raised outside of any step."""

    module: str
    """Path of the module in whose `forward` it was raised."""

    type: str
    """Class name of the exception."""

    message: str
    place: SourceLine | None
    """The innermost line outside torch."""

    phase: OneOf["forward", "backward"] = "forward"
    working_inputs: tuple[str, ...] = ()
    """One or two input specs similar to the given one that were tried and passed. If there are two, all
    sizes in between pass too, or all multiples of `working_unit` in between."""

    traceback: tuple[str, ...] = ()
    """The frames of the traceback as Python prints them, without those of netinspect."""

    repeats: int = 0
    """Number of attempts that failed in the same way, if that ended the search for inputs, because no
    other input is likely to help. 0 otherwise."""

    working_unit: int = 0
    """Sides of the inputs must be a multiple of it, as far as was tried; 0 if unknown."""

    methods: tuple[str, ...] = ()
    """Other methods of the model that may take a tensor, if forward is not implemented."""

    columns: tuple[int, int] | None = None
    """Start and end of the expression that raised, as offsets in `place.text`; None if unknown."""

    missing: tuple[str, ...] = ()
    """Optional arguments that train mode asks for, and that were not passed."""

    condition: Condition | None = None
    """The condition that raised; None if something else did."""

    versions: str = ""
    """The installed and the wanted version of the library whose names or arguments the code got wrong;
    empty for any other failure."""
