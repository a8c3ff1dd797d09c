"""The recorder: forward hooks give the module calls, a function mode gives everything in between.

Both are public and temporary: the hooks are removed and the mode is left on any exit, and nothing in
torch is replaced. Steps are recorded as `PendingStep`; `steps` freezes them to records.
"""

from __future__ import annotations

import copy
import sys
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from threading import get_ident
from types import FrameType
from typing import Any

import torch
from torch import nn
from torch.jit import ScriptModule
from torch.overrides import TorchFunctionMode

from netinspect._utils.classes import plain_name
from netinspect.errors import class_name
from netinspect.tracing.model.registered import Entry
from netinspect.tracing.recording.deferred_outputs import is_deferred, run_through
from netinspect.tracing.recording.direct_calls import DirectCalls
from netinspect.tracing.recording.functions import (
    HANDS_OUT,
    READS,
    Name,
    name_of,
    overwritten,
    writes_in_place,
    written,
)
from netinspect.tracing.recording.hooks import has_hooks_of, hooked
from netinspect.tracing.recording.memoised_calls import Key, Known, Uncounted, key_of, memoised_call
from netinspect.tracing.recording.operators import Operators
from netinspect.tracing.recording.pending_steps import under_way
from netinspect.tracing.recording.threads import in_all_threads
from netinspect.tracing.safe_access import is_a
from netinspect.tracing.snapshot.model_snapshot import ModelSnapshot
from netinspect.tracing.source_lines import Calling, calling_lines
from netinspect.tracing.tensors.describe import describe_call, tensors_of

_NoFunctions = torch._C.DisableTorchFunction


