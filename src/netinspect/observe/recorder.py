"""The recorder: forward hooks give the module calls, a function mode gives everything in between.

Both are public and temporary: the hooks are removed and the mode is left on any exit, and nothing in
torch is replaced. What is recorded are drafts; `steps` makes the frozen records of them.
"""

from __future__ import annotations

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

from netinspect.kinds import plain_name
from netinspect.observe.describe import describe_call, tensors_of
from netinspect.observe.drafts import UNSEEN, Draft, under_way
from netinspect.observe.frames import (
    Calling,
    arguments_of,
    calling_lines,
    module_of,
)
from netinspect.observe.functions import (
    HANDS_OUT,
    READS,
    Name,
    name_of,
    overwritten,
    writes_in_place,
    written,
)
from netinspect.observe.guest import Guest
from netinspect.observe.hooks import hooked
from netinspect.observe.inert import is_a
from netinspect.observe.operators import Operators
from netinspect.observe.progress import Progress
from netinspect.observe.registered import Entry
from netinspect.observe.repeats import Key, Known, Uncounted, key_of, stand_in

_NoFunctions = torch._C.DisableTorchFunction


class Recorder(Progress, TorchFunctionMode):
    """Records every module call and function call while it is entered.

    Args:
        model: The model; its modules get hooks between `recording()`'s begin and end.
        observed: Told before any write to a parameter.
        operators: Counts what runs, and is entered within this.
        with_grad: Whether to note the `grad_fn` of each output.
        arguments: What the model is called with, by name.
    """

    def __init__(
        self,
        model: nn.Module,
        observed: Guest,
        operators: Operators,
        *,
        with_grad: bool,
        arguments: Mapping[str, Any] | None = None,
        most_steps: int | None = None,
    ) -> None:
        super().__init__(model, with_grad=with_grad, arguments=arguments, most_steps=most_steps)
        self.elsewhere = 0
        """Calls of modules in other threads, where neither order nor functions can be seen."""

        self.threads = 0
        """Threads that forward began."""

        self.handed_out = False
        """Whether values left torch, as for NumPy."""

        self.direct: dict[str, None] = {}
        """Paths of the modules whose `forward` was called without their hooks."""

        self.hidden: dict[str, int] = {}
        """Calls of modules that are held but not registered, by class name."""

        self._guest = observed
        self._operators = operators
        # Of the lists and not of this: what refers to itself outlives the look.
        operators.innermost = partial(under_way, self.drafts, self.stack)
        self._known: dict[Key, Known] = {}
        self._thread: int | None = None

    def __deepcopy__(self, memo: dict[int, Any]) -> Recorder:
        """A forward that copies a module copies our hooks with it; they stay those of one recorder."""
        return self

    @contextmanager
    def recording(self) -> Iterator[Recorder]:
        """Attach the hooks and enter the mode; undo both at the end."""
        with hooked(self, self.registered.modules(), self._guest.hidden):
            self._thread = get_ident()
            try:
                with self:
                    yield self
            finally:
                self._thread = None
                for draft in self.stack:
                    draft.running = None

    # --- modules: hooks -------------------------------------------------------------------------

    def enter_module(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Begin the call of a module."""
        if (entry := self._entry(module)) is None:
            return
        with _NoFunctions():
            running = sys._getframe(1)
            calling = self._calling(running)
            self._follow(calling)
            draft = self.begin_module(entry, calling, args, kwargs)
            draft.running = running
            self.stack.append(draft)

    def see_inputs(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Tell the inputs of the call anew, as the module's own hooks made them."""
        if self._entry(module) is not None:
            with _NoFunctions():
                self.stack[-1].inputs = describe_call(args, kwargs)

    def enter_script(self, module: nn.Module, args: tuple[Any, ...]) -> None:
        """Begin the call of a module, if it is TorchScript."""
        if is_a(module, ScriptModule):
            self.enter_module(module, args, {})

    def leave_script(self, module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
        """End the call of a module, if it is TorchScript."""
        if is_a(module, ScriptModule):
            self.leave_module(module, args, {}, output)

    def see_hidden(self, module: nn.Module, args: tuple[Any, ...]) -> None:
        """Count a call of a module that is no part of the model."""
        if self._thread is not None:
            name = plain_name(type(module))
            self.hidden[name] = self.hidden.get(name, 0) + 1

    def leave_module(
        self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any
    ) -> None:
        """End the call of a module, whether it returned or raised."""
        if (entry := self._entry(module)) is None:
            return
        # A call that was cut off without its hook, by a BaseException or a JIT frame, is dropped.
        error = sys.exc_info()[1]
        stack = self.stack
        while stack and (stack[-1].module != entry.path or stack[-1].forward is not None):
            inner = stack.pop()
            inner.running = None
            self._close(inner, None if error is inner.handled else error)
        if not stack:
            return
        draft = stack.pop()
        draft.running = None
        if error is not None and error is not draft.handled:
            draft.error = error
            return
        with _NoFunctions():
            self.end(draft, output)

    def _entry(self, module: nn.Module) -> Entry | None:
        """A module that is to be recorded; None for a copy of one, or in another thread."""
        if self._thread != get_ident():
            self.elsewhere += self._thread is not None
            return None
        return self.registered.find(module)

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
        called = name_of(func)
        if called.may_write or (kwargs and ("out" in kwargs or "inplace" in kwargs)):
            for tensor in written(called.plain, args, kwargs):
                self._guest.about_to_write(tensor)
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
        # Its tensors are torch's own, and no other mode is on: nothing has to be kept from asking them.
        self._follow(calling)
        draft = self.begin_function(called, calling, known.inputs, tensors)
        try:
            with Uncounted():
                output = known.stand_in() if known.stand_in else func(*args, **kwargs)
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
        """Run a function whose like was not seen before, and remember it under its key."""
        name = called.plain
        with _NoFunctions():
            tensors: list[torch.Tensor] = []
            inputs = describe_call(args, kwargs, tensors)
            self._follow(calling)
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
                    made = stand_in(output, tensors)
                    self._known[key] = Known(inputs, draft.output, tallies, writes, made)
            elif self.drafts[-1] is draft:
                # It read a size, a flag or the like: nothing flowed through it.
                self.drafts.pop()
            else:
                draft.output = None
        return output

    def _follow(self, calling: Calling) -> None:
        """Open and close the calls of layers whose `forward` was called directly: no hook tells of it.

        What one was given is read off its variables at its first step; what it returns nobody sees.
        """
        if not calling.forwards and (not self.stack or self.stack[-1].forward is None):
            return
        while self.stack and (running := self.stack[-1].forward) is not None:
            if any(frame is running for frame in calling.forwards):
                break
            self._close(self.stack.pop(), None)
        known = {id(draft.forward) for draft in self.stack if draft.forward is not None}
        for frame in reversed(calling.forwards):
            module = None if id(frame) in known else module_of(frame)
            around = self.stack[-1].entry if self.stack else None
            # A `forward` that calls that of its base class is one call.
            if not is_a(module, nn.Module) or (around is not None and around.module is module):
                continue
            if (entry := self._entry(module)) is None:
                continue
            args, kwargs = arguments_of(frame)
            with _NoFunctions():
                draft = self.begin_module(entry, calling_lines(frame.f_back), args, kwargs)
            draft.forward = frame
            self.stack.append(draft)
            self.direct[entry.path] = None

    def _close(self, draft: Draft, error: BaseException | None) -> None:
        if draft.forward is not None:
            draft.forward, draft.error = None, error
            draft.output = UNSEEN if error is None else None
