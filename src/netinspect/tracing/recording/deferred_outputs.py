"""Deferred outputs: generators, coroutines, futures and lazy iterators.

Deferred values inside a model are left to their consumers. A deferred output of the model itself is
consumed here, in the same run; otherwise its code would never run.
"""

from __future__ import annotations

import builtins
import concurrent.futures
import dis
import functools
import itertools
import operator
import time
import types
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import torch

from netinspect._utils.classes import plain_name
from netinspect._utils.code_owners import owner
from netinspect.tracing.safe_access import class_attribute, is_a, is_users_class

_MAXIMUM_DEPTH = 4
MOST_ITEMS = 256
"""Maximum number of items taken from generators, which may be infinite. The limit holds for all nested
generators together, with at least one item from each."""

MOST_SECONDS = 60.0
"""Maximum time to wait for a future."""

_RESUMABLE = 0x80 | 0x200 | 0x20
"""Code flags `CO_COROUTINE`, `CO_ASYNC_GENERATOR` and `CO_GENERATOR`."""

_FUTURES = frozenset(map(id, (concurrent.futures.Future, torch.futures.Future, torch._C.Future)))


class _Indexed:
    """A class with only `__getitem__`, for which Python supplies the iterator."""

    def __getitem__(self, index: int) -> None: ...


_GENERATORS = (types.GeneratorType, types.AsyncGeneratorType)
_CONTAINERS: tuple[Iterable[Any], ...] = ([], (), {}, {}.values(), {}.items(), set(), range(0))

# Iterators that compute their items on demand, or may iterate over one that does.
_ITERATORS = frozenset(
    id(each)
    for each in (
        *(builtins.map, builtins.filter, builtins.zip, builtins.enumerate, builtins.reversed),
        *(each for each in vars(itertools).values() if isinstance(each, type)),
        *map(type, map(iter, _CONTAINERS)),
        type(iter(_Indexed())),
        type(iter(int, 1)),
    )
)


def is_deferred(value: Any) -> bool:
    """Return whether a value computes its items or its result on demand."""
    return is_a(value, (*_GENERATORS, types.CoroutineType)) or id(type(value)) in _ITERATORS


def is_resumed(code: types.CodeType) -> bool:
    """Return whether code belongs to a generator or coroutine function."""
    return bool(code.co_flags & _RESUMABLE)


class ConsumedOutput:
    """An output whose deferred parts have been computed.

    Attributes:
        output: The output, with lists of items and results in place of the deferred parts.
    """

    def __init__(self, output: Any) -> None:
        self._notes: dict[str, None] = {}
        self._taken: dict[tuple[str, bool], list[int]] = {}
        self._remaining = MOST_ITEMS
        self.output = self._consume(output)

    @property
    def notes(self) -> list[str]:
        """Notes on how the output was computed."""
        return [*self._notes, *itertools.starmap(_items_note, self._taken.items())]

    def _note(self, text: str) -> None:
        self._notes[text] = None

    def _consume(self, value: Any, depth: int = 0) -> Any:
        if depth == _MAXIMUM_DEPTH:
            return value
        if type(value) in (tuple, list, dict):
            items = list(value.values()) if type(value) is dict else list(value)
            consumed = [self._consume(each, depth + 1) for each in items]
            if all(map(operator.is_, items, consumed)):
                return value
            return (
                dict(zip(value, consumed, strict=True)) if type(value) is dict else type(value)(consumed)
            )
        if is_a(value, types.CoroutineType):
            if _is_in_event_loop():
                value.close()  # otherwise Python warns that it was never awaited
                self._note("forward is a coroutine and was not run: an event loop is already running")
                return value
            self._note("forward is a coroutine; its awaited result is used as output")
            return self._consume(_run(value), depth + 1)
        if id(type(value)) in _FUTURES:
            if not _is_done(value):
                self._note(f"the output is a Future that was not done within {MOST_SECONDS:g} seconds")
                return value
            self._note("the output is a Future; its result is used as output")
            return self._consume(
                value.result() if is_a(value, concurrent.futures.Future) else value.wait(), depth + 1
            )
        if not is_deferred(value):
            cls: Any = type(value)
            if is_users_class(cls) and any(
                class_attribute(cls, name) is not None for name in ("__next__", "__anext__", "__await__")
            ):
                kind = plain_name(cls)
                self._note(f"the output is computed on demand ({kind}) and was not run")
            return value
        kind = plain_name(type(value))
        if is_a(value, types.AsyncGeneratorType) and _is_in_event_loop():
            self._note(f"the output is an {kind} and was not run: an event loop is already running")
            return value
        if is_a(value, types.GeneratorType) and _uses_sent_values(value.gi_code):
            values, is_exhausted = _take(value, 1)
            self._note("the output is a generator that uses sent values: only its first item was taken")
        else:
            values, is_exhausted = _take(value, max(self._remaining, 1))
            self._remaining -= len(values)
            self._taken.setdefault((kind, is_exhausted), []).append(len(values))
        return _list_class(kind)([self._consume(each, depth + 1) for each in values])


