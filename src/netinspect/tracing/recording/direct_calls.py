"""Direct calls of `forward` that bypass hooks, detected from the running frames."""

from __future__ import annotations

import inspect
import types
from typing import Any

import torch
from torch import nn

from netinspect.tracing.calling_lines import Calling, calling_lines
from netinspect.tracing.recording.call_stack import CallStack
from netinspect.tracing.recording.deferred_outputs import is_resumed
from netinspect.tracing.recording.pending_steps import UNSEEN, PendingStep
from netinspect.tracing.safe_access import is_a

_NoFunctions = torch._C.DisableTorchFunction


class DirectCalls(CallStack):
    """A call stack that includes module calls without hooks."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.direct: dict[str, None] = {}
        """Paths of modules whose `forward` was called without their hooks."""

        self.deferring: set[int] = set()
        """Addresses of registered modules that returned a deferred output."""

        self._resumed: dict[int, tuple[types.FrameType, PendingStep]] = {}
        """Frames of directly called generators with their calls, by address of the frame."""

    def follow(self, calling: Calling) -> None:
        """Open and close the calls of layers whose `forward` was called directly.

        Inputs are read from the variables of the frame at its first step; outputs are unknown.
        """
        if not calling.forwards and (not self.stack or self.stack[-1].forward is None):
            return
        while self.stack and (running := self.stack[-1].forward) is not None:
            if any(frame is running for frame in calling.forwards):
                break
            self.close(self.stack.pop(), None)
        known = {id(step.forward) for step in self.stack if step.forward is not None}
        for frame in reversed(calling.forwards):
            module = None if id(frame) in known else _module_of(frame)
            caller = self.stack[-1].entry if self.stack else None
            # A `forward` and the `forward` of its base class are one call.
            if not is_a(module, nn.Module) or (caller is not None and caller.module is module):
                continue
            if (entry := self.registered.find(module)) is None:
                continue
            if (resumed := self._resumed.get(id(frame))) is not None:
                step = resumed[1]
            elif is_resumed(frame.f_code) and id(module) in self.deferring:
                continue  # the call that created the generator went through the hooks
            else:
                args, kwargs = _arguments_of(frame)
                with _NoFunctions():
                    step = self.begin_module(entry, calling_lines(frame.f_back), args, kwargs)
                if is_resumed(frame.f_code):
                    self._resumed[id(frame)] = frame, step
            step.forward = frame
            self.stack.append(step)
            self.direct[entry.path] = None

    def close(self, step: PendingStep, error: BaseException | None) -> None:
        """End a module call that no hook ended."""
        if step.forward is not None:
            step.forward, step.error = None, error
            step.output = UNSEEN if error is None else None


def _module_of(forward: types.FrameType) -> Any:
    """Return the `self` of a running forward; None if the function has none."""
    names = forward.f_code.co_varnames[: forward.f_code.co_argcount]
    return forward.f_locals.get(names[0]) if names else None


def _arguments_of(forward: types.FrameType) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the positional and keyword arguments of a running forward, read from its variables."""
    values = inspect.getargvalues(forward)
    found = [values.locals[name] for name in values.args[1:] if name in values.locals]
    more = values.locals.get(values.varargs, ()) if values.varargs else ()
    named = values.locals.get(values.keywords, {}) if values.keywords else {}
    return (*found, *more), dict(named)
