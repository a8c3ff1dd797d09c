"""Looks at one model with inputs of several sizes, made one trace whose sizes are expressions."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from netinspect.analysis.symbolic.polynomial_fit import HIGHEST_POWER, Fit, fit_of, format_sizes
from netinspect.records.polynomial import Polynomial
from netinspect.records.steps import Step
from netinspect.records.symbols import Symbol, Symbolic
from netinspect.records.trace import Backward, Input, Trace
from netinspect.records.values import Literal, Structure, TensorSpec, Value, tensors_in
from netinspect.records.work import Work, WorkExpressions

_SIZES = re.compile(r"[-\d, ()\[\]]+")
"""What a value looks like that is a size or several, next to those of tensors."""

_NAMED = 3
"""How many of the steps without an expression are named."""


def merge_traces(base: Trace, runs: Sequence[Trace], symbols: Sequence[Symbol]) -> Trace:
    """Describe sizes and costs of a trace as expressions, as far as its other runs prove them.

    Args:
        base: The trace itself.
        runs: The same model at other sizes: at each of the `fitted` sizes of the symbols, the last
            symbol running fastest, and then once where all are `confirmed`.
        symbols: What was changed.

    Returns:
        The trace; its numbers are its own, and next to them and in its shapes are expressions, where all
        runs, itself included, agree with one. The amounts of a trace with a size of 1 need not.
    """
    parting = _parting(base, runs, symbols)
    if parting is not None:
        return without_symbols(base, parting)
    own = {each.symbol: each.size for each in symbols}
    fusion = _Fusion(fit_of(symbols), own)
    fused = replace(
        base,
        inputs=tuple(
            fusion.input(each, [run.inputs[index] for run in runs])
            for index, each in enumerate(base.inputs)
        ),
        steps=tuple(
            fusion.step(step, [run.steps[index] for run in runs])
            for index, step in enumerate(base.steps)
        ),
        output=fusion.output(base.output, [run.output for run in runs]),
        backward=fusion.backward(base.backward, [run.backward for run in runs]),
    )
    return replace(fused, symbolic=Symbolic(symbols=tuple(symbols), notes=tuple(fusion.notes(base))))


def without_symbols(base: Trace, why: str) -> Trace:
    """Leave a trace as it is, and state why it has no expressions."""
    return replace(base, symbolic=Symbolic(symbols=(), notes=(f"all sizes are concrete: {why}",)))


def _parting(base: Trace, runs: Sequence[Trace], symbols: Sequence[Symbol]) -> str | None:
    """Describe where forward took another way at another size; None if it never did."""
    names = ", ".join(each.symbol for each in symbols)
    for run in runs:
        for one, other in zip(base.steps, run.steps, strict=False):
            if _kind(one) != _kind(other):
                where = f" in line {one.source.line} of {one.source.file}" if one.source else ""
                return (
                    f"the steps of forward depend on {names}; they part at step {one.index}, "
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


class _Fusion:
    """Fits every number of a trace, and remembers which could not be."""

    def __init__(self, fit: Fit, own: Mapping[str, int]) -> None:
        self._fit = fit
        self._own = own
        self._at: int | None = None
        self._shapes: set[int] = set()
        self._forms: set[int | None] = set()
        self._amounts: dict[int | None, list[str]] = {}
        self._singles: dict[int | None, list[str]] = {}
        self._mixed: set[int | None] = set()

    def notes(self, base: Trace) -> list[str]:
        """Describe what has no expression."""
        at = format_sizes(self._own)
        no_polynomial = f"no polynomial of degree {HIGHEST_POWER} or less"
        notes = []
        if self._shapes:
            named = _named(base, self._shapes)
            notes.append(f"sizes with a ? are those at {at}, and {no_polynomial}: {named}")
        if self._forms:
            notes.append(
                f"at {at} values have another form than at other sizes, as a dimension less: "
                f"{_named(base, self._forms)}"
            )
        if self._amounts:
            notes.append(
                f"amounts told at {at} are {no_polynomial} ({_kinds(self._amounts)}): "
                f"{_named(base, self._amounts)}"
            )
        singles = {at: names for at, names in self._singles.items() if names}
        if singles:
            notes.append(
                f"at {at} itself some amounts are others than the expressions of larger sizes tell "
                f"({_kinds(singles)}): {_named(base, singles)}"
            )
        if mixed := self._mixed - {*singles}:
            notes.append(
                f"at {at} itself torch takes other operators, which come to the same: "
                f"{_named(base, mixed)}"
            )
        return notes

    def input(self, base: Input, others: Sequence[Input]) -> Input:
        """Fit one input of the model."""
        value = self.value(base.value, [each.value for each in others])
        return base if value is None else replace(base, value=value)

    def step(self, base: Step, others: Sequence[Step]) -> Step:
        """Fit what went into one step, came out of it, and what it cost."""
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
        """Fit what forward gave out, which is what its first step did."""
        self._at = 0
        return self.value(base, others)

    def backward(self, base: Backward | None, others: Sequence[Backward | None]) -> Backward | None:
        """Fit what backward cost."""
        self._at = None
        if base is None:
            return None
        return replace(
            base, work=self.work(base.work, [() if each is None else each.work for each in others])
        )

    def value(self, base: Value | None, others: Sequence[Value | None]) -> Value | None:
        """Fit the sizes of all tensors of a value."""
        if isinstance(base, Structure):
            alike = [
                each
                for each in others
                if isinstance(each, Structure)
                and [item.key for item in each.items] == [item.key for item in base.items]
            ]
            if len(alike) == len(others):
                return replace(
                    base,
                    items=tuple(
                        replace(
                            item, value=self._held(item.value, [each.items[at].value for each in alike])
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
            told = [each.text for each in others if isinstance(each, Literal) and each.type == base.type]
            text = self._text((*told, base.text))
            if text is not None and len(told) == len(others):
                return replace(base, text=text)
        if base is not None and any(each != base for each in others):
            if next(tensors_in(base), None) is not None:
                self._forms.add(self._at)
            return _doubted(base)
        return base

    def _held(self, base: Value, others: Sequence[Value]) -> Value:
        fitted = self.value(base, others)
        return base if fitted is None else fitted

    def _size(self, sizes: tuple[int | str, ...]) -> int | str:
        own = sizes[-1]
        if sizes.count(own) == len(sizes):
            return own
        whole = [size for size in sizes if isinstance(size, int)]
        found = self._fit.of(whole[:-1]) if len(whole) == len(sizes) else None
        if found is None or found.at(self._own) != own:
            self._note_shape()
            return f"{own}?"
        return found.text()

    def _text(self, texts: Sequence[str]) -> str | None:
        """Fit the whole numbers in a text, such as `(4, 6)`; None if the rest of it differs."""
        parts = [re.split(r"(-?\d+)", text) for text in texts]
        if len({(len(each), *each[::2]) for each in parts}) > 1:
            return None
        columns = [*zip(*parts, strict=True)][1::2]
        sizes = [str(self._size(tuple(map(int, column)))) for column in columns]
        return "".join(text + size for text, size in zip(parts[0][::2], [*sizes, ""], strict=True))

    def _note_shape(self) -> None:
        if self._at is not None:
            self._shapes.add(self._at)

    def work(self, base: Sequence[Work], others: Sequence[Sequence[Work]]) -> tuple[Work, ...]:
        """Fit the numbers of all operators of a step."""
        found: dict[tuple[str, bool, bool], list[Work | None]] = {}
        lists = (*others, base)
        for index, works in enumerate(lists):
            for each in works:
                key = (each.operator, each.macs is None, each.flops is None)
                found.setdefault(key, [None] * len(lists))[index] = each
        fitted = tuple(self._fitted(each) for each in found.values())
        for name in [*self._singles.get(self._at, ())]:
            told = [getattr(each.expressions, name) for each in fitted]
            if sum(each.at(self._own) for each in told if each is not None) == sum(
                getattr(each, name) or 0
                for each, polynomial in zip(fitted, told, strict=True)
                if polynomial is not None
            ):
                self._singles[self._at].remove(name)
                self._mixed.add(self._at)
        return fitted

    def _fitted(self, works: Sequence[Work | None]) -> Work:
        base = works[-1]
        if base is None:
            # An operator that this trace did not need, such as a copy of what was in order already.
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
        names = WorkExpressions.__dataclass_fields__
        expressions = {
            name: self._amount(name, [getattr(each, name) if each else 0 for each in works])
            for name in names
        }
        return replace(base, expressions=WorkExpressions(**expressions))

    def _amount(self, name: str, values: Sequence[int | None]) -> Polynomial | None:
        # What could not be counted adds nothing to a sum that is reported as a lower bound.
        *others, own = (value or 0 for value in values)
        found = self._fit.of(others)
        if found is not None and found.at(self._own) == own:
            return found
        # Of a size of 1 torch needs no copy where it does of others: that is not a reason to doubt
        # those.
        is_single = found is not None and 1 in self._own.values()
        names = (self._singles if is_single else self._amounts).setdefault(self._at, [])
        names += [name] if name not in names else []
        return found if is_single else None


def _doubted(value: Value) -> Value:
    """Mark all sizes of a value that is something else at other sizes, as of one dimension less."""
    if isinstance(value, TensorSpec):
        return replace(value, shape=tuple(f"{size}?" for size in value.shape))
    if isinstance(value, Structure):
        items = (replace(each, value=_doubted(each.value)) for each in value.items)
        return replace(value, items=tuple(items))
    return value


def _kinds(amounts: Mapping[int | None, Sequence[str]]) -> str:
    names = dict.fromkeys(name for names in amounts.values() for name in names)
    return ", ".join(name.replace("_", " ") for name in names)


def _named(base: Trace, indices: Collection[int | None]) -> str:
    """Name some steps, the first ones; None is backward."""
    known = [index for index in indices if index is not None]
    names = ["backward"] * (None in indices)
    for index in sorted(known):
        step = base.steps[index]
        where = f" in {step.module}" if step.module and step.kind == "function" else ""
        name = step.name if step.kind == "function" else step.module or "the output"
        names.append(f"step {index}, {name}{where}" if index else name)
    more = len(names) - _NAMED
    return "; ".join(names[:_NAMED]) + (f"; {more} more" if more > 0 else "")


def sizes_seen(trace: Trace) -> set[int]:
    """Return every size that a tensor of a trace has."""
    values = [value for step in trace.steps for value in (step.inputs, step.output)]
    specs = [spec for value in values for spec in tensors_in(value)]
    specs += [parameter.spec for parameter in trace.parameters]
    specs += [buffer.spec for buffer in trace.buffers]
    return {size for spec in specs for size in spec.shape if isinstance(size, int)}


def moves_in_layers(base: Trace, run: Trace, dimension: int) -> Mapping[str, bool]:
    """Describe of each layer that takes sequences whether a dimension of what it was given has moved.

    Args:
        base: The trace.
        run: The same with another input.
        dimension: 0 for the batch, 1 for the sequence, as a layer with `batch_first` has them.
    """
    paths = {
        module.path: attribute.text == "True"
        for module in base.modules
        for attribute in module.attributes
        if attribute.name == "batch_first"
    }
    torchs = {module.path for module in base.modules if module.library}
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
                # Where both moved, one size was taken for two.
                moved[one.module] = changed[at] and not changed[1 - at]
            elif len(first.shape) == 2 and one.module in torchs and one.inputs.items[0].value == first:
                # One example alone, and not packed: the sequence is in front, and there is no batch.
                moved[one.module] = dimension == 1 and first.shape[0] != second.shape[0]
    return moved
