"""Call stack of a run: the steps of forward, their nesting and their inputs."""

from __future__ import annotations

import itertools
import sys
import weakref
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import torch
from torch import nn

from netinspect.records.base import replace
from netinspect.records.steps import Origin, Step
from netinspect.records.values import Structure
from netinspect.records.work import Work
from netinspect.tracing.calling_lines import Calling
from netinspect.tracing.definitions import runs_torchs_forward
from netinspect.tracing.model.registered import Entry, Registered
from netinspect.tracing.recording.data_flow import UNKNOWN, DataFlow
from netinspect.tracing.recording.functions import Name, name_of_class
from netinspect.tracing.recording.pending_steps import PendingStep, freeze
from netinspect.tracing.tensors.describe import LiveTensors, describe, describe_call, tensors_of


class TooManySteps(RuntimeError):
    """Raised before the first step beyond the limit."""


class CallStack:
    """Steps recorded so far in one run of forward.

    Args:
        model: The model.
        backward: Whether to record the `grad_fn` of each output.
        arguments: Arguments of the model, by name.
        max_steps: Maximum number of steps; None for no limit.
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        backward: bool,
        arguments: Mapping[str, Any] | None = None,
        max_steps: int | None = None,
    ) -> None:
        super().__init__()
        self.pending: list[PendingStep] = []
        self.registered = Registered(model)
        self.stack: list[PendingStep] = []
        """Open module calls, outermost first."""

        self.outer: list[PendingStep] = []
        """Open module calls of the thread that started this one."""

        # The arguments outlive the run, so no other object reuses their addresses.
        self.flow = DataFlow(
            (name, tensor) for name, value in (arguments or {}).items() for tensor in tensors_of(value)
        )
        self._places: dict[int, int] = {}
        """Final numbers of the steps, if the steps of several threads were merged."""

        self._numbers: Iterator[int] | None = None
        """Shared step counter of all threads; None while there is one thread."""

        self._unregistered: dict[
            int, tuple[weakref.ref[torch.Tensor], list[tuple[PendingStep, int]]]
        ] = {}
        """Parameters that were not registered when steps received them, by address, with those steps and
        the positions of the origins."""

        self._backward = backward
        self._max_steps = max_steps
        self._calls: dict[str, int] = {}

    @property
    def uses_vmap(self) -> bool:
        """True if some step ran inside `torch.vmap`."""
        return self.flow.uses_vmap

    def steps(
        self, failure: BaseException | None, work: Mapping[int, tuple[Work, ...]]
    ) -> tuple[Step, ...]:
        """Return the step records; `failure` is the exception of forward, `work` the operator counts."""
        return freeze(self.pending, failure, work)

    def fail_open_calls(self, error: BaseException) -> None:
        """Mark all open calls as failed; a SystemExit bypasses their hooks."""
        for step in self.stack:
            step.error = error

    def innermost_raising(self, error: BaseException) -> PendingStep | None:
        """Return the innermost call that raised an exception; None if no recorded call did."""
        # Calls end from the inside outwards, so the innermost one began last.
        return next((step for step in reversed(self.pending) if step.error is error), None)

    def share_counter(self) -> None:
        """Number the steps of all threads in the order in which they begin."""
        if self._numbers is None:
            # Another step may be about to take the next number.
            self._numbers = itertools.count(len(self.pending) + 1)

    def merge(self, others: Iterable[list[PendingStep]]) -> None:
        """Merge the steps of other threads into this stack and renumber all of them."""
        own = (step for pending in (self.pending, *others) for step in list(pending))
        pending = sorted(own, key=lambda step: step.index)
        self._places = {step.index: place for place, step in enumerate(pending)}
        calls: dict[str, int] = {}
        for place, step in enumerate(pending):
            step.index = place
            if step.entry is not None:
                step.call = calls[step.module] = calls.get(step.module, 0) + 1
            elif step.parent is not None:
                step.call = step.parent.call
            step.origins = [self._renumbered(origin) for origin in step.origins]
        self.pending[:] = pending

    def _renumbered(self, origin: Origin) -> Origin:
        places = self._places
        if not places or not origin.producers:
            return origin
        return replace(
            origin, producers=tuple(places[each] for each in origin.producers if each in places)
        )

    def update_moved_paths(self) -> None:
        """Update the paths of modules that forward moved, for example within a `ModuleList`."""
        moved = self.registered.moved()
        if not moved:
            return
        calls: dict[str, int] = {}
        for step in self.pending:
            called = step if step.entry is not None else step.parent
            if called is None or called.entry is None:
                continue
            old = called.entry.path
            new = moved.get(id(called.entry.module), old)
            step.module = new
            if old:
                step.origins = [_moved(origin, f"{old}.", f"{new}.") for origin in step.origins]
            if step is called:
                calls[new] = calls.get(new, 0) + 1
            step.call = calls[new] if step is called else called.call

    def release(self) -> None:
        """Drop all steps, and with them the frames that their exceptions hold."""
        for step in self.pending:
            step.error = step.handled = None
        self.pending.clear()

    def open_module(self) -> PendingStep | None:
        """Return the innermost open module call; None outside of all modules."""
        if self.stack:
            return self.stack[-1]
        return self.outer[-1] if self.outer else None

    def begin_module(
        self, entry: Entry, calling: Calling, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> PendingStep:
        """Begin a module call; the caller pushes it onto the stack."""
        path = entry.path
        self._calls[path] = self._calls.get(path, 0) + 1
        cls: Any = type(entry.module)
        tensors = LiveTensors()
        inputs = describe_call(args, kwargs, tensors)
        step = self._begin(name_of_class(cls), path, entry, calling, inputs, tensors)
        step.library = runs_torchs_forward(cls)
        return step

    def begin_function(
        self, called: Name, calling: Calling, inputs: Structure, tensors: LiveTensors
    ) -> PendingStep:
        """Begin a function call with these tensors."""
        parent = self.open_module()
        path = parent.module if parent else ""
        return self._begin(called, path, None, calling, inputs, tensors)

    def _begin(
        self,
        called: Name,
        path: str,
        entry: Entry | None,
        calling: Calling,
        inputs: Structure,
        tensors: LiveTensors,
    ) -> PendingStep:
        if self._max_steps is not None and len(self.pending) >= self._max_steps:
            raise TooManySteps(f"forward takes more than {self._max_steps} steps")
        parent = self.open_module()
        origins = self._origins(tensors, None if parent is None else parent.entry)
        step = PendingStep(
            len(self.pending) if self._numbers is None else next(self._numbers),
            called,
            path,
            parent,
            entry,
            self._calls.get(path) or 1,
            inputs,
            origins,
            calling,
            sys.exc_info()[1],
        )
        if not tensors.packed and id(UNKNOWN) in map(id, origins):
            self._note_unregistered(step, tensors)
        self.pending.append(step)
        return step

    def _origins(self, tensors: LiveTensors, caller: Entry | None) -> list[Origin]:
        """Return the origins of tensors.

        Args:
            tensors: The tensors.
            caller: Module whose forward received them; None outside of all modules.
        """
        registered, flow = self.registered, self.flow
        origins: list[Origin] = []
        for tensor in tensors:
            name = registered.tensors.get(id(tensor))
            if name is not None:
                origin = flow.parameter(tensor, name)
            else:
                origin = flow.origin(tensor)
                if caller is not None and caller.tensors:
                    names = registered.replaced_names(caller, tensor)
                    origin = replace(origin, parameters=tuple(names)) if names else origin
            origins.append(origin)
        for position in tensors.in_objects:
            origins[position] = replace(origins[position], in_object=True)
        for position, packed, count in reversed(tensors.packed):
            named = registered.packed.get(id(packed))
            origins[position:position] = (
                [Origin(parameters=(name,)) for name in named] if named else [UNKNOWN] * count
            )
        return origins

    def origins_of(self, tensors: LiveTensors) -> tuple[Origin, ...]:
        """Return the origins of tensors outside of all calls, such as those in the output of the run."""
        return tuple(map(self._renumbered, self._origins(tensors, None)))

    def replace_inputs(
        self, step: PendingStep, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> None:
        """Replace the recorded inputs of a module call by those that its own pre-hooks returned."""
        tensors = LiveTensors()
        step.inputs = describe_call(args, kwargs, tensors)
        given, caller = step.origins, None if step.parent is None else step.parent.entry
        step.origins = self._origins(tensors, caller)
        for position, origin in enumerate(step.origins):
            # Steps of the hooks are part of this call; they used what the call was given.
            if max(origin.producers, default=-1) >= step.index:
                step.origins[position] = given[position] if position < len(given) else UNKNOWN

    def _note_unregistered(self, step: PendingStep, tensors: LiveTensors) -> None:
        for position, tensor in enumerate(tensors):
            if step.origins[position] is UNKNOWN and type(tensor) is nn.Parameter:
                known = self._unregistered.get(id(tensor))
                if known is None or known[0]() is not tensor:
                    known = self._unregistered[id(tensor)] = weakref.ref(tensor), []
                known[1].append((step, position))

    def name_unregistered(self, tensors: Mapping[str, torch.Tensor]) -> None:
        """Name parameters that were registered after a step had received them."""
        for name, tensor in tensors.items() if self._unregistered else ():
            reference, pending = self._unregistered.get(id(tensor), (None, ()))
            if reference is not None and reference() is tensor:
                for step, position in pending:
                    names = (*step.origins[position].parameters, name)
                    step.origins[position] = replace(step.origins[position], parameters=names)

    def end(self, step: PendingStep, output: Any) -> bool:
        """Record the output of a call; return False if it contains no tensor."""
        tensors = LiveTensors()
        step.output = describe(output, tensors)
        for tensor in tensors:
            # Usually a function inside the module is the producer; the module itself is the producer
            # only if it returns its own input, as Identity does. The root returns arguments as such.
            if step.entry is None or self._returns_input(step, self.flow.origin(tensor)):
                self.flow.add_output(tensor, step.index)
            if self._backward and step.grad_fn is None and tensor.grad_fn is not None:
                step.grad_fn = type(tensor.grad_fn).__name__
        return bool(tensors)

    def _returns_input(self, step: PendingStep, origin: Origin) -> bool:
        is_older = max(origin.producers, default=-1) < step.index
        return is_older and (step.parent is not None or not origin.arguments)


def _moved(origin: Origin, old: str, new: str) -> Origin:
    """Return an origin with another prefix of the names of its parameters."""
    if not any(name.startswith(old) for name in origin.parameters):
        return origin
    names = [new + name[len(old) :] if name.startswith(old) else name for name in origin.parameters]
    return replace(origin, parameters=tuple(names))
