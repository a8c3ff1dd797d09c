"""Activation checkpointing: the repeated blocks of a model run again in backward.

Until then they keep only what they were given.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from torch import nn
from torch.utils.checkpoint import checkpoint

from netinspect.tracing.model.members import children
from netinspect.tracing.safe_access import state_of

Kernels = Callable[[], AbstractContextManager[Any]]
"""Makes a context in which operations are those of the device."""


def checkpoint_blocks(model: nn.Module, kernels: Kernels) -> tuple[str, ...]:
    """Have the repeated blocks of a model recompute their activations.

    A block is one of several children of the same class, with children of their own, in a list or
    sequence of modules; in one that is wrapped, no other is.

    Args:
        model: The model to change: the `forward` of its blocks is replaced.
        kernels: Entered again when a block is recomputed: torch leaves its function modes for backward.

    Returns:
        The paths of the blocks that were wrapped; empty if no block repeats.
    """
    paths = []
    for path, block in _blocks(model, ""):
        state_of(block)["forward"] = _recomputing(block.forward, kernels)
        paths.append(path)
    return tuple(paths)


def _blocks(module: nn.Module, path: str) -> Iterator[tuple[str, nn.Module]]:
    held = children(module)
    class_counts = Counter(id(type(child)) for name, child in held if name.isdigit() and children(child))
    for name, child in held:
        inner = f"{path}.{name}" if path else name
        if name.isdigit() and class_counts[id(type(child))] > 1:
            yield inner, child
        else:
            yield from _blocks(child, inner)


def _recomputing(forward: Callable[..., Any], kernels: Kernels) -> Callable[..., Any]:
    def run(*args: Any, **kwargs: Any) -> Any:
        return checkpoint(
            forward,
            *args,
            use_reentrant=False,
            context_fn=lambda: (nullcontext(), kernels()),
            # Without values, no random state has to be restored.
            preserve_rng_state=False,
            **kwargs,
        )

    return run
