"""Merging of traces of one model at several input sizes into one trace with expressions as sizes."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

from netinspect.analysis.symbolic.polynomial_fit import Fit
from netinspect.analysis.symbolic.size_grid import HIGHEST_POWER
from netinspect.records.base import field_names, replace
from netinspect.records.polynomial import Polynomial
from netinspect.records.steps import Step
from netinspect.records.symbols import Symbol, Symbolic
from netinspect.records.trace import Backward, Input, Trace
from netinspect.records.values import Literal, Structure, TensorSpec, Value, tensors_in
from netinspect.records.work import Work, WorkExpressions

_SIZES = re.compile(r"[-\d, ()\[\]]+")
"""Values that are a size or several sizes, next to the shapes of tensors."""

_MAX_NAMED = 3
"""Maximum number of steps without an expression that a note names."""


def merge_traces(base: Trace, runs: Sequence[Trace], symbols: Sequence[Symbol]) -> Trace:
    """Replace sizes and costs of a trace by expressions, as far as its other runs confirm them.

    Args:
        base: The trace at its own sizes.
        runs: The same model at the `points_of` the symbols.
        symbols: The symbols that replace the sizes.

    Returns:
        The trace with its own numbers, and expressions in its shapes and next to its amounts wherever
        all runs agree, including the trace itself. Amounts of a trace with a size of 1 may differ.
    """
    difference = _first_difference(base, runs, symbols)
    if difference is not None:
        return without_symbols(base, difference)
    merger = _Merger(Fit(symbols))
    merged = replace(
        base,
        inputs=tuple(
            merger.input(each, [run.inputs[index] for run in runs])
            for index, each in enumerate(base.inputs)
        ),
        steps=tuple(
            merger.step(step, [run.steps[index] for run in runs])
            for index, step in enumerate(base.steps)
        ),
        output=merger.output(base.output, [run.output for run in runs]),
        backward=merger.backward(base.backward, [run.backward for run in runs]),
    )
    return replace(merged, symbolic=Symbolic(symbols=tuple(symbols), notes=tuple(merger.notes(base))))


def without_symbols(base: Trace, why: str) -> Trace:
    """Return a trace without expressions, with a note on the reason."""
    return replace(base, symbolic=Symbolic(symbols=(), notes=(f"all sizes are concrete: {why}",)))


def _first_difference(base: Trace, runs: Sequence[Trace], symbols: Sequence[Symbol]) -> str | None:
    """Return where forward has other steps at other sizes; None if all runs have the same steps."""
    names = ", ".join(each.symbol for each in symbols)
    for run in runs:
        for one, other in zip(base.steps, run.steps, strict=False):
            if _kind(one) != _kind(other):
                where = f" in line {one.source.line} of {one.source.file}" if one.source else ""
                return (
                    f"the steps of forward depend on {names}: they differ from step {one.index} on, "
                    f"{one.name}{where}"
                )
        if len(base.steps) != len(run.steps):
            return (
                f"the number of steps of forward depends on {names}: {len(base.steps)} here, "
                f"{len(run.steps)} at other sizes"
            )
    return None


def _kind(step: Step) -> tuple[object, ...]:
    line = None if step.source is None else (step.source.file, step.source.line)
    return step.kind, step.qualified_name, step.module, step.parent, line, step.producers


class _Merger:
    """Fits the numbers of a trace and records which have no expression."""

    def __init__(self, fit: Fit) -> None:
        self._fit = fit
        self._at: int | None = None
        self._shapes: set[int] = set()
        self._structures: set[int | None] = set()
        self._amounts: dict[int | None, list[str]] = {}
        self._singles: dict[int | None, list[str]] = {}
        self._mixed: set[int | None] = set()

    def notes(self, base: Trace) -> list[str]:
        """Return notes on numbers without an expression."""
        at = self._fit.here
        no_polynomial = f"not a polynomial of degree {HIGHEST_POWER} or less"
        notes = []
        if self._shapes:
            named = _named(base, self._shapes)
            notes.append(f"sizes with a ? are valid at {at} only, {no_polynomial}: {named}")
        if self._structures:
            notes.append(
                f"at {at} values have another structure than at other sizes, such as another rank: "
                f"{_named(base, self._structures)}"
            )
        if self._amounts:
            notes.append(
                f"amounts at {at} are {no_polynomial} ({_kinds(self._amounts)}): "
                f"{_named(base, self._amounts)}"
            )
        singles = {at: names for at, names in self._singles.items() if names}
        if singles:
            notes.append(
                f"at {at} some amounts differ from the expressions, which hold for larger sizes "
                f"({_kinds(singles)}): {_named(base, singles)}"
            )
        if mixed := self._mixed - {*singles}:
            notes.append(
                f"at {at} torch runs other operators with the same total amounts: {_named(base, mixed)}"
            )
        return notes

    def input(self, base: Input, others: Sequence[Input]) -> Input:
        """Fit an input of the model."""
        value = self.value(base.value, [each.value for each in others])
        return base if value is None else replace(base, value=value)

    def step(self, base: Step, others: Sequence[Step]) -> Step:
        """Fit the inputs, the output and the cost of a step."""
        self._at = base.index
        inputs = self.value(base.inputs, [each.inputs for each in others])
        assert isinstance(inputs, Structure)
        return replace(
            base,
            inputs=inputs,
            output=self.value(base.output, [each.output for each in others]),
            work=self.work(base.work, [each.work for each in others]),
        )

    def output(self, base: Value | None, others: Sequence[Value | None]) -> Value | None:
        """Fit the output of forward; problems count for step 0."""
        self._at = 0
        return self.value(base, others)

    def backward(self, base: Backward | None, others: Sequence[Backward | None]) -> Backward | None:
        """Fit the cost of backward."""
        self._at = None
        if base is None:
            return None
        return replace(
            base, work=self.work(base.work, [() if each is None else each.work for each in others])
        )

    def value(self, base: Value | None, others: Sequence[Value | None]) -> Value | None:
        """Fit the sizes of all tensors in a value."""
        if isinstance(base, Structure):
            same_keys = [
                each
                for each in others
                if isinstance(each, Structure)
                and [item.key for item in each.items] == [item.key for item in base.items]
            ]
            if len(same_keys) == len(others):
                return replace(
                    base,
                    items=tuple(
                        replace(
                            item,
                            value=self._item_value(
                                item.value, [each.items[at].value for each in same_keys]
                            ),
                        )
                        for at, item in enumerate(base.items)
                    ),
                )
        elif isinstance(base, TensorSpec):
            shapes = [each.shape for each in others if isinstance(each, TensorSpec)]
            if {len(base.shape)} == {len(shape) for shape in shapes} and len(shapes) == len(others):
                sizes = zip(*shapes, base.shape, strict=True)
                return replace(base, shape=tuple(map(self._size, sizes)))
        elif isinstance(base, Literal) and _SIZES.fullmatch(base.text):
            known = [
                each.text for each in others if isinstance(each, Literal) and each.type == base.type
            ]
            text = self._text((*known, base.text))
            if text is not None and len(known) == len(others):
                return replace(base, text=text)
        if base is not None and any(each != base for each in others):
            if next(tensors_in(base), None) is not None:
                self._structures.add(self._at)
            return _mark_uncertain(base)
        return base

    def _item_value(self, base: Value, others: Sequence[Value]) -> Value:
        fitted = self.value(base, others)
        return base if fitted is None else fitted

    def _size(self, sizes: tuple[int | str, ...]) -> int | str:
        own = sizes[-1]
        if sizes.count(own) == len(sizes):
            return own
        whole = [size for size in sizes if isinstance(size, int)]
        found = self._fit.of(whole[:-1]) if len(whole) == len(sizes) else None
        if found is None or not self._fit.holds_here(found, whole[-1]):
            if self._at is not None:
                self._shapes.add(self._at)
            return f"{own}?"
        return found.text()

    def _text(self, texts: Sequence[str]) -> str | None:
        """Fit the integers in a text such as `(4, 6)`; None if the texts differ elsewhere."""
        parts = [re.split(r"(-?\d+)", text) for text in texts]
        if len({(len(each), *each[::2]) for each in parts}) > 1:
            return None
        columns = [*zip(*parts, strict=True)][1::2]
        sizes = [str(self._size(tuple(map(int, column)))) for column in columns]
        return "".join(text + size for text, size in zip(parts[0][::2], [*sizes, ""], strict=True))

    def work(self, base: Sequence[Work], others: Sequence[Sequence[Work]]) -> tuple[Work, ...]:
        """Fit the amounts of all operators of a step."""
        found: dict[tuple[str, bool, bool], list[Work | None]] = {}
        lists = (*others, base)
        for index, works in enumerate(lists):
            for each in works:
                key = (each.operator, each.macs is None, each.flops is None)
                found.setdefault(key, [None] * len(lists))[index] = each
        fitted = tuple(self._fit_work(each) for each in found.values())
        for name in [*self._singles.get(self._at, ())]:
            known = [getattr(each.expressions, name) for each in fitted]
            if sum(each.at(self._fit.here.symbols) for each in known if each is not None) == sum(
                getattr(each, name) or 0
                for each, polynomial in zip(fitted, known, strict=True)
                if polynomial is not None
            ):
                self._singles[self._at].remove(name)
                self._mixed.add(self._at)
        return fitted

    def _fit_work(self, works: Sequence[Work | None]) -> Work:
        base = works[-1]
        if base is None:
            # An operator that runs only at other sizes, such as a copy of a non-contiguous tensor.
            some = next(each for each in works if each is not None)
            base = replace(
                some,
                calls=0,
                macs=None if some.macs is None else 0,
                flops=None if some.flops is None else 0,
                elements=0,
                bytes_read=0,
                bytes_written=0,
            )
        names = field_names(WorkExpressions)
        expressions = {
            name: self._amount(name, [getattr(each, name) if each else 0 for each in works])
            for name in names
        }
        return replace(base, expressions=WorkExpressions(**expressions))

    def _amount(self, name: str, values: Sequence[int | None]) -> Polynomial | None:
        # Uncounted operators add nothing to a sum that is reported as a lower bound.
        *others, own = (value or 0 for value in values)
        found = self._fit.of(others)
        if self._fit.holds_here(found, own):
            return found
        # With a size of 1, torch needs fewer copies. This does not contradict the expression.
        is_single = found is not None and self._fit.has_size_one
        names = (self._singles if is_single else self._amounts).setdefault(self._at, [])
        names += [name] if name not in names else []
        return found if is_single else None


def _mark_uncertain(value: Value) -> Value:
    """Mark all sizes of a value whose structure differs at other sizes, such as its rank."""
    if isinstance(value, TensorSpec):
        return replace(value, shape=tuple(f"{size}?" for size in value.shape))
    if isinstance(value, Structure):
        items = (replace(each, value=_mark_uncertain(each.value)) for each in value.items)
        return replace(value, items=tuple(items))
    return value


def _kinds(amounts: Mapping[int | None, Sequence[str]]) -> str:
    names = dict.fromkeys(name for names in amounts.values() for name in names)
    return ", ".join(name.replace("_", " ") for name in names)


def _named(base: Trace, indices: Collection[int | None]) -> str:
    """Name the first few of some steps; None is backward."""
    known = [index for index in indices if index is not None]
    names = ["backward"] * (None in indices)
    for index in sorted(known):
        step = base.steps[index]
        where = f" in {step.module}" if step.module and step.kind == "function" else ""
        name = step.name if step.kind == "function" else step.module or "the output"
        names.append(f"step {index}, {name}{where}" if index else name)
    more = len(names) - _MAX_NAMED
    return "; ".join(names[:_MAX_NAMED]) + (f"; {more} more" if more > 0 else "")


def sizes_seen(trace: Trace) -> set[int]:
    """Return all sizes of the tensors of a trace."""
    values = [value for step in trace.steps for value in (step.inputs, step.output)]
    specs = [spec for value in values for spec in tensors_in(value)]
    specs += [parameter.spec for parameter in trace.parameters]
    specs += [buffer.spec for buffer in trace.buffers]
    return {size for spec in specs for size in spec.shape if isinstance(size, int)}


def moves_in_layers(base: Trace, run: Trace, dimension: int) -> Mapping[str, bool]:
    """Return for each layer with `batch_first` whether a dimension of its input changed.

    Args:
        base: The trace.
        run: The same model with another input.
        dimension: 0 for the batch, 1 for the sequence.
    """
    paths = {
        module.path: attribute.text == "True"
        for module in base.modules
        for attribute in module.attributes
        if attribute.name == "batch_first"
    }
    library = {module.path for module in base.modules if module.library}
    moved = {}
    for one, other in zip(base.steps, run.steps, strict=False):
        if one.kind == "module" and one.module in paths:
            first = next(tensors_in(one.inputs), None)
            second = next(tensors_in(other.inputs), None)
            if first is None or second is None or len(first.shape) != len(second.shape):
                continue
            if len(first.shape) == 3:
                changed = [a != b for a, b in zip(first.shape, second.shape, strict=True)][:2]
                at = dimension if paths[one.module] else 1 - dimension
                # If both changed, one size was used for two dimensions.
                moved[one.module] = changed[at] and not changed[1 - at]
            elif len(first.shape) == 2 and one.module in library and one.inputs.items[0].value == first:
                # An unbatched, unpacked input: its first dimension is the sequence.
                moved[one.module] = dimension == 1 and first.shape[0] != second.shape[0]
    return moved
