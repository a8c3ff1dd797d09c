"""Operator counts of steps: every operator that torch dispatches is charged to a step.

`TorchDispatchMode` is public and temporary, as the hooks and the function mode are. It sees what is
below functions and layers: `F.linear` runs `aten.addmm`. Each operator is charged to the innermost
running step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from netinspect._utils.classes import plain_name
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
"""Address of an operator, which stays alive with its rule; whether MACs and FLOPs are uncountable."""

_Tallies = dict[_Key, _Tally]


class _Operator(NamedTuple):
    """Cached properties of an operator."""

    name: str
    rule: Rule | None
    function: Any
    room: frozenset[str]
    """Names of output arguments."""

    reads_values: bool
    writes: bool
    """Whether it changes some of its operands."""


class Operators(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts every operator that runs while it is entered.

    Args:
        observed: Snapshot of the model; operators that it runs itself are not counted.
        innermost: Returns the running step; None for no step.
    """

    supports_higher_order_operators = True

    def __init__(
        self, observed: ModelSnapshot, innermost: Callable[[], PendingStep | None] | None = None
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._snapshot = observed
        self.reads_values = False
        """Whether some operator returned a value to Python or an output sized by values."""

        self.by_stored = False
        """Whether some product was counted by what a sparse operand stores."""

        self.innermost = innermost
        # Operators hash in Python, which is the most expensive part here.
        self._known: dict[int, _Operator] = {}
        self._tallies: dict[int, tuple[PendingStep | None, _Tallies]] = {}

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        # Else torch wraps what is below so that the first operator imports torch._dynamo.
        return False

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Run one operator and count it. Called by torch, with the mode itself off."""
        kwargs = kwargs or {}
        entry = self._known.get(id(func))
        if entry is None:
            entry = self._known[id(func)] = _operator(func)
        if types and any(map(_is_made_of_others, types)):
            # It runs other operators on what it is made of: those count.
            return NotImplemented
        rule = entry.rule
        if entry.reads_values and not self.reads_values and not self._snapshot.keeping:
            self.reads_values = entry.name != "aten.index" or any(map(_selects, *args[1:2]))
        # TorchScript runs operators with the function mode on, to which this call would be one more.
        with torch._C.DisableTorchFunction():
            if entry.writes and not self._snapshot.keeping:
                for tensor in tensors_of(tuple(_written_to(func, args, kwargs))):
                    self._snapshot.about_to_write(tensor)
            if rule is None:
                return func(*args, **kwargs)
            if rule.decomposes and all(map(_is_plain, args)):
                with self:
                    return func.decompose(*args, **kwargs)
            if rule.parts:
                return func(*self._counting(args), **self._counting(kwargs))
            output = func(*args, **kwargs)
            if not self._snapshot.keeping:
                self._note(id(func), rule, args, kwargs, output)
            return output

    def _counting(self, value: Any) -> Any:
        """Return the operands of an operator that calls functions, with what these do counted."""
        if is_a(value, (tuple, list)):
            return type(value)(map(self._counting, value)) if type(value) in (tuple, list) else value
        if is_mapping(value):
            return {name: self._counting(each) for name, each in value.items()}
        if is_a(value, torch.Tensor) or not callable(value):
            return value

        def counted(*args: Any, **kwargs: Any) -> Any:
            with self:
                return value(*args, **kwargs)

        return counted

    def _note(
        self, operator: int, rule: Rule, args: tuple[Any, ...], kwargs: Mapping[str, Any], output: Any
    ) -> None:
        try:
            macs, flops, elements, by_stored = rule.formula(args, kwargs, output)
            self.by_stored |= by_stored
        except Exception:  # operands that the formula does not support; the model must continue
            macs, flops, elements, _ = UNKNOWN
        try:
            if elements is None:
                elements = elements_of(output)
            written = _bytes((output,))
            read = _bytes(args if rule.reads == "all" else args[1:])
            if kwargs:
                room = self._known[operator].room
                read += _bytes(value for name, value in kwargs.items() if name not in room)
            if rule.reads == "selected":
                read += written
            elif rule.reads == "rows":
                given_out = output[0] if isinstance(output, tuple) else output
                read += args[1].numel() * given_out.shape[-1] * given_out.element_size()
            if output is None:
                # It writes to its operands and returns nothing.
                written = _bytes(_written_to(self._known[operator].function, args, kwargs))
        except Exception:  # a tensor without a size
            elements, read, written = elements or 0, 0, 0
        draft = None if self.innermost is None else self.innermost()
        entry = self._tallies.get(id(draft))
        if entry is None:
            entry = self._tallies[id(draft)] = draft, {}
        key = operator, macs is None, flops is None
        tally = entry[1].get(key)
        if tally is None:
            entry[1][key] = [1, macs or 0, flops or 0, elements, read, written]
            return
        tally[0] += 1
        tally[1] += macs or 0
        tally[2] += flops or 0
        tally[3] += elements
        tally[4] += read
        tally[5] += written

    def charged(self, draft: PendingStep) -> Any:
        """Return the counts of a step so far, for `charge`."""
        entry = self._tallies.get(id(draft))
        return {} if entry is None else entry[1]

    def charge(self, draft: PendingStep, tallies: Any) -> None:
        """Charge a step whose operators were not counted with the counts of an equal step."""
        if tallies:
            self._tallies[id(draft)] = draft, tallies

    def merge(self, other: Operators) -> None:
        """Add the counts of another thread."""
        self.reads_values |= other.reads_values
        self._known.update(other._known)
        for address, (draft, tallies) in list(other._tallies.items()):
            known = self._tallies.get(address)
            # What ran in no step is under one key in all threads.
            self._tallies[address] = draft, _sum_all((known[1], tallies)) if known else tallies

    def work_by_step(self, drafts: list[PendingStep]) -> dict[int, tuple[Work, ...]]:
        """Return operator counts by step index.

        Counts of a function that is not recorded as a step go to the module that called it.
        """
        by_step: dict[int, _Tallies] = {}
        for draft, tallies in self._tallies.values():
            index = 0
            if draft is not None:
                is_step = draft.index < len(drafts) and drafts[draft.index] is draft
                around = draft if is_step else draft.parent
                index = 0 if around is None else around.index
            known = by_step.get(index)
            by_step[index] = tallies if known is None else _sum_all((known, tallies))
        # Steps that do the same share what was counted.
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
            _given_room(function),
            _reads_values(function),
            writes=bool(getattr(getattr(function, "_schema", None), "is_mutable", False)),
        )
        # A formula may still be registered for one that has none.
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
    """Return whether an operand is strided; nested and packed ones have kernels instead."""
    if not is_a(value, torch.Tensor):
        return True
    return value.layout is torch.strided and not (value.is_nested or value.is_quantized)


@by_class
def _is_made_of_others(cls: Any) -> bool:
    """Return whether a class has its own dispatch; fake tensors count as plain ones."""
    return dispatches(cls) and plain_name(cls) not in ("FakeTensor", "FunctionalTensor")


def _given_room(operator: Any) -> frozenset[str]:
    """Return the names of arguments that an operator only writes to, such as `out`."""
    schema = getattr(operator, "_schema", None)
    if schema is None:
        return frozenset()
    return frozenset(each.name for each in schema.arguments if each.is_out)


def _written_to(operator: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Iterator[Any]:
    """Yield the operands that an operator changes."""
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
    """Return the bytes of all tensors in values, including nested lists."""
    total = 0
    for value in values:
        if is_a(value, torch.Tensor):
            if value.layout is torch.strided:
                total += value.nbytes
            else:
                total += sum(part.nbytes for part in stored(value))
        # Sizes and strides come in lists too, and are many.
        elif type(value) in (tuple, list) and value and type(value[0]) is not int:
            total += _bytes(value)
        elif type(value) is torch.ScriptObject:
            total += _bytes(tensor for _, tensor in packed_tensors(value))
    return total
