"""Random numbers: drawn from a seed during a look, and the process's own as before after it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import numpy
import torch

Generator = torch.Generator | random.Random | numpy.random.Generator | numpy.random.RandomState
GENERATORS = (torch.Generator, random.Random, numpy.random.Generator, numpy.random.RandomState)


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy and torch.

    `torch.manual_seed` is not used: where CUDA has not been started, it leaves an order to seed it
    later, and nothing takes that back.
    """
    random.seed(seed)
    numpy.random.seed(seed % 2**32)
    torch.default_generator.manual_seed(seed)
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        torch.cuda.manual_seed_all(seed)


@contextmanager
def preserved_randomness() -> Iterator[None]:
    """Put the random state of Python, NumPy and torch, on all devices, back at the end."""
    python_state, numpy_state = random.getstate(), numpy.random.get_state()
    try:
        with torch.random.fork_rng(devices=_initialised_devices()):
            yield
    finally:
        random.setstate(python_state)
        numpy.random.set_state(numpy_state)


def rewinder(generator: Generator) -> Callable[[], object]:
    """Return what puts a generator of a model's own back to where it stands now."""
    if isinstance(generator, random.SystemRandom):
        return lambda: None  # it has no state
    if isinstance(generator, random.Random):
        return partial(generator.setstate, generator.getstate())
    if isinstance(generator, numpy.random.Generator):
        source = generator.bit_generator
        return partial(setattr, source, "state", source.state)
    if isinstance(generator, numpy.random.RandomState):
        return partial(generator.set_state, generator.get_state())
    return partial(generator.set_state, generator.get_state())


def _initialised_devices() -> list[int]:
    return list(range(torch.cuda.device_count())) if torch.cuda.is_initialized() else []  # type: ignore[no-untyped-call]
