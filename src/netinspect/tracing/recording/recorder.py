"""Recorder of forward: forward hooks record module calls, a function mode records function calls.

Both mechanisms are public and temporary: hooks are removed and the mode is exited in any case, and
nothing in torch is replaced. Steps are recorded as `PendingStep`; `steps` freezes them to records.
"""

from __future__ import annotations

import copy
import sys
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

from netinspect.errors import class_name
from netinspect.tracing.calling_lines import Calling, calling_lines
from netinspect.tracing.model.registered import Entry
from netinspect.tracing.model.unregistered import CalledModules
from netinspect.tracing.recording.deferred_outputs import consume_output, is_deferred
from netinspect.tracing.recording.direct_calls import DirectCalls
from netinspect.tracing.recording.functions import (
    EXPORTS_VALUES,
    READS_VALUES,
    Name,
    name_of,
    overwritten,
    writes_in_place,
    written,
)
from netinspect.tracing.recording.hooks import has_hooks_of, hooked
from netinspect.tracing.recording.memoised_calls import (
    Key,
    MemoisedCall,
    Uncounted,
    key_of,
    output_factory,
)
from netinspect.tracing.recording.operators import Operators
from netinspect.tracing.recording.pending_steps import innermost_running
from netinspect.tracing.recording.threads import in_all_threads
from netinspect.tracing.safe_access import is_a
from netinspect.tracing.snapshot.model_snapshot import ModelSnapshot
from netinspect.tracing.tensors.describe import LiveTensors, describe_call, tensors_of

_NoFunctions = torch._C.DisableTorchFunction


