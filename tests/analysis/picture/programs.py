"""Models for tests of pictures: random nested programs, and those with an unusual flow of data."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from hypothesis import strategies as st
from torch import Tensor, nn

from tests.nets.case import rows


class Holder:
    """An object that is not a plain container, such as a KV cache."""

    def __init__(self, value: Tensor) -> None:
        self.value = value


class Call(NamedTuple):
    """One line of a random program."""

    what: str
    """`linear`, `relu`, `dropout`, `add`, `add_`, `split`, or `block`, `held` for a call of a block."""

    reads: tuple[int, int]
    """Numbers of the values it reads, modulo the number of values so far."""

    block: int
    """Number of the block, modulo the number of blocks."""


class Program(nn.Module):
    """A random program; all its values have the shape (2, 4)."""

    def __init__(self, lines: Sequence[Call], blocks: Sequence[Program], returns: int) -> None:
        super().__init__()
        self.lines, self.returns = lines, returns
        self.linear = nn.Linear(4, 4)
        self.dropout = nn.Dropout()
        self.blocks = nn.ModuleList(blocks)

    def forward(self, *values: Tensor | Holder) -> Any:
        found = [each.value if isinstance(each, Holder) else each for each in values]
        for line in self.lines:
            one, other = (found[each % len(found)] for each in line.reads)
            if line.what in ("block", "held") and len(self.blocks):
                block = self.blocks[line.block % len(self.blocks)]
                made = block(one, Holder(other) if line.what == "held" else other)
                found += made if isinstance(made, tuple) else [made]
            elif line.what == "linear":
                found.append(self.linear(one))
            elif line.what == "dropout":
                found.append(self.dropout(one))
            elif line.what == "add_":
                found.append(one.clone().add_(other))
            elif line.what == "split":
                found += (torch.cat([each, each], 1) for each in one.split(2, 1))
            else:
                found.append(one + other if line.what == "add" else F.relu(one))
        return tuple(found[-self.returns :]) if self.returns > 1 else found[-1]


_LINES = st.builds(
    Call,
    st.sampled_from(["linear", "relu", "relu", "dropout", "add", "add_", "split", "block", "held"]),
    st.tuples(st.integers(0, 9), st.integers(0, 9)),
    st.integers(0, 2),
)


def _programs(blocks: st.SearchStrategy[Program]) -> st.SearchStrategy[Program]:
    lines = st.lists(_LINES, max_size=6)
    # A part that comes several times gives repeated groups and stacks.
    repeated = st.builds(lambda part, times, end: part * times + end, lines, st.integers(1, 4), lines)
    return st.builds(Program, repeated, st.lists(blocks, max_size=3), st.integers(1, 2))


PROGRAMS = _programs(
    _programs(_programs(st.nothing() | st.builds(Program, st.just([]), st.just([]), st.just(1))))
)
"""Random programs of up to four levels."""


class Unused(nn.Module):
    """A block that is called several times, with a layer that no call uses."""

    def __init__(self) -> None:
        super().__init__()
        self.block = nn.Sequential(nn.Linear(4, 4))
        self.block.register_module("unused", None)
        self.shared = WithUnused()

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(4):
            x = self.shared(x)
        return x


class WithUnused(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.never = nn.Sequential(nn.Linear(4, 4), nn.Dropout())

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.linear(x) + x
        return out


class Cached(nn.Module):
    """Blocks that write into an object that all of them get."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(CachedBlock() for _ in range(5))

    def forward(self, x: Tensor) -> Tensor:
        cache = Cache()
        for block in self.blocks:
            x = block(x, cache)
        return x


class Cache:
    """Tensors by the number of a block."""

    def __init__(self) -> None:
        self.keys: list[Tensor] = []


class CachedBlock(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x: Tensor, cache: Cache) -> Tensor:
        cache.keys.append(self.linear(x))
        return x + cache.keys[-1]


class Lazily(nn.Module):
    """A module whose forward is a generator, so that its calls are between those of its reader."""

    def __init__(self) -> None:
        super().__init__()
        self.parts = Parts()
        self.linear = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        parts = self.parts(x)
        return x + sum(self.linear(part) for part in parts)


class Parts(nn.Module):
    def forward(self, x: Tensor) -> Iterator[Tensor]:
        for number in range(3):
            yield x * number


class Threads(nn.Module):
    """Two modules that run at the same time, each waiting for the other."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.other = Turns(), Turns()

    def forward(self, x: Tensor) -> Tensor:
        barrier = threading.Barrier(2)
        found: dict[int, Tensor] = {}

        def run(number: int, module: nn.Module) -> None:
            found[number] = module(x, barrier)

        threads = [threading.Thread(target=run, args=each) for each in enumerate((self.one, self.other))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return found[0] + found[1]


class Turns(nn.Module):
    def forward(self, x: Tensor, barrier: threading.Barrier) -> Tensor:
        for _ in range(3):
            barrier.wait(10)
            x = x + 1
        return x


class Dense(nn.Module):
    """Each layer reads the outputs of all layers before it; the first has more than eight readers."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(4 * (number + 1), 4) for number in range(12))

    def forward(self, x: Tensor) -> Tensor:
        found = [x]
        for layer in self.layers:
            found.append(F.relu(layer(torch.cat(found, 1))))
        return torch.cat(found, 1)


class Cells(nn.Module):
    """A cell that a loop calls many times."""

    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.GRUCell(4, 4)
        self.head = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        state = torch.zeros(2, 4)
        for _ in range(20):
            state = self.cell(x, state)
        out: Tensor = self.head(state)
        return out


class Through(nn.Module):
    """Returns an input, and does not read another one."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Identity()

    def forward(self, x: Tensor, *more: Tensor, mask: Tensor, unused: Any = None) -> dict[str, Any]:
        return {"x": x, "more": [self.inner(each) for each in more], "mask": mask}


class Long(nn.Module):
    """One body of many calls."""

    def __init__(self, calls: int = 700) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(4, 4) for _ in range(3))
        self.calls = calls

    def forward(self, x: Tensor) -> Tensor:
        first = x
        for number in range(self.calls):
            x = self.layers[number % 3](x) * number
            if number % 50 == 0:
                x = x + first
        return x


class Helpers(nn.Module):
    """Modules that are called through other methods, are not registered, or are not called at all."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = Inner()
        self.loose = [nn.Linear(4, 4), nn.ReLU()]

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.loose:
            x = layer(x)
        return self.inner.help(x) + self.inner.linear(x)


class Inner(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.other = nn.ModuleList([nn.Linear(4, 4), nn.Tanh()])

    def help(self, x: Tensor) -> Tensor:
        for layer in self.other:
            x = layer(x)
        return x


class NoForward(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.tower = nn.Sequential(nn.Linear(4, 4), nn.ReLU())


class Nothing(nn.Module):
    """Calls nothing."""

    def forward(self, x: Tensor) -> Tensor:
        return x


x = rows(2, 4)
MODELS: dict[str, tuple[type[nn.Module], tuple[Any, ...], dict[str, Any]]] = {
    "unused": (Unused, (x,), {}),
    "cached": (Cached, (x,), {}),
    "lazily": (Lazily, (x,), {}),
    "threads": (Threads, (x,), {}),
    "dense": (Dense, (x,), {}),
    "cells": (Cells, (x,), {}),
    "through": (Through, (x, x + 1, x + 2), {"mask": x > 0, "unused": x - 1}),
    "long": (Long, (x,), {}),
    "helpers": (Helpers, (x,), {}),
    "no forward": (NoForward, (x,), {}),
    "nothing": (Nothing, (x,), {}),
}
"""Classes with positional and keyword arguments."""