def _items_note(taken: tuple[str, bool], counts: list[int]) -> str:
    """Return a note with the number of items taken from iterators of one kind."""
    (kind, is_exhausted), count, total = taken, len(counts), sum(counts)
    items = f"{total} item{'s' * (total != 1)}"
    iterators = kind if count == 1 else f"{count} x {kind}"
    were = "was" if total == 1 else "were"
    extent = f"all {items} {were} taken"
    if not is_exhausted:
        extent = f"the first {items} {were} taken, and there may be more"
    return f"the output is computed on demand ({iterators}): {extent}"


def _is_done(future: Any) -> bool:
    """Wait for a future; return False if it is not done in time."""
    end = time.monotonic() + MOST_SECONDS
    while not future.done():
        if time.monotonic() > end:
            return False
        time.sleep(0.001)
    return True


@functools.cache
def _list_class(kind: str) -> type[list[Any]]:
    """Return a list class with the name of the iterator's class."""
    return type(kind, (list,), {})


def _uses_sent_values(code: types.CodeType) -> bool:
    """Return whether a user's generator uses sent values, as in `y = yield x`."""
    if owner(code.co_filename) != "user":
        return False  # for example a decorator of torch, which forwards sent values
    names = [each.opname for each in dis.get_instructions(code) if each.opname != "RESUME"]
    after = {later for name, later in itertools.pairwise(names) if name == "YIELD_VALUE"}
    # An unused value of `yield` is popped; `await` and `yield from` jump back.
    return any(not name.startswith(("POP_TOP", "JUMP")) for name in after)


def _take(value: Any, limit: int) -> tuple[list[Any], bool]:
    """Take at most `limit` items of an iterator; return them, and whether the iterator is exhausted."""
    if is_a(value, types.AsyncGeneratorType):
        found: tuple[list[Any], bool] = _run(_take_async(value, limit))
        return found
    items: list[Any] = []
    try:
        while len(items) < limit:
            try:
                items.append(next(value))
            except StopIteration:
                return items, True
    finally:
        if is_a(value, types.GeneratorType):
            # Close it now, because its cleanup may change the model.
            with suppress(Exception):
                value.close()
    return items, False


async def _take_async(value: Any, limit: int) -> tuple[list[Any], bool]:
    items: list[Any] = []
    try:
        async for item in value:
            items.append(item)
            if len(items) == limit:
                return items, False
    finally:
        with suppress(Exception):
            await value.aclose()
    return items, True


def _is_in_event_loop() -> bool:
    """Return whether this thread runs an event loop, as in a notebook."""
    import asyncio

    return asyncio._get_running_loop() is not None


def _run(coroutine: Any) -> Any:
    import asyncio

    # Not `asyncio.run`, which removes the current event loop of the thread.
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(coroutine)
    finally:
        # As in `asyncio.run`; otherwise Python warns about pending tasks.
        if tasks := asyncio.all_tasks(loop):
            for task in tasks:
                task.cancel()
            loop.run_until_complete(asyncio.wait(tasks, timeout=1))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


def consume_output(output: Any) -> ConsumedOutput:
    """Compute the deferred parts of an output.

    `calling_lines` recognizes this function by its name as an entry point into user code.
    """
    return ConsumedOutput(output)
