"""The `Trace` record, from which every number and view is computed."""

from __future__ import annotations

from typing import ClassVar
from typing import Literal as OneOf

from netinspect.records.base import record
from netinspect.records.modules import Change, Hook, Module
from netinspect.records.steps import Failure, Step
from netinspect.records.symbols import Symbolic
from netinspect.records.tensors import Buffer, Parameter, Unregistered
from netinspect.records.values import Value
from netinspect.records.work import Work

RUN_FILE = "--run-file (run_file=True in Python) runs the whole file"
"""What ends a warning that a file of the project was run in part, or that something was refused."""


def is_about_part(warning: str) -> bool:
    """Return whether a warning is about code of the project that was not run."""
    return warning.endswith(RUN_FILE)


CHANGES = ("forward made: ", "forward replaced: ", "forward removed: ")
"""What warnings begin with that are about what is registered in the model."""


@record
class Versions:
    """What made the record."""

    netinspect: str
    torch: str
    python: str


GIVEN = "given"
"""`Input.origin` of what the user gave."""


@record
class Input:
    """One argument that `forward` was given."""

    name: str
    value: Value
    spec: str
    """The spec string that makes such a tensor again; empty where none can."""

    origin: str
    """Who chose it, and from which evidence."""


@record
class Attempt:
    """One run of forward while inputs were searched for that pass."""

    inputs: tuple[str, ...]
    """As input specs."""

    why: str
    outcome: str
    """`passed`, or where and how it failed."""


@record
class Code:
    """The source of one class."""

    class_path: str
    file: str
    first_line: int
    lines: tuple[str, ...]


@record
class Backward:
    """How the gradients of the parameters came about."""

    outputs: int
    """Number of output tensors that were differentiated."""

    description: str
    work: tuple[Work, ...] = ()
    """All operators of the backward: autograd does not report for which module they ran."""


@record
class Trace:
    """One model, seen once: its modules, tensors, and every step of one forward."""

    # `netinspect-trace` is what the command `trace` writes with `--format json`.
    schema: ClassVar[str] = "netinspect-saved-trace"
    schema_version: ClassVar[int] = 1

    target: str
    """What was asked for, as typed; the class name where a live module was given."""

    class_name: str
    versions: Versions
    modules: tuple[Module, ...]
    """Root first, depth first, in the order of `_modules`."""

    parameters: tuple[Parameter, ...]
    buffers: tuple[Buffer, ...]
    hook_dictionaries: tuple[str, ...]
    """Names of all hook attributes that a module has in the torch version that ran."""

    global_hooks: tuple[Hook, ...]
    """Hooks registered for every module of the process."""

    ran: bool
    """Whether forward was run at all."""

    inputs: tuple[Input, ...]
    example: tuple[str, ...]
    """The input specs that the model's own file declares; what to fall back on."""

    steps: tuple[Step, ...]
    output: Value | None
    output_values: str | None
    """The output as torch prints it; only where values were asked for."""

    mode: OneOf["eval", "train"]
    """The mode that forward ran in; each module's own mode is `Module.training`."""

    lane: OneOf["real", "meta", "hollow", "fake"]
    """What the tensors were that forward ran on: `real` ones on the model's own device; `meta`, which
    have a shape and no values; `fake`, the same with a device; `hollow`, on the CPU, where large
    weights are zeros that take no memory."""

    seed: int
    failure: Failure | None
    backward: Backward | None
    code: tuple[Code, ...]
    warnings: tuple[str, ...]
    """What the user should know about the trace itself."""

    attempts: tuple[Attempt, ...] = ()
    """How the inputs were found, where no one gave them."""

    counted: OneOf["no", "partly", "yes"] = "no"
    """Whether the work of the steps was counted; partly where some ran out of sight."""

    out_of_time: bool = False
    """Whether a search for inputs or sizes was ended by the clock: another trace may find more."""

    no_forward: str | None = None
    """Where the model has no forward, and so nothing was run: what could be named instead."""

    changes: tuple[Change, ...] = ()
    """What forward registered, replaced and removed. Modules, parameters and buffers are those after
    the run, and those that took part in it and were removed."""

    unregistered: tuple[Unregistered, ...] = ()
    """Tensors that require gradients and that modules hold without having registered them."""

    symbolic: Symbolic | None = None
    """What sizes are reported as symbols; None if no one asked for any."""

    def __repr__(self) -> str:
        # Whole, it would fill many screens of a session. The name's own repr escapes what is unsafe.
        modules, steps = len(self.modules), len(self.steps)
        ran = f"{steps} step{'s' * (steps != 1)}" if self.ran else "not run"
        failed = ""
        if self.failure is not None:
            failed = f", failed in {self.failure.module}" if self.failure.module else ", failed"
        text = f"{self.class_name}: {modules} module{'s' * (modules != 1)}, {ran}{failed}"
        return f"<Trace of {repr(text)[1:-1]}>"
