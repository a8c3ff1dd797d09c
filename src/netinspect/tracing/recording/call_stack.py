"""Call stack of a run: the steps of forward, their nesting and their inputs."""

from __future__ import annotations

import itertools
import sys
import weakref
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar

import torch
from torch import nn

from netinspect.records.steps import Step
from netinspect.records.values import Structure
from netinspect.records.work import Work
from netinspect.tracing.model.registered import Entry, Registered
from netinspect.tracing.recording.data_flow import Flow
from netinspect.tracing.recording.functions import Name, name_of_class
from netinspect.tracing.recording.pending_steps import PendingStep, freeze
from netinspect.tracing.source_lines import Calling, runs_torchs_forward
from netinspect.tracing.tensors.describe import describe, describe_call, tensors_of
from netinspect.tracing.tensors.packed_weights import names_of_packed

Item = TypeVar("Item")


class TooManySteps(RuntimeError):
    """Raised before the first step beyond the limit."""


class CallStack:
    """Steps recorded so far in one run of forward.

    Args:
        model: The model.
        backward: Whether to record the `grad_fn` of each output.
        arguments: What the model is called with, by name.
        most_steps: Maximum number of steps; None for no limit.
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        backward: bool,
        arguments: Mapping[str, Any] | None = None,
        most_steps: int | None = None,
    ) -> None:
        super().__init__()
        self.drafts: list[PendingStep] = []
        self.registered = Registered(model)
        self.stack: list[PendingStep] = []
        """The calls of modules that have not ended, outermost first."""

        self.outer: list[PendingStep] = []
        """Open module calls of the thread that started this one."""

        self.flow = Flow()
        self._numbers: Iterator[int] | None = None
        """Shared step counter of all threads; None while there is one thread."""

        self._unregistered: dict[int, tuple[weakref.ref[torch.Tensor], list[PendingStep]]] = {}
        """By address: parameters not registered when steps received them, with those steps."""

        self._backward = backward
        self._most_steps = most_steps
        self._calls: dict[str, int] = {}
        # The arguments outlive the run, so their addresses are theirs alone.
        self._arguments = {
            id(tensor): name for name, value in (arguments or {}).items() for tensor in tensors_of(value)
        }

    @property
    def mapped(self) -> bool:
        """Whether some step ran inside `torch.vmap`."""
        return self.flow.mapped

    def steps(
        self, failure: BaseException | None, work: Mapping[int, tuple[Work, ...]]
    ) -> tuple[Step, ...]:
        """Return the step records; `failure` is the exception of forward, `work` the operator counts."""
        return freeze(self.drafts, failure, work)

    def cut_off(self, error: BaseException) -> None:
        """Set the exception of all open calls; a SystemExit bypasses their hooks."""
        for draft in self.stack:
            draft.error = error

    def innermost(self, error: BaseException) -> PendingStep | None:
        """Return the innermost call that raised an exception; None if no recorded call did."""
        # Calls end from the inside outwards, so the innermost one began last.
        return next((draft for draft in reversed(self.drafts) if draft.error is error), None)

    def share_numbers(self) -> None:
        """Number the steps of all threads in the order in which they begin."""
        if self._numbers is None:
            # A step may be about to begin under the next number.
            self._numbers = itertools.count(len(self.drafts) + 1)

    def merge(self, others: Iterable[list[PendingStep]]) -> None:
        """Merge the steps of other threads into this stack and renumber all of them."""
        own = (draft for drafts in (self.drafts, *others) for draft in list(drafts))
        drafts = sorted(own, key=lambda draft: draft.index)
        places = {draft.index: place for place, draft in enumerate(drafts)}
        calls: dict[str, int] = {}
        for place, draft in enumerate(drafts):
            draft.index = place
            if draft.entry is not None:
                draft.call = calls[draft.module] = calls.get(draft.module, 0) + 1
            elif draft.parent is not None:
                draft.call = draft.parent.call
            draft.producers = tuple(places[each] for each in draft.producers if each in places)
        self.drafts[:] = drafts

    def update_moved_paths(self) -> None:
        """Update the paths of modules that forward moved, for example within a list."""
        moved = self.registered.moved()
        if not moved:
            return
        calls: dict[str, int] = {}
        for draft in self.drafts:
            called = draft if draft.entry is not None else draft.parent
            if called is None or called.entry is None:
                continue
            before = called.entry.path
            now = moved.get(id(called.entry.module), before)
            draft.module = now
            draft.parameters = tuple(
                now + name[len(before) :] if before and name.startswith(f"{before}.") else name
                for name in draft.parameters
            )
            if draft is called:
                calls[now] = calls.get(now, 0) + 1
            draft.call = calls[now] if draft is called else called.call

    def forget(self) -> None:
        """Release all steps."""
        for draft in self.drafts:
            draft.error = draft.handled = None
        self.drafts.clear()

    def around(self) -> PendingStep | None:
        """Return the innermost call of a module that has not ended."""
        if self.stack:
            return self.stack[-1]
        return self.outer[-1] if self.outer else None

    def begin_module(
        self, entry: Entry, calling: Calling, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> PendingStep:
        """Begin a module call; the caller pushes it on the stack."""
        path = entry.path
        self._calls[path] = self._calls.get(path, 0) + 1
        cls: Any = type(entry.module)
        tensors: list[torch.Tensor] = []
        inputs = describe_call(args, kwargs, tensors)
        draft = self._begin(name_of_class(cls), path, entry, calling, inputs, tensors)
        if self.registered.packed:
            self.add_packed(draft, args, kwargs)
        draft.library = runs_torchs_forward(cls)
        return draft

    def begin_function(
        self, called: Name, calling: Calling, inputs: Structure, tensors: list[torch.Tensor]
    ) -> PendingStep:
        """Begin a function call with these tensors."""
        around = self.around()
        path = around.module if around else ""
        return self._begin(called, path, None, calling, inputs, tensors)

    def _begin(
        self,
        called: Name,
        path: str,
        entry: Entry | None,
        calling: Calling,
        inputs: Structure,
        tensors: list[torch.Tensor],
    ) -> PendingStep:
        if self._most_steps is not None and len(self.drafts) >= self._most_steps:
            raise TooManySteps(f"forward takes more than {self._most_steps} steps")
        parent = self.around()
        holder = None if parent is None else parent.entry
        names = self.registered.tensors
        flow = self.flow
        producers: list[int] = []
        parameters: list[str] = []
        arguments: list[str] = []
        unregistered: list[torch.Tensor] = []
        for tensor in tensors:
            name = names.get(id(tensor))
            if name is not None:
                parameters.append(name)
                producers += flow.writers(tensor)
                continue
            made_by = flow.producers(tensor)
            if made_by:
                producers += made_by
            elif (argument := self._arguments.get(id(flow.unwrapped(tensor)))) is not None:
                arguments.append(argument)
            elif type(tensor) is nn.Parameter:
                unregistered.append(tensor)
            if holder is not None and holder.tensors:
                parameters += self.registered.put_in(holder, tensor)
        draft = PendingStep(
            len(self.drafts) if self._numbers is None else next(self._numbers),
            called,
            path,
            parent,
            entry,
            self._calls.get(path) or 1,
            inputs,
            _distinct(producers),
            _distinct(parameters),
            _distinct(arguments),
            calling,
            sys.exc_info()[1],
        )
        for tensor in unregistered:
            known = self._unregistered.get(id(tensor))
            if known is None or known[0]() is not tensor:
                known = self._unregistered[id(tensor)] = weakref.ref(tensor), []
            known[1].append(draft)
        self.drafts.append(draft)
        return draft

    def name_unregistered(self, tensors: Mapping[str, torch.Tensor]) -> None:
        """Name parameters that were registered after a step had received them."""
        for name, tensor in tensors.items() if self._unregistered else ():
            reference, drafts = self._unregistered.get(id(tensor), (None, ()))
            if reference is not None and reference() is tensor:
                for draft in drafts:
                    draft.parameters = _distinct([*draft.parameters, name])

    def add_packed(self, draft: PendingStep, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        """Name the weights that a quantized layer passes in a packed object."""
        packed = names_of_packed((args, kwargs), self.registered.packed)
        draft.parameters = _distinct([*draft.parameters, *packed])

    def end(self, draft: PendingStep, output: Any) -> bool:
        """Record the output of a call; return False if it contains no tensor."""
        tensors: list[torch.Tensor] = []
        draft.output = describe(output, tensors)
        for tensor in tensors:
            # Usually a function inside the module is the producer; the module itself is the producer
            # only if it returns its own input, as Identity does.
            if draft.entry is None or max(self.flow.producers(tensor), default=-1) < draft.index:
                self.flow.made(tensor, draft.index)
            if self._backward and draft.grad_fn is None and tensor.grad_fn is not None:
                draft.grad_fn = type(tensor.grad_fn).__name__
        return bool(tensors)


def _distinct(items: list[Item]) -> tuple[Item, ...]:
    return tuple(items) if len(items) < 2 else tuple(dict.fromkeys(items))
