"""Activation checkpointing: the repeated blocks of a model run again in backward.

Until then, only their inputs stay in memory.
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
"""Returns a context in which operators run as on the device."""


def checkpoint_blocks(model: nn.Module, kernels: Kernels) -> tuple[str, ...]:
    """Make the repeated blocks of a model recompute their activations.

    A block is one of several children of the same class in a ModuleList or Sequential, with children of
    its own. Blocks inside a wrapped block are not wrapped.

    Args:
        model: The model to change; the `forward` of its blocks is replaced.
        kernels: Context to enter when a block is recomputed, because torch exits function modes before
            backward.

    Returns:
        The paths of the wrapped blocks; empty if no block repeats.
    """
    paths = []
    for path, block in _blocks(model, ""):
        state_of(block)["forward"] = _recomputing(block.forward, kernels)
        paths.append(path)
    return tuple(paths)


def _blocks(module: nn.Module, path: str) -> Iterator[tuple[str, nn.Module]]:
    named = children(module)
    class_counts = Counter(
        id(type(child)) for name, child in named if name.isdigit() and children(child)
    )
    for name, child in named:
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
