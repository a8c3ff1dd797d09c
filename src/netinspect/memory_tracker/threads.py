"""Threads of a tracked run: each thread enters the modes of the first one.

Modes are thread-local. The fake tensor mode does not support concurrent operations, so these are
serialized.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch


class ThreadModes:
    """Dispatch modes for the threads that a run starts; see `tracing.recording.threads`.

    Args:
        modes: The modes, outermost first.
    """

    def __init__(self, modes: Sequence[Any]) -> None:
        self._modes = modes

    def enter_thread(self) -> ThreadModes:
        """Enter the modes in the calling thread."""
        # Not by `__enter__`, which records in process-wide state that a mode is on.
        for mode in self._modes:
            torch._C._push_on_torch_dispatch_stack(mode)
        return self

    def leave_thread(self) -> bool:
        """Exit the modes; return False inside an operation, which suspends them."""
        depth = torch._C._len_torch_dispatch_stack()
        if depth and torch._C._get_dispatch_stack_at(depth - 1) is not self._modes[-1]:
            return False
        for mode in reversed(self._modes):
            torch._C._pop_torch_dispatch_stack(getattr(mode, "_mode_key", None))
        return True
