"""Random state: seeded during a trace and restored after it."""

from __future__ import annotations

import importlib.abc
import importlib.util
import random
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

import torch

_NUMPY = "numpy.random"


class _SeedOnImport(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Import hook that seeds `numpy.random` when it is imported, which NumPy does on first access.

    Importing it for every trace would take 10 ms and 2.6 MiB, although most models only use torch.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._loader: Any = None

    def find_spec(
        self, name: str, path: object = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find the module with the other finders, and load it here. Called by Python."""
        if name != _NUMPY:
            return None
        _remove_hook()
        spec = importlib.util.find_spec(name)
        if spec is not None:
            self._loader, spec.loader = spec.loader, self
        return spec

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Create the module. Called by Python."""
        made: ModuleType | None = self._loader.create_module(spec)
        return made

    def exec_module(self, module: ModuleType) -> None:
        """Execute and seed the module. Called by Python."""
        assert module.__spec__ is not None
        module.__spec__.loader = module.__loader__ = self._loader
        self._loader.exec_module(module)
        module.seed(self._seed)


def _remove_hook() -> None:
    sys.meta_path[:] = [each for each in sys.meta_path if not isinstance(each, _SeedOnImport)]


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy and torch; within `preserved_randomness`.

    `torch.manual_seed` is not used: before CUDA is initialized, it queues a call that seeds CUDA later,
    and the queue cannot be restored.
    """
    random.seed(seed)
    _remove_hook()
    if (module := sys.modules.get(_NUMPY)) is not None:
        module.seed(seed % 2**32)
    elif "numpy" in sys.modules:
        sys.meta_path.insert(0, _SeedOnImport(seed % 2**32))
    torch.default_generator.manual_seed(seed)
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        torch.cuda.manual_seed_all(seed)


@contextmanager
def preserved_randomness() -> Iterator[None]:
    """Restore the random state of Python, NumPy and torch, on all devices, at the end."""
    python_state, module = random.getstate(), sys.modules.get(_NUMPY)
    numpy_state = None if module is None else module.get_state()
    try:
        with torch.random.fork_rng(devices=_initialised_devices()):
            yield
    finally:
        random.setstate(python_state)
        _remove_hook()
        if module is not None:
            module.set_state(numpy_state)
        elif (loaded := sys.modules.get(_NUMPY)) is not None:
            loaded.seed()  # with entropy from the system, as on import


def rewinder(generator: Any) -> Callable[[], object] | None:
    """Return a function that restores the current state of a generator; None for other objects."""
    # With methods of Python, torch and NumPy, because a subclass may override them.
    kind = type(generator)
    if issubclass(kind, torch.Generator):
        state = torch.Generator.get_state(generator)
        return partial(torch.Generator.set_state, generator, state)
    if issubclass(kind, random.SystemRandom):
        return lambda: None  # stateless
    if issubclass(kind, random.Random):
        return partial(random.Random.setstate, generator, random.Random.getstate(generator))
    module = sys.modules.get(_NUMPY)
    if module is None:
        return None
    if issubclass(kind, module.Generator):
        source = module.Generator.bit_generator.__get__(generator)
        return partial(setattr, source, "state", source.state)
    if issubclass(kind, module.RandomState):
        before = module.RandomState.get_state(generator)
        return partial(module.RandomState.set_state, generator, before)
    return None


def _initialised_devices() -> list[int]:
    return list(range(torch.cuda.device_count())) if torch.cuda.is_initialized() else []  # type: ignore[no-untyped-call]
