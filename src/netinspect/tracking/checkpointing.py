"""Activation checkpointing: the repeated blocks of a model run again in backward.

Until then they keep only what they were given.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from torch import nn
from torch.utils.checkpoint import checkpoint


def checkpoint_blocks(model: nn.Module) -> tuple[str, ...]:
    """Have the repeated blocks of a model recompute their activations.

    A block is one of several children of the same class, with children of their own, in a list or
    sequence of modules; in one that is wrapped, no other is.

    Args:
        model: A model of this look's own: its blocks' `forward` is replaced.

    Returns:
        The paths of the blocks that were wrapped; empty where there are none.
    """
    paths = []
    for path, block in _blocks(model, ""):
        block.forward = _recomputing(block.forward)
        paths.append(path)
    return tuple(paths)


def _blocks(module: nn.Module, path: str) -> Iterator[tuple[str, nn.Module]]:
    children = list(module.named_children())
    alike = Counter(
        type(child) for name, child in children if name.isdigit() and next(child.children(), None)
    )
    for name, child in children:
        inner = f"{path}.{name}" if path else name
        if name.isdigit() and alike[type(child)] > 1:
            yield inner, child
        else:
            yield from _blocks(child, inner)


def _recomputing(forward: Callable[..., Any]) -> Callable[..., Any]:
    def run(*args: Any, **kwargs: Any) -> Any:
        # Without values there are no random numbers either that would have to be drawn again alike.
        return checkpoint(forward, *args, use_reentrant=False, preserve_rng_state=False, **kwargs)

    return run
