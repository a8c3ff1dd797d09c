"""Random numbers: drawn from a seed during a look, and the process's own as before after it."""

from __future__ import annotations

import importlib
import random
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch


def numpy_random() -> Any:
    """NumPy's random module, where torch has loaded NumPy; None where there is none.

    NumPy itself loads it when it is first asked for, and then it would start from any state.
    """
    return importlib.import_module("numpy.random") if "numpy" in sys.modules else None


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy and torch.

    `torch.manual_seed` is not used: where CUDA has not been started, it leaves an order to seed it
    later, and nothing takes that back.
    """
    random.seed(seed)
    if (module := numpy_random()) is not None:
        module.seed(seed % 2**32)
    torch.default_generator.manual_seed(seed)
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        torch.cuda.manual_seed_all(seed)


@contextmanager
def preserved_randomness() -> Iterator[None]:
    """Put the random state of Python, NumPy and torch, on all devices, back at the end."""
    python_state, module = random.getstate(), numpy_random()
    numpy_state = None if module is None else module.get_state()
    try:
        with torch.random.fork_rng(devices=_initialised_devices()):
            yield
    finally:
        random.setstate(python_state)
        if module is not None:
            module.set_state(numpy_state)


def rewinder(generator: Any) -> Callable[[], object] | None:
    """Return what puts a generator of a model's own back to where it stands; None for anything else."""
    if isinstance(generator, torch.Generator):
        return partial(generator.set_state, generator.get_state())
    if isinstance(generator, random.SystemRandom):
        return lambda: None  # it has no state
    if isinstance(generator, random.Random):
        return partial(generator.setstate, generator.getstate())
    module = numpy_random()
    if module is None:
        return None
    if isinstance(generator, module.Generator):
        source = generator.bit_generator
        return partial(setattr, source, "state", source.state)
    if isinstance(generator, module.RandomState):
        return partial(generator.set_state, generator.get_state())
    return None


def _initialised_devices() -> list[int]:
    return list(range(torch.cuda.device_count())) if torch.cuda.is_initialized() else []  # type: ignore[no-untyped-call]
