"""Deferred outputs: generators, coroutines, futures and lazy iterators.

Deferred values inside a model are left to their consumers. A deferred output of the model itself is
consumed here, in the same run; otherwise none of it would be executed.
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
from netinspect.tracing.code_owners import owner
from netinspect.tracing.safe_access import class_attribute, is_a, is_users_class

_MAXIMUM_DEPTH = 4
MOST_ITEMS = 256
"""Maximum number of items taken from generators, which may be infinite. The limit holds for all nested
generators together, with at least one item from each."""

MOST_SECONDS = 60.0
"""Maximum time to wait for a future."""

_COROUTINE = 0x80 | 0x200 | 0x20
"""`CO_COROUTINE`, `CO_ASYNC_GENERATOR` and `CO_GENERATOR` of the flags of code."""

_FUTURES = frozenset(map(id, (concurrent.futures.Future, torch.futures.Future, torch._C.Future)))


class _Indexed:
    """A class with `__getitem__` only: Python supplies its iterator."""

    def __getitem__(self, index: int) -> None: ...


_GENERATORS = (types.GeneratorType, types.AsyncGeneratorType)
_CONTAINERS: tuple[Iterable[Any], ...] = ([], (), {}, {}.values(), {}.items(), set(), range(0))

# Their items are computed by functions that they were given, or come from what is computed so.
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
    """Return whether the items or the result of a value are computed on demand."""
    return is_a(value, (*_GENERATORS, types.CoroutineType)) or id(type(value)) in _ITERATORS


def is_resumed(code: types.CodeType) -> bool:
    """Return whether code belongs to a generator or coroutine function."""
    return bool(code.co_flags & _COROUTINE)


class Finished:
    """An output whose deferred parts have been computed.

    Attributes:
        output: The output, with lists of items and results in their place.
    """

    def __init__(self, output: Any) -> None:
        self._notes: dict[str, None] = {}
        self._taken: dict[tuple[str, bool], list[int]] = {}
        self._left = MOST_ITEMS
        self.output = self._of(output)

    @property
    def notes(self) -> list[str]:
        """Notes on how the output was computed."""
        return [*self._notes, *itertools.starmap(_of_items, self._taken.items())]

    def _note(self, text: str) -> None:
        self._notes[text] = None

    def _of(self, value: Any, depth: int = 0) -> Any:
        if depth == _MAXIMUM_DEPTH:
            return value
        if type(value) in (tuple, list, dict):
            held = list(value.values()) if type(value) is dict else list(value)
            finished = [self._of(each, depth + 1) for each in held]
            if all(map(operator.is_, held, finished)):
                return value
            return (
                dict(zip(value, finished, strict=True)) if type(value) is dict else type(value)(finished)
            )
        if is_a(value, types.CoroutineType):
            if _is_in_event_loop():
                value.close()  # else Python warns that it was never awaited
                self._note("forward is a coroutine, and was not run: an event loop runs already")
                return value
            self._note("forward is a coroutine: it was awaited, and its result is the output")
            return self._of(_run(value), depth + 1)
        if id(type(value)) in _FUTURES:
            if not _is_done(value):
                self._note(f"the output is a Future that was not done after {MOST_SECONDS:g} seconds")
                return value
            self._note("the output is a Future: it was waited for, and its result is the output")
            return self._of(
                value.result() if is_a(value, concurrent.futures.Future) else value.wait(), depth + 1
            )
        if not is_deferred(value):
            cls: Any = type(value)
            if is_users_class(cls) and any(
                class_attribute(cls, name) is not None for name in ("__next__", "__anext__", "__await__")
            ):
                kind = plain_name(cls)
                self._note(f"the output is computed only when it is asked for ({kind}): it was not run")
            return value
        kind = plain_name(type(value))
        if is_a(value, types.AsyncGeneratorType) and _is_in_event_loop():
            self._note(f"the output is an {kind}, and was not run: an event loop runs already")
            return value
        if is_a(value, types.GeneratorType) and _wants_answers(value.gi_code):
            items, is_over = _taken(value, 1)
            self._note(
                "the output is a generator that waits for what is sent to it: its first item was taken"
            )
        else:
            items, is_over = _taken(value, max(self._left, 1))
            self._left -= len(items)
            self._taken.setdefault((kind, is_over), []).append(len(items))
        return _list_class(kind)([self._of(each, depth + 1) for each in items])


def _of_items(taken: tuple[str, bool], counts: list[int]) -> str:
    """Return a note on how many items were taken from iterators of one kind."""
    (kind, is_over), count, total = taken, len(counts), sum(counts)
    many = f"{total} item{'s' * (total != 1)}"
    if count == 1:
        of = kind
        end = f"it was run to its end, {many}"
        cut = f"its first {many} were taken, and there may be more"
    else:
        of = f"{count} of {kind}"
        end = f"they were run to their ends, {many}"
        cut = f"their first items were taken, {many}, and there may be more"
    return f"the output is computed only when it is asked for ({of}): {end if is_over else cut}"


def _is_done(future: Any) -> bool:
    """Wait for a future; return False where it is not done in time."""
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


def _wants_answers(code: types.CodeType) -> bool:
    """Return whether a generator of the user's uses what is sent to it, as in `y = yield x`."""
    if owner(code.co_filename) != "user":
        return False  # as that of a decorator of torch's, which hands it on
    names = [each.opname for each in dis.get_instructions(code) if each.opname != "RESUME"]
    after = {later for name, later in itertools.pairwise(names) if name == "YIELD_VALUE"}
    # Without a use, what `yield` gives is dropped; an `await` or `yield from` goes back to its start.
    return any(not name.startswith(("POP_TOP", "JUMP")) for name in after)


def _taken(value: Any, most: int) -> tuple[list[Any], bool]:
    """Take the items of an iterator, up to a number; return them, and whether those are all."""
    if is_a(value, types.AsyncGeneratorType):
        found: tuple[list[Any], bool] = _run(_taken_asynchronously(value, most))
        return found
    items: list[Any] = []
    try:
        while len(items) < most:
            try:
                items.append(next(value))
            except StopIteration:
                return items, True
    finally:
        if is_a(value, types.GeneratorType):
            # Now, since what it does at its end may change the model.
            with suppress(Exception):
                value.close()
    return items, False


async def _taken_asynchronously(value: Any, most: int) -> tuple[list[Any], bool]:
    items: list[Any] = []
    try:
        async for item in value:
            items.append(item)
            if len(items) == most:
                return items, False
    finally:
        with suppress(Exception):
            await value.aclose()
    return items, True


def _is_in_event_loop() -> bool:
    """Return whether this thread is one that awaits something already, as that of a notebook is."""
    import asyncio

    return asyncio._get_running_loop() is not None


def _run(coroutine: Any) -> Any:
    import asyncio

    # Not `asyncio.run`, which leaves the thread without the event loop that it had.
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(coroutine)
    finally:
        # As `asyncio.run` does: Python would complain of tasks that go on.
        if tasks := asyncio.all_tasks(loop):
            for task in tasks:
                task.cancel()
            loop.run_until_complete(asyncio.wait(tasks, timeout=1))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


def run_through(output: Any) -> Finished:
    """Compute the deferred parts of an output.

    The search for the calling line stops at this function's name.
    """
    return Finished(output)
