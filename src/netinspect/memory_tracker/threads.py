"""A tracked run in several threads: each has the modes of the first, and operations take turns.

Modes hold for one thread. The one that makes tensors fake bears no two operations at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch


class InThreads:
    """Enters modes of dispatch in the threads that a run begins; see `observe.threads`.

    Args:
        modes: The modes, outermost first.
    """

    def __init__(self, modes: Sequence[Any]) -> None:
        self._modes = modes

    def enter_thread(self) -> InThreads:
        """Enter the modes in the thread that calls this."""
        # Not by `__enter__`: it notes in the process, and not in the thread, that a mode is on.
        for mode in self._modes:
            torch._C._push_on_torch_dispatch_stack(mode)
        return self

    def leave_thread(self) -> bool:
        """Leave them; return False while an operation is under way, which has put them aside."""
        depth = torch._C._len_torch_dispatch_stack()
        if depth and torch._C._get_dispatch_stack_at(depth - 1) is not self._modes[-1]:
            return False
        for mode in reversed(self._modes):
            torch._C._pop_torch_dispatch_stack(getattr(mode, "_mode_key", None))
        return True
