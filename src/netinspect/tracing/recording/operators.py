"""Operator counts of steps: every operator that torch dispatches is charged to a step.

`TorchDispatchMode` is public and temporary, like the hooks and the function mode. It receives the
operators that functions and layers run: `F.linear` runs `aten.addmm`. Each operator is charged to the
innermost running step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from netinspect._utils.classes import plain_name
from netinspect._utils.interruption import Watch
from netinspect.records.work import Work
from netinspect.tracing.counting.rule import UNKNOWN, Rule, elements_of, stored
from netinspect.tracing.counting.table import name_of, rule_for
from netinspect.tracing.recording.pending_steps import PendingStep
from netinspect.tracing.safe_access import by_class, dispatches, is_a, is_mapping
from netinspect.tracing.snapshot.model_snapshot import ModelSnapshot
from netinspect.tracing.tensors.describe import tensors_of
from netinspect.tracing.tensors.packed_weights import packed_tensors

_Tally = list[int]
"""Calls, MACs, FLOPs, elements, bytes read and bytes written."""

_Key = tuple[int, bool, bool]
"""Address of an operator, which stays alive with its rule; whether MACs and FLOPs are unknown."""

_Tallies = dict[_Key, _Tally]


class _Operator(NamedTuple):
    """Cached properties of an operator."""

    name: str
    rule: Rule | None
    function: Any
    output_arguments: frozenset[str]
    """Names of arguments that it only writes to, such as `out`."""

    reads_values: bool
    """Whether it returns a value to Python or an output sized by values."""

    writes: bool
    """Whether it writes to some of its operands."""


class Operators(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Dispatch mode that counts every operator.

    Args:
        snapshot: Snapshot of the model, notified before writes; its own operators are not counted.
        innermost: Returns the running step; None for no step.
    """

    supports_higher_order_operators = True

    def __init__(
        self, snapshot: ModelSnapshot, innermost: Callable[[], PendingStep | None] | None = None
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._snapshot = snapshot
        self.reads_values = False
        """True if some operator returned a value to Python or an output sized by values."""

        self.counts_stored = False
        """True if some product was counted by the stored elements of a sparse operand."""

        self.innermost = innermost
        self.watch: Watch | None = None
        """Called after each operator that is counted."""

        # By address, because hashing an operator runs Python code, which dominates the time here.
        self._known: dict[int, _Operator] = {}
        self._tallies: dict[int, tuple[PendingStep | None, _Tallies]] = {}

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        # Otherwise torch wraps `__torch_dispatch__`, and the first operator imports torch._dynamo.
        return False

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Run one operator and count it. Called by torch, with this mode off."""
        kwargs = kwargs or {}
        entry = self._known.get(id(func))
        if entry is None:
            entry = self._known[id(func)] = _operator(func)
        if types and any(map(_has_own_dispatch, types)):
            # The class runs other operators on its inner tensors, which are counted instead.
            return NotImplemented
        rule = entry.rule
        if entry.reads_values and not self.reads_values and not self._snapshot.is_copying:
            self.reads_values = entry.name != "aten.index" or any(map(_selects, *args[1:2]))
        # TorchScript runs operators with the function mode on, which would record this call as a step.
        with torch._C.DisableTorchFunction():
            if entry.writes and not self._snapshot.is_copying:
                for tensor in tensors_of(tuple(_written_to(func, args, kwargs))):
                    self._snapshot.about_to_write(tensor)
            if rule is None:
                return func(*args, **kwargs)
            if rule.decomposes and all(map(_is_plain, args)):
                with self:
                    return func.decompose(*args, **kwargs)
            if rule.parts:
                return func(*self._with_counting(args), **self._with_counting(kwargs))
            output = func(*args, **kwargs)
            if not self._snapshot.is_copying:
                self._count(id(func), rule, args, kwargs, output)
            return output

    def _with_counting(self, value: Any) -> Any:
        """Wrap functions in the operands of a higher-order operator, so that their operators count."""
        if is_a(value, (tuple, list)):
            return (
                type(value)(map(self._with_counting, value)) if type(value) in (tuple, list) else value
            )
        if is_mapping(value):
            return {name: self._with_counting(each) for name, each in value.items()}
        if is_a(value, torch.Tensor) or not callable(value):
            return value

        def counted(*args: Any, **kwargs: Any) -> Any:
            with self:
                return value(*args, **kwargs)

        return counted

    def _count(
        self, operator: int, rule: Rule, args: tuple[Any, ...], kwargs: Mapping[str, Any], output: Any
    ) -> None:
        try:
            macs, flops, elements, counts_stored = rule.formula(args, kwargs, output)
            self.counts_stored |= counts_stored
        except Exception:  # the formula does not support these operands; the model must continue
            macs, flops, elements, _ = UNKNOWN
        try:
            if elements is None:
                elements = elements_of(output)
            written = _bytes((output,))
            read = _bytes(args if rule.reads == "all" else args[1:])
            if kwargs:
                output_arguments = self._known[operator].output_arguments
                read += _bytes(value for name, value in kwargs.items() if name not in output_arguments)
            if rule.reads == "selected":
                read += written
            elif rule.reads == "rows":
                rows = output[0] if isinstance(output, tuple) else output
                read += args[1].numel() * rows.shape[-1] * rows.element_size()
            if output is None:
                # An operator that returns nothing writes to its operands.
                written = _bytes(_written_to(self._known[operator].function, args, kwargs))
        except Exception:  # a tensor without a size
            elements, read, written = elements or 0, 0, 0
        step = None if self.innermost is None else self.innermost()
        entry = self._tallies.get(id(step))
        if entry is None:
            entry = self._tallies[id(step)] = step, {}
        key = operator, macs is None, flops is None
        tally = entry[1].get(key)
        if tally is None:
            entry[1][key] = [1, macs or 0, flops or 0, elements, read, written]
        else:
            tally[0] += 1
            tally[1] += macs or 0
            tally[2] += flops or 0
            tally[3] += elements
            tally[4] += read
            tally[5] += written
        if self.watch is not None:
            self.watch(macs or 0, read + written)

    def charged(self, step: PendingStep) -> Any:
        """Return the counts of a step so far, to be passed to `charge`."""
        entry = self._tallies.get(id(step))
        return {} if entry is None else entry[1]

    def charge(self, step: PendingStep, tallies: Any) -> None:
        """Charge a step whose operators were not counted with the counts of an equal step."""
        if tallies:
            self._tallies[id(step)] = step, tallies
            if self.watch is not None:
                each = _sum_all([tallies]).values()
                self.watch(sum(tally[1] for tally in each), sum(tally[4] + tally[5] for tally in each))

    def merge(self, other: Operators) -> None:
        """Add the counts of another thread."""
        self.reads_values |= other.reads_values
        self._known.update(other._known)
        for address, (step, tallies) in list(other._tallies.items()):
            known = self._tallies.get(address)
            # Operators outside of all steps have one key in all threads.
            self._tallies[address] = step, _sum_all((known[1], tallies)) if known else tallies

    def work_by_step(self, pending: list[PendingStep]) -> dict[int, tuple[Work, ...]]:
        """Return operator counts by step index.

        Operators of a function that is not recorded as a step are charged to the calling module.
        """
        by_step: dict[int, _Tallies] = {}
        for step, tallies in self._tallies.values():
            index = 0
            if step is not None:
                is_step = step.index < len(pending) and pending[step.index] is step
                charged = step if is_step else step.parent
                index = 0 if charged is None else charged.index
            known = by_step.get(index)
            by_step[index] = tallies if known is None else _sum_all((known, tallies))
        # Equal steps share their counts.
        distinct = {id(tallies): tallies for tallies in by_step.values()}
        frozen = {address: self._freeze(tallies) for address, tallies in distinct.items()}
        return {index: frozen[id(tallies)] for index, tallies in by_step.items()}

    def work(self) -> tuple[Work, ...]:
        """Return the counts of the whole run."""
        return self._freeze(_sum_all(tallies for _, tallies in self._tallies.values()))

    def _freeze(self, tallies: _Tallies) -> tuple[Work, ...]:
        """Return one record per operator, in the order of first execution."""
        merged: dict[tuple[str, bool, bool], tuple[Rule, _Tally]] = {}
        for (address, *uncounted), tally in tallies.items():
            name, rule = self._known[address][:2]
            assert rule is not None
            # Overloads of an operator are merged.
            key = name, uncounted[0], uncounted[1]
            known = merged.get(key)
            merged[key] = rule, tally if known is None else _sum(known[1], tally)
        return tuple(
            Work(
                operator=name,
                kind=rule.kind,
                calls=tally[0],
                macs=None if no_macs else tally[1],
                flops=None if no_flops else tally[2],
                elements=tally[3],
                bytes_read=tally[4],
                bytes_written=tally[5],
            )
            for (name, no_macs, no_flops), (rule, tally) in merged.items()
        )


_operators: dict[int, _Operator] = {}


def _operator(function: Any) -> _Operator:
    """Return the properties of an operator; cached, because reading tags and schemas is slow."""
    known = _operators.get(id(function))
    if known is None:
        rule = rule_for(function)
        known = _Operator(
            name_of(function),
            rule,
            function,
            _output_arguments(function),
            _reads_values(function),
            writes=bool(getattr(getattr(function, "_schema", None), "is_mutable", False)),
        )
        # Not without a rule: a formula may still be registered.
        if rule is None or rule.kind != "unknown":
            _operators[id(function)] = known
    return known


def _reads_values(operator: Any) -> bool:
    """Return whether an operator returns a value to Python or an output sized by values."""
    tags = getattr(operator, "tags", ())
    return torch.Tag.data_dependent_output in tags or torch.Tag.dynamic_output_shape in tags


def _selects(index: torch.Tensor | None) -> bool:
    """Return whether an index is a mask."""
    return index is not None and index.dtype in (torch.bool, torch.uint8)


def _is_plain(value: Any) -> bool:
    """Return whether an operand is strided; nested and quantized tensors have kernels of their own."""
    if not is_a(value, torch.Tensor):
        return True
    return value.layout is torch.strided and not (value.is_nested or value.is_quantized)


@by_class
def _has_own_dispatch(cls: Any) -> bool:
    """Return whether a tensor class has its own dispatch, other than torch's fake tensors."""
    return dispatches(cls) and plain_name(cls) not in ("FakeTensor", "FunctionalTensor")


def _output_arguments(operator: Any) -> frozenset[str]:
    """Return the names of arguments that an operator only writes to."""
    schema = getattr(operator, "_schema", None)
    if schema is None:
        return frozenset()
    return frozenset(each.name for each in schema.arguments if each.is_out)


def _written_to(operator: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Iterator[Any]:
    """Yield the operands that an operator writes to."""
    for index, each in enumerate(operator._schema.arguments):
        if each.alias_info is not None and each.alias_info.is_write:
            yield args[index] if index < len(args) else kwargs.get(each.name)


def _sum_all(parts: Iterable[_Tallies]) -> _Tallies:
    whole: _Tallies = {}
    for tallies in parts:
        for key, tally in tallies.items():
            known = whole.get(key)
            whole[key] = tally if known is None else _sum(known, tally)
    return whole


def _sum(one: _Tally, other: _Tally) -> _Tally:
    return [left + right for left, right in zip(one, other, strict=True)]


def _bytes(values: Iterable[Any]) -> int:
    """Return the bytes of all tensors in values and in nested lists."""
    total = 0
    for value in values:
        if is_a(value, torch.Tensor):
            if value.layout is torch.strided:
                total += value.nbytes
            else:
                total += sum(part.nbytes for part in stored(value))
        # Skips lists of sizes and strides, which are frequent.
        elif type(value) in (tuple, list) and value and type(value[0]) is not int:
            total += _bytes(value)
        elif type(value) is torch.ScriptObject:
            total += _bytes(tensor for _, tensor in packed_tensors(value))
    return total
