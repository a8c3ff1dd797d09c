"""The `Trace` record, from which every number and view is computed."""

from __future__ import annotations

from typing import ClassVar
from typing import Literal as OneOf

from netinspect.records.base import record
from netinspect.records.modules import Change, Hook, Module
from netinspect.records.steps import Failure, Origin, Step
from netinspect.records.symbols import Symbolic
from netinspect.records.tensors import Buffer, Parameter, Unregistered
from netinspect.records.values import Value
from netinspect.records.work import Work

RUN_FILE = "--run-file runs the whole file"
"""End of warnings that a file of the project was run in part, or that an action in it was refused."""


ARGUMENTS_READ = "(--arg changes them)"
"""End of warnings that arguments of the class or factory were read from files of the project."""


def is_about_loading(warning: str) -> bool:
    """Return whether a warning is about how the model of the target was imported and built."""
    return warning.endswith((RUN_FILE, ARGUMENTS_READ))


CHANGES = ("forward made: ", "forward replaced: ", "forward removed: ")
"""First words of warnings about changes of registered modules and tensors."""


@record
class Versions:
    """Versions of the software that wrote the record."""

    netinspect: str
    torch: str
    python: str


GIVEN = "given"
"""`Input.origin` of an input from the user; more may follow after a semicolon."""


def is_given(origin: str) -> bool:
    """Return whether an input of this origin is from the user."""
    return origin.partition(";")[0] == GIVEN


@record
class Input:
    """One argument of `forward`."""

    name: str
    value: Value
    spec: str
    """The input spec of such a value, or those of its entries, joined by spaces; empty if no spec can
    describe it."""

    origin: str
    """Origin of the input: the user, a declaration, or the evidence that it was inferred from."""

    @property
    def specs(self) -> list[str]:
        """Its input specs: one, or one for each entry of a container."""
        return split_specs(self.spec)


def split_specs(text: str) -> list[str]:
    """Split input specs that are joined by spaces; plain values may contain spaces themselves."""
    specs: list[str] = []
    start, depth, quote, escaped = 0, 0, "", False
    for index, character in enumerate(text):
        if quote:
            quote = "" if character == quote and not escaped else quote
            escaped = character == "\\" and not escaped
        elif character in "'\"":
            quote = character
        elif character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
        elif character == " " and depth <= 0:
            specs.append(text[start:index])
            start = index + 1
    specs.append(text[start:])
    return [each for each in specs if each]


@record
class Attempt:
    """One run of forward during the inference of inputs."""

    inputs: tuple[str, ...]
    """Input specs of the run."""

    why: str
    outcome: str
    """`passed`, or the place and the message of the failure."""


@record
class Code:
    """The source of one class."""

    class_path: str
    file: str
    first_line: int
    lines: tuple[str, ...]


@record
class Backward:
    """The backward that computed the gradients of the parameters."""

    outputs: int
    """Number of output tensors that were differentiated."""

    description: str
    work: tuple[Work, ...] = ()
    """All operators of the backward; autograd does not report the modules that they belong to."""


@record
class Trace:
    """One model and one run of it: its modules, tensors, and every step of its forward."""

    # `netinspect-trace` is the schema of the report of the command `trace`.
    schema: ClassVar[str] = "netinspect-saved-trace"
    schema_version: ClassVar[int] = 3

    target: str
    """The target as typed; the class name if a live module was given."""

    class_name: str
    versions: Versions
    modules: tuple[Module, ...]
    """Modules, root first, depth first, in the order of `_modules`."""

    parameters: tuple[Parameter, ...]
    buffers: tuple[Buffer, ...]
    hook_dictionaries: tuple[str, ...]
    """Names of all attributes for hooks that a module has in this version of torch."""

    global_hooks: tuple[Hook, ...]
    """Hooks registered for every module of the process."""

    ran: bool
    """True if forward was run."""

    inputs: tuple[Input, ...]
    example: tuple[str, ...]
    """The input specs that the model's own file declares; used if no inputs are given."""

    steps: tuple[Step, ...]
    output: Value | None
    """None if forward did not return."""

    output_values: str | None
    """The output as torch prints it, if values were requested."""

    mode: OneOf["eval", "train"]
    """The mode that forward ran in; each module's own mode is `Module.training`."""

    tensor_mode: OneOf["real", "meta", "zeros", "fake"]
    """The tensors that forward ran on: `real` ones on the model's own device; `meta` ones, which have a
    shape and no values; `fake` ones, the same with a device; or `zeros` on the CPU, where large weights
    are zeros that take no memory."""

    seed: int
    failure: Failure | None
    backward: Backward | None
    code: tuple[Code, ...]
    warnings: tuple[str, ...]
    """Notes for the user on the trace itself."""

    call: str = "forward"
    """Method of the model that was run."""

    attempts: tuple[Attempt, ...] = ()
    """Runs that inferred the inputs; empty if inputs were given or declared."""

    counted: OneOf["no", "partly", "yes"] = "no"
    """`yes` if the work of all steps was counted, `partly` if some work could not be observed."""

    out_of_time: bool = False
    """True if a search for inputs or sizes reached its time limit: another trace may find more."""

    no_forward: str | None = None
    """If the model has no forward, and so was not run: suggested other targets."""

    changes: tuple[Change, ...] = ()
    """Modules and tensors that forward registered, replaced and removed. Modules, parameters and buffers
    are those after the run, and those that the run used and removed."""

    unregistered: tuple[Unregistered, ...] = ()
    """Modules and tensors in use that are not registered; those that forward makes and calls, once for
    each class and size."""

    output_origins: tuple[Origin, ...] = ()
    """Origins of the tensors in `output`, in the order of `tensors_in`."""

    symbolic: Symbolic | None = None
    """The sizes that are reported as symbols; None if none were requested."""

    def __repr__(self) -> str:
        # The generated repr would fill many screens of a session. `repr` escapes unsafe characters.
        modules, steps = len(self.modules), len(self.steps)
        ran = f"{steps} step{'s' * (steps != 1)}" if self.ran else "not run"
        failed = ""
        if self.failure is not None:
            failed = f", failed in {self.failure.module}" if self.failure.module else ", failed"
        text = f"{self.class_name}: {modules} module{'s' * (modules != 1)}, {ran}{failed}"
        return f"<Trace of {repr(text)[1:-1]}>"