class Recorder(DirectCalls, TorchFunctionMode):
    """Records every module call and function call while it is entered.

    Args:
        model: The model; its modules get hooks between `recording()`'s begin and end.
        observed: Snapshot of the model, notified before any write to a parameter.
        operators: Counts what runs, and is entered within this.
        backward: Whether to record the `grad_fn` of each output.
        arguments: What the model is called with, by name.
    """

    def __init__(
        self,
        model: nn.Module,
        observed: ModelSnapshot,
        operators: Operators,
        *,
        backward: bool,
        arguments: Mapping[str, Any] | None = None,
        most_steps: int | None = None,
    ) -> None:
        super().__init__(model, backward=backward, arguments=arguments, most_steps=most_steps)
        self.elsewhere = 0
        """Module calls in threads started earlier, where functions outside modules are not recorded."""

        self.handed_out = False
        """Whether values left torch, for example to NumPy."""

        self.interrupted: dict[str, None] = {}
        """Modules whose forward returned but whose hook raised, with the exception."""

        self.hidden: list[tuple[weakref.ref[nn.Module], str]] = []
        """Calls of modules with unregistered parameters: the module, and its class name."""

        self._snapshot = observed
        self._operators = operators
        # Bind the lists and not self: a reference cycle would outlive the run.
        operators.innermost = partial(under_way, self.drafts, self.stack, self.outer)
        self._known: dict[Key, Known] = {}
        self._threads: dict[int, Recorder] = {}
        """Active recorders by thread, including this one."""

        self._attach: Callable[[nn.Module], None]
        self._others: list[Recorder] = []
        """Recorders of all other threads."""

        self._is_borrowed = False
        """Whether this records a thread started earlier, and only during its module calls."""

    def __deepcopy__(self, memo: dict[int, Any]) -> Recorder:
        """Return self: hooks of a copied module must share one recorder."""
        return self

    @contextmanager
    def recording(self) -> Iterator[Recorder]:
        """Attach the hooks and enter the modes in all threads; undo both at the end."""
        with (
            hooked(self, self.registered.modules()) as hooks,
            in_all_threads(self),
        ):
            self._attach = hooks.attach
            self._threads[get_ident()] = self
            try:
                with self:
                    yield self
            finally:
                self._threads.clear()
                del self._attach
                for draft in self.stack:
                    draft.running = None
                self._merge_others()
                with _NoFunctions():
                    self.update_moved_paths()

    # --- other threads --------------------------------------------------------------------------

    def enter_thread(self) -> Recorder:
        """Start recording in the calling thread; return its recorder."""
        self.share_numbers()
        other = copy.copy(self)
        other.drafts, other.stack, other.outer, other._known = [], [], self.stack, {}
        other._operators = Operators(self._snapshot)
        other._operators.innermost = partial(under_way, other.drafts, other.stack, other.outer)
        other._others = []
        self._others.append(other)
        self._threads[get_ident()] = other
        # Not by `__enter__`: it notes in the process, and not in the thread, that a mode is on.
        torch._C._push_on_torch_function_stack(other)
        torch._C._push_on_torch_dispatch_stack(other._operators)
        return other

    def leave_thread(self) -> bool:
        """End that; return False while a function of torch's is under way, which has put modes aside."""
        functions, operators = torch._C._len_torch_function_stack(), torch._C._len_torch_dispatch_stack()
        if not functions or torch._C._get_function_stack_at(functions - 1) is not self:
            return False
        if not operators or torch._C._get_dispatch_stack_at(operators - 1) is not self._operators:
            return False
        torch._C._pop_torch_dispatch_stack(None)
        torch._C._pop_torch_function_stack()
        if self._here() is self:
            del self._threads[get_ident()]
        return True

    def _merge_others(self) -> None:
        others = list(self._others)
        if others:
            self.merge(other.drafts for other in others)
        for other in others:
            self._operators.merge(other._operators)
            self.handed_out |= other.handed_out
            # A thread that continues holds its recorder until its next call.
            other.drafts, other.stack = [], []
        self._others.clear()

    def _here(self) -> Recorder | None:
        """Return the recorder of the calling thread; None if it is not recorded."""
        return self._threads.get(get_ident())

    # --- modules: hooks -------------------------------------------------------------------------

    def enter_module(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Begin the call of a module."""
        if (entry := self.registered.find(module)) is None or not self._threads:
            return
        if (here := self._here()) is None:
            here = self.enter_thread()
            here._is_borrowed = True
            self.elsewhere += 1
        with _NoFunctions():
            running = sys._getframe(1)
            calling = here._calling(running)
            here.follow(calling)
            draft = here.begin_module(entry, calling, args, kwargs)
            draft.running = running
            here.stack.append(draft)

    def see_inputs(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Record the inputs again, as changed by the module's own pre-hooks."""
        if self.registered.find(module) is not None and (here := self._here()) is not None:
            with _NoFunctions():
                here.stack[-1].inputs = describe_call(args, kwargs)

    def enter_any(self, module: nn.Module, args: tuple[Any, ...]) -> None:
        """Begin the call of a module that takes no hooks or was registered during the run."""
        if is_a(module, ScriptModule):
            self.enter_module(module, args, {})
        elif self.registered.find(module) is None and self._threads:
            has_hooks = has_hooks_of(self, module)
            if self.registered.is_new(module):
                for each in self.registered.refresh():
                    self._attach(each)
            if self.registered.find(module) is None:
                if not self.registered.has_all_tensors_of(module):
                    self.hidden.append((weakref.ref(module), plain_name(type(module))))
            elif not has_hooks:
                # Its own hooks are those that it had when it was called.
                kwargs = sys._getframe(1).f_locals.get("kwargs")
                self.enter_module(module, args, kwargs if type(kwargs) is dict else {})

    def note_module(self, module: nn.Module, name: str, child: object) -> None:
        """Record a module that is registered during forward."""
        self.registered.note_module(module, name, child)

    def note_tensor(self, module: nn.Module, name: str, tensor: object) -> None:
        """Record a parameter or buffer that is registered during forward."""
        self.registered.note_tensor(module, name, tensor)

    def leave_script(self, module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
        """End the call of a module, if it is TorchScript."""
        if is_a(module, ScriptModule):
            self.leave_module(module, args, {}, output)

    def leave_module(
        self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any
    ) -> None:
        """End the call of a module, whether it returned or raised."""
        if (entry := self.registered.find(module)) is None or (here := self._here()) is None:
            return
        if is_deferred(output):
            self.deferring.add(id(module))
        here._leave(entry, output)
        if here._is_borrowed and not here.stack:
            here.leave_thread()

    def finish(self, output: Any) -> tuple[Any, list[str]]:
        """Compute the deferred parts of the model's output within its call; return output and notes."""
        called = next((draft for draft in self.drafts if draft.entry is not None), None)
        if called is None:
            return output, []
        self.stack.append(called)
        finished = run_through(output)
        while (draft := self.stack.pop()) is not called:
            self.close(draft, None)
        if finished.notes:
            with _NoFunctions():
                self.end(called, finished.output)
        return finished.output, finished.notes

    def _leave(self, entry: Entry, output: Any) -> None:
        # A call that was cut off without its hook, by a BaseException or a JIT frame, is dropped.
        error = sys.exc_info()[1]
        stack = self.stack
        while stack and (stack[-1].module != entry.path or stack[-1].forward is not None):
            inner = stack.pop()
            inner.running = None
            self.close(inner, None if error is inner.handled else error)
        if not stack:
            return
        draft = stack.pop()
        draft.running = None
        if error is not None and error is not draft.handled:
            draft.error = error
            if output is None:
                return
            # Its forward had returned, and a hook of its own raised.
            self.interrupted[f"{entry.path or draft.called.shown} ({class_name(type(error))})"] = None
        with _NoFunctions():
            self.end(draft, output)

    def _calling(self, frame: FrameType, name: str = "") -> Calling:
        if not self.stack:
            return calling_lines(frame, name)
        around = self.stack[-1]
        return calling_lines(frame, name, around.running, around.calling.source)

    # --- functions: the mode --------------------------------------------------------------------

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Run one torch function and record it. Called by torch, with the mode itself off."""
        kwargs = kwargs or {}
        if not self._threads:  # a thread that continues after the run
            return func(*args, **kwargs)
        called = name_of(func)
        if called.may_write or (kwargs and ("out" in kwargs or "inplace" in kwargs)):
            for tensor in written(called.plain, args, kwargs):
                self._snapshot.about_to_write(tensor)
            self.handed_out |= called.plain in HANDS_OUT
        if called.is_silent:
            return func(*args, **kwargs)
        calling = self._calling(sys._getframe(1), called.plain)
        if calling.hidden:
            output = func(*args, **kwargs)
            with _NoFunctions():
                self.flow.pass_on(tensors_of((args, kwargs)), tensors_of(output))
            return output
        tensors: list[torch.Tensor] = []
        key = None if self.registered.packed else key_of(func, args, kwargs, tensors)
        known = None if key is None else self._known.get(key)
        if known is None:
            return self._run(func, args, kwargs, called, calling, key)
        # Plain tensors and no other mode: querying them runs no other code.
        self.follow(calling)
        draft = self.begin_function(called, calling, known.inputs, tensors)
        try:
            with Uncounted():
                output = known.memoised_call() if known.memoised_call else func(*args, **kwargs)
        except BaseException as error:
            draft.error = error
            raise
        draft.output = known.output
        if known.tallies:
            self._operators.charge(draft, known.tallies)
        for tensor in (output,) if is_a(output, torch.Tensor) else tensors_of(output):
            self.flow.made(tensor, draft.index)
        if known.writes:
            for tensor in overwritten(called.plain, args, kwargs):
                self.flow.wrote(tensor, draft.index)
        return output

    def _run(
        self,
        func: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        called: Name,
        calling: Calling,
        key: Key | None,
    ) -> Any:
        """Run a function without a memoised equal call, and store it under its key."""
        name = called.plain
        with _NoFunctions():
            tensors: list[torch.Tensor] = []
            inputs = describe_call(args, kwargs, tensors)
            self.follow(calling)
            draft = self.begin_function(called, calling, inputs, tensors)
            if self.registered.packed:
                self.add_packed(draft, args, kwargs)
        try:
            output = func(*args, **kwargs)
        except BaseException as error:
            draft.error = error
            raise
        writes = writes_in_place(name, kwargs) or kwargs.get("inplace") is True
        result = args[0] if writes and output is None and args else output
        with _NoFunctions():
            if self.end(draft, result) or name in READS:
                if writes:
                    for tensor in overwritten(name, args, kwargs):
                        self.flow.wrote(tensor, draft.index)
                if key is not None and draft.output is not None and self.drafts[-1] is draft:
                    tallies = self._operators.charged(draft)
                    made = memoised_call(output, tensors)
                    self._known[key] = Known(inputs, draft.output, tallies, writes, made)
            elif self.drafts[-1] is draft:
                # It read a size or a flag: not a step.
                self.drafts.pop()
            else:
                draft.output = None
        return output
