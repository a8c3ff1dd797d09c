"""The recorder: forward hooks give the module calls, a function mode gives everything in between.

Both are public and temporary: the hooks are removed and the mode is left on any exit, and nothing in
torch is replaced. What is recorded are drafts; `steps` makes the frozen records of them.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar

import torch
from torch import nn
from torch.jit import ScriptModule
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook
from torch.overrides import TorchFunctionMode
from torch.utils.hooks import RemovableHandle

from netinspect.observe.describe import describe, describe_call, tensors_of
from netinspect.observe.drafts import UNSEEN, Draft, freeze, under_way
from netinspect.observe.flow import Flow
from netinspect.observe.frames import (
    Calling,
    arguments_of,
    calling_lines,
    module_of,
    runs_torchs_forward,
)
from netinspect.observe.functions import (
    READS,
    SILENT,
    Name,
    name_of,
    name_of_class,
    overwritten,
    writes_in_place,
    written,
)
from netinspect.observe.guest import Guest
from netinspect.observe.packed import names_of_packed
from netinspect.observe.registered import Registered
from netinspect.records.steps import Step
from netinspect.records.work import Work

Entry = TypeVar("Entry")


class Recorder(TorchFunctionMode):
    """Records every module call and function call while it is entered.

    Args:
        model: The model; its modules get hooks between `recording()`'s begin and end.
        observed: Told before any write to a parameter.
        with_grad: Whether to note the `grad_fn` of each output.
        arguments: What the model is called with, by name.
    """

    def __init__(
        self,
        model: nn.Module,
        observed: Guest,
        *,
        with_grad: bool,
        arguments: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.drafts: list[Draft] = []
        self.elsewhere = 0
        """Calls of modules in other threads, where neither order nor functions can be seen."""

        self.direct: dict[str, None] = {}
        """Paths of the modules whose `forward` was called without their hooks."""

        self.hidden: dict[str, int] = {}
        """Calls of modules that are held but not registered, by class name."""

        self.registered = Registered(model)
        self._guest = observed
        self._with_grad = with_grad
        self._thread: int | None = None
        self._stack: list[Draft] = []
        self._calls: dict[str, int] = {}
        self._flow = Flow()
        # The arguments outlive the run, so their addresses are theirs alone.
        self._arguments = {
            id(tensor): name for name, value in (arguments or {}).items() for tensor in tensors_of(value)
        }

    def __deepcopy__(self, memo: dict[int, Any]) -> Recorder:
        """A forward that copies a module copies our hooks with it; they stay those of one recorder."""
        return self

    @contextmanager
    def recording(self) -> Iterator[Recorder]:
        """Attach the hooks and enter the mode; undo both at the end."""
        handles: list[RemovableHandle] = []
        with ExitStack() as stack:
            stack.callback(_remove, handles)
            if any(isinstance(module, ScriptModule) for module in self.registered.modules()):
                # They take no hooks of their own; those for every module of the process they run.
                handles.append(register_module_forward_pre_hook(self._enter_script))
                handles.append(register_module_forward_hook(self._leave_script, always_call=True))
            for module in self.registered.modules():
                if isinstance(module, ScriptModule):
                    continue
                has_own = bool(module._forward_pre_hooks)
                # First, so that what the module's own pre-hooks do is told as part of its call.
                handles.append(
                    module.register_forward_pre_hook(self._enter_module, prepend=True, with_kwargs=True)
                )
                if has_own:
                    # And last, to see the inputs as they made them.
                    handles.append(module.register_forward_pre_hook(self._see_inputs, with_kwargs=True))
                handles.append(
                    module.register_forward_hook(self._leave_module, with_kwargs=True, always_call=True)
                )
            for module in self._guest.hidden:
                if not isinstance(module, ScriptModule):
                    handles.append(module.register_forward_pre_hook(self._see_hidden))
            self._thread = threading.get_ident()
            stack.callback(self._stop)
            stack.enter_context(self)
            yield self

    def _stop(self) -> None:
        self._thread = None

    @property
    def mapped(self) -> bool:
        """Whether some step ran inside `torch.vmap`."""
        return self._flow.mapped

    def steps(
        self, failure: BaseException | None, work: Mapping[int, tuple[Work, ...]]
    ) -> tuple[Step, ...]:
        """Freeze the drafts; `failure` is what ended forward, if it failed, `work` what each did."""
        return freeze(self.drafts, failure, work)

    def under_way(self) -> Draft | None:
        """Return the innermost step that has begun and not ended."""
        return under_way(self.drafts, self._stack)

    def cut_off(self, error: BaseException) -> None:
        """Note what ended the calls that are still open; a SystemExit passes their hooks by."""
        for draft in self._stack:
            draft.error = error

    def innermost(self, error: BaseException) -> Draft | None:
        """Return the innermost call that raised an exception; None where none of ours did."""
        # Calls end from the inside outwards, so the innermost one began last.
        return next((draft for draft in reversed(self.drafts) if draft.error is error), None)

    # --- modules: hooks -------------------------------------------------------------------------

    def _enter_module(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if (path := self._path(module)) is None:
            return
        with torch._C.DisableTorchFunction():
            calling = calling_lines(sys._getframe(1))
            self._follow(calling)
            self._stack.append(self._begin_module(module, path, calling, args, kwargs))

    def _begin_module(
        self,
        module: nn.Module,
        path: str,
        calling: Calling,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Draft:
        self._calls[path] = self._calls.get(path, 0) + 1
        cls: Any = type(module)
        called = name_of_class(cls)
        draft = self._begin("module", called, path, calling, args, kwargs)
        draft.holder = module
        draft.library = runs_torchs_forward(cls)
        return draft

    def _see_inputs(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if self._path(module) is not None:
            with torch._C.DisableTorchFunction():
                self._stack[-1].inputs = describe_call(args, kwargs)

    def _enter_script(self, module: nn.Module, args: tuple[Any, ...]) -> None:
        if isinstance(module, ScriptModule):
            self._enter_module(module, args, {})

    def _leave_script(self, module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
        if isinstance(module, ScriptModule):
            self._leave_module(module, args, {}, output)

    def _see_hidden(self, module: nn.Module, args: tuple[Any, ...]) -> None:
        if self._thread is not None:
            name = type(module).__name__
            self.hidden[name] = self.hidden.get(name, 0) + 1

    def _leave_module(
        self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any
    ) -> None:
        if (path := self._path(module)) is None:
            return
        # A call that was cut off without its hook, by a BaseException or a JIT frame, is dropped.
        error = sys.exc_info()[1]
        while self._stack and (self._stack[-1].module != path or self._stack[-1].forward is not None):
            inner = self._stack.pop()
            self._close(inner, None if error is inner.handled else error)
        if not self._stack:
            return
        draft = self._stack.pop()
        if error is not None and error is not draft.handled:
            draft.error = error
            return
        with torch._C.DisableTorchFunction():
            self._end(draft, output)

    def _path(self, module: nn.Module) -> str | None:
        """The path of a module that is to be recorded; None for a copy of one, or in another thread."""
        if self._thread != threading.get_ident():
            self.elsewhere += self._thread is not None
            return None
        entry = self.registered.find(module)
        return None if entry is None else entry.path

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
        name = called.plain
        for tensor in written(name, args, kwargs):
            self._guest.about_to_write(tensor)
        if name in SILENT:
            return func(*args, **kwargs)
        with torch._C.DisableTorchFunction():
            calling = calling_lines(sys._getframe(1), name)
            if not calling.hidden:
                self._follow(calling)
                path = self._stack[-1].module if self._stack else ""
                draft = self._begin("function", called, path, calling, args, kwargs)
        if calling.hidden:
            output = func(*args, **kwargs)
            with torch._C.DisableTorchFunction():
                self._flow.pass_on(tensors_of((args, kwargs)), tensors_of(output))
            return output
        try:
            output = func(*args, **kwargs)
        except BaseException as error:
            draft.error = error
            raise
        writes = writes_in_place(name, kwargs) or kwargs.get("inplace") is True
        result = args[0] if writes and output is None and args else output
        with torch._C.DisableTorchFunction():
            if self._end(draft, result) or name in READS:
                if writes:
                    for tensor in overwritten(name, args, kwargs):
                        self._flow.wrote(tensor, draft.index)
            elif self.drafts[-1] is draft:
                # It read a size, a flag or the like: nothing flowed through it.
                self.drafts.pop()
            else:
                draft.output = None
        return output

    # --- both -----------------------------------------------------------------------------------

    def _begin(
        self,
        kind: str,
        called: Name,
        path: str,
        calling: Calling,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
    ) -> Draft:
        parent = self._stack[-1] if self._stack else None
        producers: list[int] = []
        parameters: list[str] = []
        arguments: list[str] = []
        tensors: list[torch.Tensor] = []
        inputs = describe_call(args, kwargs, tensors)
        for tensor in tensors:
            known = self.registered.tensors.get(id(tensor))
            if known is not None:
                parameters.append(known)
                producers += self._flow.writers(tensor)
                continue
            made_by = self._flow.producers(tensor)
            producers += made_by
            if not made_by:
                argument = self._arguments.get(id(self._flow.unwrapped(tensor)))
                arguments += () if argument is None else (argument,)
            if parent is not None and parent.holder is not None:
                parameters += self.registered.put_in(parent.holder, tensor)
        if packed := self.registered.packed:
            parameters += names_of_packed((args, kwargs), packed)
        draft = Draft(
            index=len(self.drafts),
            kind=kind,
            name=called.shown,
            qualified_name=called.qualified,
            module=path,
            parent=None if parent is None else parent.index,
            depth=0 if parent is None else parent.depth + 1,
            call=max(1, self._calls.get(path, 1)),
            inputs=inputs,
            producers=_distinct(producers),
            parameters=_distinct(parameters),
            arguments=_distinct(arguments),
            source=calling.source,
            # What a layer made on the spot does, as in `nn.ReLU()(x)`, is done by the line around it.
            site=calling.site if parent is not None and parent.library else None,
            via=calling.via,
            handled=sys.exc_info()[1],
        )
        self.drafts.append(draft)
        return draft

    def _follow(self, calling: Calling) -> None:
        """Open and close the calls of layers whose `forward` was called directly: no hook tells of it.

        What one was given is read off its variables at its first step; what it returns nobody sees.
        """
        if not calling.forwards and (not self._stack or self._stack[-1].forward is None):
            return
        while self._stack and (running := self._stack[-1].forward) is not None:
            if any(frame is running for frame in calling.forwards):
                break
            self._close(self._stack.pop(), None)
        known = {id(draft.forward) for draft in self._stack if draft.forward is not None}
        for frame in reversed(calling.forwards):
            module = None if id(frame) in known else module_of(frame)
            # A `forward` that calls that of its base class is one call.
            if not isinstance(module, nn.Module) or (self._stack and self._stack[-1].holder is module):
                continue
            if (path := self._path(module)) is None:
                continue
            args, kwargs = arguments_of(frame)
            draft = self._begin_module(module, path, calling_lines(frame.f_back), args, kwargs)
            draft.forward = frame
            self._stack.append(draft)
            self.direct[path] = None

    def _close(self, draft: Draft, error: BaseException | None) -> None:
        if draft.forward is not None:
            draft.forward, draft.error = None, error
            draft.output = UNSEEN if error is None else None

    def _end(self, draft: Draft, output: Any) -> bool:
        """Note what a call returned; False where no tensor is in it."""
        tensors: list[torch.Tensor] = []
        draft.output = describe(output, tensors)
        for tensor in tensors:
            # A module hands on what a function inside it made; only one that returns its own input,
            # as Identity does, is the producer itself.
            if draft.kind == "function" or max(self._flow.producers(tensor), default=-1) < draft.index:
                self._flow.made(tensor, draft.index)
            if self._with_grad and draft.grad_fn is None and tensor.grad_fn is not None:
                draft.grad_fn = type(tensor.grad_fn).__name__
        return bool(tensors)


def _remove(handles: list[RemovableHandle]) -> None:
    for handle in reversed(handles):
        handle.remove()


def _distinct(items: list[Entry]) -> tuple[Entry, ...]:
    return tuple(items) if len(items) < 2 else tuple(dict.fromkeys(items))