class Recorder(DirectCalls, TorchFunctionMode):
    """Function mode that records every module call and function call.

    Args:
        model: The model; its modules have hooks while `recording()` is active.
        snapshot: Snapshot of the model, notified before any write to a parameter.
        operators: Mode that counts operators, entered inside this one.
        backward: Whether to record the `grad_fn` of each output.
        arguments: Arguments of the model, by name.
        max_steps: Maximum number of steps; None for no limit.
    """

    def __init__(
        self,
        model: nn.Module,
        snapshot: ModelSnapshot,
        operators: Operators,
        *,
        backward: bool,
        arguments: Mapping[str, Any] | None = None,
        max_steps: int | None = None,
    ) -> None:
        super().__init__(model, backward=backward, arguments=arguments, max_steps=max_steps)
        self.calls_in_older_threads = 0
        """Number of module calls in threads started before the run, where only these are recorded."""

        self.values_exported = False
        """True if values were exported from torch, for example to NumPy."""

        self.interrupted: dict[str, None] = {}
        """Descriptions of modules whose forward returned but whose hook raised, in order."""

        self.unregistered = CalledModules()

        self._snapshot = snapshot
        self._operators = operators
        # Binds the lists and not self, because a reference cycle would outlive the run.
        operators.innermost = partial(innermost_running, self.pending, self.stack, self.outer)
        self._memoised: dict[Key, MemoisedCall] = {}
        self._threads: dict[int, Recorder] = {}
        """Active recorders by thread, including this one."""

        self._attach: Callable[[nn.Module], None]
        self._others: list[Recorder] = []
        """Recorders of all other threads."""

        self._is_temporary = False
        """Whether this records a thread started before the run, during one module call."""

    def __deepcopy__(self, memo: dict[int, Any]) -> Recorder:
        """Return self: hooks of a copied module must share one recorder."""
        return self

    @contextmanager
    def recording(self) -> Iterator[Recorder]:
        """Record the block: attach the hooks and enter the mode in all threads."""
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
                for step in self.stack:
                    step.running = None
                self._merge_others()
                with _NoFunctions():
                    self.update_moved_paths()

    # --- other threads --------------------------------------------------------------------------

    def enter_thread(self) -> Recorder:
        """Start recording in the calling thread; return its recorder."""
        self.share_counter()
        other = copy.copy(self)
        other.pending, other.stack, other.outer, other._memoised = [], [], self.stack, {}
        other._operators = Operators(self._snapshot)
        other._operators.watch = self._operators.watch
        other._operators.innermost = partial(innermost_running, other.pending, other.stack, other.outer)
        other._others = []
        self._others.append(other)
        self._threads[get_ident()] = other
        # Not by `__enter__`, which records in process-wide state that a mode is on.
        torch._C._push_on_torch_function_stack(other)
        torch._C._push_on_torch_dispatch_stack(other._operators)
        return other

    def leave_thread(self) -> bool:
        """Stop recording the thread; return False inside a torch function that suspends modes."""
        functions, operators = torch._C._len_torch_function_stack(), torch._C._len_torch_dispatch_stack()
        if not functions or torch._C._get_function_stack_at(functions - 1) is not self:
            return False
        if not operators or torch._C._get_dispatch_stack_at(operators - 1) is not self._operators:
            return False
        torch._C._pop_torch_dispatch_stack(None)
        torch._C._pop_torch_function_stack()
        if self._current() is self:
            del self._threads[get_ident()]
        return True

    def _merge_others(self) -> None:
        others = list(self._others)
        if others:
            self.merge(other.pending for other in others)
        for other in others:
            self._operators.merge(other._operators)
            self.values_exported |= other.values_exported
            # A thread that outlives the run holds its recorder until its next call.
            other.pending, other.stack = [], []
        self._others.clear()

    def _current(self) -> Recorder | None:
        """Return the recorder of the calling thread; None if the thread is not recorded."""
        return self._threads.get(get_ident())

    # --- modules: hooks -------------------------------------------------------------------------

    def enter_module(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Begin a module call."""
        if (entry := self.registered.find(module)) is None or not self._threads:
            return
        if (current := self._current()) is None:
            current = self.enter_thread()
            current._is_temporary = True
            self.calls_in_older_threads += 1
        with _NoFunctions():
            running = sys._getframe(1)
            calling = current._calling(running)
            current.follow(calling)
            step = current.begin_module(entry, calling, args, kwargs)
            step.running = running
            current.stack.append(step)

    def update_inputs(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Replace the recorded inputs by those that the module's own pre-hooks returned."""
        if self.registered.find(module) is not None and (current := self._current()) is not None:
            with _NoFunctions():
                current.replace_inputs(current.stack[-1], args, kwargs)

    def enter_any(self, module: nn.Module, args: tuple[Any, ...]) -> None:
        """Begin the call of a module that accepts no hooks or was registered during the run."""
        if is_a(module, ScriptModule):
            self.enter_module(module, args, {})
        elif self.registered.find(module) is None and self._threads:
            has_hooks = has_hooks_of(self, module)
            if self.registered.is_new(module):
                for each in self.registered.refresh():
                    self._attach(each)
            if self.registered.find(module) is None:
                if not self.registered.has_all_tensors_of(module):
                    with _NoFunctions():
                        self.unregistered.add(module)
            elif not has_hooks:
                # A call uses the hooks that the module had at its start, so the new ones do not run.
                kwargs = sys._getframe(1).f_locals.get("kwargs")
                self.enter_module(module, args, kwargs if type(kwargs) is dict else {})

    def note_module(self, module: nn.Module, name: str, child: object) -> None:
        """Record the registration of a submodule during forward."""
        self.registered.note_module(module, name, child)

    def note_tensor(self, module: nn.Module, name: str, tensor: object) -> None:
        """Record the registration of a parameter or buffer during forward."""
        self.registered.note_tensor(module, name, tensor)

    def leave_script(self, module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
        """End a module call, if the module is TorchScript."""
        if is_a(module, ScriptModule):
            self.leave_module(module, args, {}, output)

    def leave_module(
        self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any
    ) -> None:
        """End a module call, returned or raised."""
        if (entry := self.registered.find(module)) is None or (current := self._current()) is None:
            return
        if is_deferred(output):
            self.deferring.add(id(module))
        current._leave(entry, output)
        if current._is_temporary and not current.stack:
            current.leave_thread()

    def finish(self, output: Any) -> tuple[Any, list[str]]:
        """Compute deferred parts of the model's output within its call; return output and notes."""
        called = next((step for step in self.pending if step.entry is not None), None)
        if called is None:
            return output, []
        self.stack.append(called)
        consumed = consume_output(output)
        while (step := self.stack.pop()) is not called:
            self.close(step, None)
        if consumed.notes:
            with _NoFunctions():
                self.end(called, consumed.output)
        return consumed.output, consumed.notes

    def _leave(self, entry: Entry, output: Any) -> None:
        # Close inner calls that ended without their hook: by a BaseException or in a JIT frame.
        error = sys.exc_info()[1]
        stack = self.stack
        while stack and (stack[-1].module != entry.path or stack[-1].forward is not None):
            inner = stack.pop()
            inner.running = None
            self.close(inner, None if error is inner.handled else error)
        if not stack:
            return
        step = stack.pop()
        step.running = None
        if error is not None and error is not step.handled:
            step.error = error
            if output is None:
                return
            # Its forward returned, and one of its own hooks raised.
            self.interrupted[f"{entry.path or step.called.display} ({class_name(type(error))})"] = None
        with _NoFunctions():
            self.end(step, output)

    def _calling(self, frame: FrameType, name: str = "") -> Calling:
        if not self.stack:
            return calling_lines(frame, name)
        module = self.stack[-1]
        return calling_lines(frame, name, module.running, module.calling.source)

    # --- functions: the mode --------------------------------------------------------------------

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Run one torch function and record it. Called by torch, with this mode off."""
        kwargs = kwargs or {}
        if not self._threads:  # this thread outlives the run
            return func(*args, **kwargs)
        called = name_of(func)
        if called.may_write or (kwargs and ("out" in kwargs or "inplace" in kwargs)):
            for tensor in written(called.plain, args, kwargs):
                self._snapshot.about_to_write(tensor)
            self.values_exported |= called.plain in EXPORTS_VALUES
        if called.is_query:
            return func(*args, **kwargs)
        calling = self._calling(sys._getframe(1), called.plain)
        if calling.hidden:
            output = func(*args, **kwargs)
            with _NoFunctions():
                self.flow.propagate(tensors_of((args, kwargs)), tensors_of(output))
            return output
        tensors = LiveTensors()
        key = None if self.registered.packed else key_of(func, args, kwargs, tensors)
        memoised = None if key is None else self._memoised.get(key)
        if memoised is None:
            return self._run(func, args, kwargs, called, calling, key)
        # All tensors are plain and no other mode is active, so queries of them run no other code.
        self.follow(calling)
        step = self.begin_function(called, calling, memoised.inputs, tensors)
        try:
            with Uncounted():
                output = memoised.output_factory() if memoised.output_factory else func(*args, **kwargs)
        except BaseException as error:
            step.error = error
            raise
        step.output = memoised.output
        if memoised.tallies:
            self._operators.charge(step, memoised.tallies)
        for tensor in (output,) if is_a(output, torch.Tensor) else tensors_of(output):
            self.flow.add_output(tensor, step.index)
        if memoised.writes:
            for tensor in overwritten(called.plain, args, kwargs):
                self.flow.add_write(tensor, step.index)
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
        """Run and record a function that was not memoised; memoise it under `key`."""
        name = called.plain
        with _NoFunctions():
            tensors = LiveTensors()
            inputs = describe_call(args, kwargs, tensors)
            self.follow(calling)
            step = self.begin_function(called, calling, inputs, tensors)
        try:
            output = func(*args, **kwargs)
        except BaseException as error:
            step.error = error
            raise
        writes = writes_in_place(name, kwargs) or kwargs.get("inplace") is True
        result = args[0] if writes and output is None and args else output
        with _NoFunctions():
            if self.end(step, result) or name in READS_VALUES:
                if writes:
                    for tensor in overwritten(name, args, kwargs):
                        self.flow.add_write(tensor, step.index)
                if key is not None and step.output is not None and self.pending[-1] is step:
                    tallies = self._operators.charged(step)
                    factory = output_factory(output, tensors)
                    self._memoised[key] = MemoisedCall(inputs, step.output, tallies, writes, factory)
            elif self.pending[-1] is step:
                # It read a size or a flag, and is not a step.
                self.pending.pop()
            else:
                step.output = None
        return output
