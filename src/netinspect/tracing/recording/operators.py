"""What each step costs: every operator that torch dispatches is counted where it ran.

`TorchDispatchMode` is public and temporary, as the hooks and the function mode are. It sees what is
below functions and layers: `F.linear` runs `aten.addmm`. Each operator is charged to the innermost step
that is under way.
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
"""Address of an operator, which lives as long as we know its rule; whether its MACs and its FLOPs could
not be counted."""

_Tallies = dict[_Key, _Tally]


class _Operator(NamedTuple):
    """What is known of an operator that has run."""

    name: str
    rule: Rule | None
    function: Any
    room: frozenset[str]
    """The names of arguments that are room for its results."""

    reads_values: bool
    writes: bool
    """Whether it changes some of its operands."""


class Operators(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts every operator that runs while it is entered.

    Args:
        observed: What is done to keep the guest as it was is not a work of the model's.
        innermost: Reports the step that is under way; None for no step.
    """

    supports_higher_order_operators = True

    def __init__(
        self, observed: ModelSnapshot, innermost: Callable[[], PendingStep | None] | None = None
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._guest = observed
        self.reads_values = False
        """Whether some operator reported Python a value, or gave out a size that depends on values."""

        self.by_stored = False
        """Whether some product was counted by what a sparse operand stores."""

        self.innermost = innermost
        # Operators hash in Python, which costs more than all else here.
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
        if entry.reads_values and not self.reads_values and not self._guest.keeping:
            self.reads_values = entry.name != "aten.index" or any(map(_selects, *args[1:2]))
        # TorchScript runs operators with the function mode on, to which this call would be one more.
        with torch._C.DisableTorchFunction():
            if entry.writes and not self._guest.keeping:
                for tensor in tensors_of(tuple(_written_to(func, args, kwargs))):
                    self._guest.about_to_write(tensor)
            if rule is None:
                return func(*args, **kwargs)
            if rule.decomposes and all(map(_is_plain, args)):
                with self:
                    return func.decompose(*args, **kwargs)
            if rule.parts:
                return func(*self._counting(args), **self._counting(kwargs))
            output = func(*args, **kwargs)
            if not self._guest.keeping:
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
        except Exception:  # operands that no formula foresees; the model must run on all the same
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
                # It writes to what it is given, and gives nothing out.
                written = _bytes(_written_to(self._known[operator].function, args, kwargs))
        except Exception:  # a tensor that does not report its size
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
        """Return what was charged to a step so far, for `charge`."""
        entry = self._tallies.get(id(draft))
        return {} if entry is None else entry[1]

    def charge(self, draft: PendingStep, tallies: Any) -> None:
        """Charge a step, all of whose operators ran unseen, with what was charged to another one."""
        if tallies:
            self._tallies[id(draft)] = draft, tallies

    def take_in(self, other: Operators) -> None:
        """Add what was counted in another thread."""
        self.reads_values |= other.reads_values
        self._known.update(other._known)
        for address, (draft, tallies) in list(other._tallies.items()):
            known = self._tallies.get(address)
            # What ran in no step is under one key in all threads.
            self._tallies[address] = draft, _sum_all((known[1], tallies)) if known else tallies

    def work_by_step(self, drafts: list[PendingStep]) -> dict[int, tuple[Work, ...]]:
        """Return what was done, by the index of the step.

        A function that proved to be not a step leaves what it did to the module that it ran in.
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
        """Return all that was done."""
        return self._freeze(_sum_all(tallies for _, tallies in self._tallies.values()))

    def _freeze(self, tallies: _Tallies) -> tuple[Work, ...]:
        """Make the records, one for each operator, in the order in which they ran first."""
        merged: dict[tuple[str, bool, bool], tuple[Rule, _Tally]] = {}
        for (address, *uncounted), tally in tallies.items():
            name, rule = self._known[address][:2]
            assert rule is not None
            # The overloads of an operator are reported as one.
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
    """Find out what there is to know of an operator; for most once, since tags and schemas take long."""
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
    """Return whether what an operator reports, or the size of what it gives out, depends on values."""
    tags = getattr(operator, "tags", ())
    return torch.Tag.data_dependent_output in tags or torch.Tag.dynamic_output_shape in tags


def _selects(index: torch.Tensor | None) -> bool:
    """Return whether an index is a mask."""
    return index is not None and index.dtype in (torch.bool, torch.uint8)


def _is_plain(value: Any) -> bool:
    """Return whether an operand uses the decomposition; nested and packed ones have kernels."""
    if not is_a(value, torch.Tensor):
        return True
    return value.layout is torch.strided and not (value.is_nested or value.is_quantized)


@by_class
def _is_made_of_others(cls: Any) -> bool:
    """Return whether a class has a dispatch of its own; fake tensors have, and stand for plain ones."""
    return dispatches(cls) and plain_name(cls) not in ("FakeTensor", "FunctionalTensor")


def _given_room(operator: Any) -> frozenset[str]:
    """Names of the arguments that an operator only writes to, as `out` is."""
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
    """Bytes of all tensors among some values, and in lists of them."""
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
