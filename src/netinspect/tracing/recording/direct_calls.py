"""Direct calls of `forward` that bypass hooks, detected from the running frames."""

from __future__ import annotations

import types
from typing import Any

import torch
from torch import nn

from netinspect.tracing.recording.call_stack import CallStack
from netinspect.tracing.recording.deferred_outputs import is_resumed
from netinspect.tracing.recording.pending_steps import UNSEEN, PendingStep
from netinspect.tracing.safe_access import is_a
from netinspect.tracing.source_lines import Calling, arguments_of, calling_lines, module_of

_NoFunctions = torch._C.DisableTorchFunction


class DirectCalls(CallStack):
    """A call stack that includes module calls without hooks."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.direct: dict[str, None] = {}
        """Paths of the modules whose `forward` was called without their hooks."""

        self.deferring: set[int] = set()
        """Addresses of registered modules that returned a deferred output."""

        self._resumed: dict[int, tuple[types.FrameType, PendingStep]] = {}
        """By address: a directly called generator, and its call."""

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
        known = {id(draft.forward) for draft in self.stack if draft.forward is not None}
        for frame in reversed(calling.forwards):
            module = None if id(frame) in known else module_of(frame)
            around = self.stack[-1].entry if self.stack else None
            # A `forward` that calls that of its base class is one call.
            if not is_a(module, nn.Module) or (around is not None and around.module is module):
                continue
            if (entry := self.registered.find(module)) is None:
                continue
            if (resumed := self._resumed.get(id(frame))) is not None:
                draft = resumed[1]
            elif is_resumed(frame.f_code) and id(module) in self.deferring:
                continue  # it was called through the hooks, when the generator was made
            else:
                args, kwargs = arguments_of(frame)
                with _NoFunctions():
                    draft = self.begin_module(entry, calling_lines(frame.f_back), args, kwargs)
                if is_resumed(frame.f_code):
                    self._resumed[id(frame)] = frame, draft
            draft.forward = frame
            self.stack.append(draft)
            self.direct[entry.path] = None

    def close(self, draft: PendingStep, error: BaseException | None) -> None:
        """End a module call that no hook ended."""
        if draft.forward is not None:
            draft.forward, draft.error = None, error
            draft.output = UNSEEN if error is None else None
