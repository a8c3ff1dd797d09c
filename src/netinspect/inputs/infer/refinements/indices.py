"""Refinements of indices: vectors for functions that select rows, and one id per example."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from netinspect.inputs.infer.argument_names import Meaning, meaning_of
from netinspect.inputs.infer.candidate import Candidate
from netinspect.inputs.infer.refinements.failed_attempt import FailedAttempt
from netinspect.records.base import replace
from netinspect.records.dataflow import sources_of
from netinspect.records.steps import Origin, Step
from netinspect.records.values import Literal, Structure, TensorSpec, Value, tensors_in

Shape = tuple[int, ...]


class _Index(NamedTuple):
    """Expected index of a function."""

    shape: Shape
    rows: int
    """Number of rows that it may point to."""


class _Operands(NamedTuple):
    """Arguments of a function, by position and by name."""

    step: Step

    def find(self, *keys: str) -> Value | None:
        items = {item.key: item.value for item in self.step.inputs.items}
        return next((items[key] for key in keys if key in items), None)

    def shape(self, *keys: str) -> Shape | None:
        """Return the shape of a tensor; None for another value or a symbolic size."""
        value = self.find(*keys)
        if not isinstance(value, TensorSpec):
            return None
        sizes = [size for size in value.shape if isinstance(size, int)]
        return tuple(sizes) if len(sizes) == len(value.shape) else None

    def number(self, *keys: str) -> int | None:
        value = self.find(*keys)
        text = value.text if isinstance(value, Literal) else ""
        return int(text) if text.lstrip("-").isdigit() else None

    def along(self, dimension: int | None, *keys: str) -> int | None:
        """Return the size of a tensor along a dimension."""
        shape = self.shape(*keys)
        if shape is None or dimension is None or not -len(shape) <= dimension < len(shape):
            return None
        return shape[dimension]

    def origin(self, *keys: str) -> Origin | None:
        """Return the origin of a tensor argument."""
        origins = iter(self.step.input_origins)
        for item in self.step.inputs.items:
            mine = [next(origins, None) for _ in tensors_in(Structure(type="tuple", items=(item,)))]
            if item.key in keys:
                return next(iter(mine), None)
        return None


_SELF, _DIMENSION, _INDEX, _SOURCE = ("0", "input", "self"), ("1", "dim"), ("2", "index"), ("3", "src")


def _selected(given: _Operands) -> _Index | None:
    """Return an index that selects every row once."""
    rows = given.along(given.number(*_DIMENSION), *_SELF)
    return None if rows is None else _Index((rows,), rows)


def _added(given: _Operands) -> _Index | None:
    """Return an index that has one target for each row of the source."""
    dimension = given.number(*_DIMENSION)
    length = given.along(dimension, "3", "source", "src")
    rows = given.along(dimension, *_SELF)
    return None if rows is None or length is None else _Index((length,), rows)


def _gathered(given: _Operands) -> _Index | None:
    """Return an index that picks one element along the dimension."""
    shape, dimension = given.shape(*_SELF), given.number("1", "dim")
    rows = given.along(dimension, *_SELF)
    if shape is None or dimension is None or rows is None:
        return None
    at = dimension % len(shape)
    return _Index((*shape[:at], 1, *shape[at + 1 :]), rows)


def _scattered(given: _Operands) -> _Index | None:
    """Return an index that has one target for each element of the source."""
    rows, shape = given.along(given.number(*_DIMENSION), *_SELF), given.shape(*_SOURCE)
    picked = _gathered(given)
    if rows is None or picked is None:
        return None
    return _Index(shape if shape is not None else picked.shape, rows)


def _counted(given: _Operands) -> _Index | None:
    shape = given.shape("0", "input")
    return None if not shape else _Index((shape[0],), shape[0])


def _encoded(given: _Operands) -> _Index | None:
    """Return one class per example."""
    shape, classes = given.shape("0", "input", "tensor"), given.number("1", "num_classes")
    return None if not shape or not classes or classes < 1 else _Index((shape[0],), classes)


def _looked_up(given: _Operands) -> _Index | None:
    shape = given.shape("0")
    return None if not shape else _Index((shape[0],), shape[0])


_EXPECTED: dict[str, tuple[tuple[str, ...], Callable[[_Operands], _Index | None]]] = {
    "index_select": (_INDEX, _selected),
    **dict.fromkeys(("index_add", "index_copy"), (_INDEX, _added)),
    "index_fill": (_INDEX, _selected),
    **dict.fromkeys(("gather", "take_along_dim"), (_INDEX, _gathered)),
    **dict.fromkeys(("scatter", "scatter_add", "scatter_reduce"), (_INDEX, _scattered)),
    "bincount": (("0", "input"), _counted),
    "one_hot": (("0", "input", "tensor"), _encoded),
    "getitem": (("1",), _looked_up),
}
"""Keys of the index by function, and what is expected of it."""


def index_argument(failed: FailedAttempt) -> Iterator[Candidate]:
    """Yield candidates in which an argument that a function uses as index has integers in range."""
    step = failed.step
    keys, expect = _EXPECTED.get(step.name.strip("_") if step else "", ((), None))
    if step is None or expect is None:
        return
    given = _Operands(step)
    wanted, origin = expect(given), given.origin(*keys)
    if wanted is None or origin is None or 0 in (*wanted.shape, wanted.rows):
        return
    for name in sources_of([origin], failed.result.forward.steps):
        guess = failed.candidate.get(name)
        if guess is None or guess.spec.literal is not None or guess.spec.dtype == "bool":
            continue
        # An index that was expanded to the shape of a source is a vector before.
        is_whole = name in origin.arguments
        shapes = [wanted.shape] if is_whole else [wanted.shape[:1], guess.spec.shape]
        for shape in shapes:
            spec = guess.spec.with_shape(shape).with_dtype("int64").with_range(0, wanted.rows - 1)
            if spec != guess.spec:
                other = failed.with_spec(name, spec, f"{step.name} takes it as index")
                yield {**other, name: replace(other[name], firm=True)}


_NOT_ONE = (Meaning.TOKENS, Meaning.POSITIONS, Meaning.ZEROS, Meaning.EDGES)
"""Meanings of integers of which an example has many."""


def one_id_per_example(failed: FailedAttempt) -> Iterator[Candidate]:
    """Yield candidates with one id per example where rows of ids were guessed without evidence."""
    candidate = failed.candidate
    names = [
        name
        for name in failed.culprits
        if candidate[name].spec.dtype == "int64"
        and len(candidate[name].spec.shape) == 2
        and meaning_of(name.rpartition(".")[2]) not in _NOT_ONE
    ]
    if not names or (failed.step is not None and failed.step.name == "embedding"):
        return
    groups = [names, *([name] for name in names if len(names) > 1)]
    for group in groups:
        yield {
            name: replace(
                guess,
                spec=guess.spec.with_shape(guess.spec.shape[:1]),
                reason=f"{guess.reason}; one id per example",
                solved=(),
            )
            if name in group
            else guess
            for name, guess in candidate.items()
        }
