"""Numbers of a cost for people and programs: numbers, or expressions in the symbols of a trace."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar

from netinspect._utils import units
from netinspect.records.polynomial import Polynomial, add, multiply, polynomial, read_size
from netinspect.records.report_header import ReportHeader
from netinspect.records.symbols import Symbol
from netinspect.records.values import TensorSpec, Value, tensors_in
from netinspect.records.work import Cost
from netinspect.rendering.columns import count_column
from netinspect.rendering.document import Column, Line, line
from netinspect.rendering.styles import heat

UNITS: dict[str, Callable[[int], str]] = {"bytes_read": units.size, "bytes_written": units.size}
"""Formatters of the numbers of a cost that are not shown in powers of 1000."""

_NAMES = {
    "batch": "the batch",
    "seq": "the length of the sequence",
    "height": "the height",
    "width": "the width",
}


_BOUNDED = {
    "macs": "uncounted",
    "flops": "uncounted",
    "activations": "uncounted",
    "other_flops": "uncounted_flops",
    "intensity": "uncounted_flops",
}
"""For each number that uncounted calls make a lower bound: the field with the number of these calls."""


def amount(
    cost: Cost, name: str, header: ReportHeader, *, zero: str | None = None, partly: bool = False
) -> str:
    """Format one number of a cost for people: `28.16 k*N`, rounded, or `>= 28.16 k*N`.

    Args:
        cost: The cost.
        name: The number, such as `macs`.
        header: The header of the report, with the symbols of the cost.
        zero: Text for 0; None for the number itself.
        partly: Whether some operators were not visible, so that every number is a lower bound.
    """
    least = lower_bound(cost, name, partly=partly)
    if least:
        zero = None
    return least + _amount(cost, name, header, zero)


class HasCost(Protocol):
    """A row with a cost."""

    @property
    def cost(self) -> Cost:
        """The cost of the row."""


R = TypeVar("R", bound=HasCost)


def cost_column(
    key: str,
    header: ReportHeader,
    *,
    field: str | None = None,
    drop: int = 0,
    shown: bool = True,
    total: Cost | None = None,
    repeats: Callable[[R], int] = lambda _: 1,
) -> Column[R]:
    """Return the column of one number of a cost.

    Args:
        key: Key of the column.
        header: The header of the report, with the symbols of the cost.
        field: The field of `Cost`; None if its name is the key.
        drop: Order in which the column is dropped.
        shown: Whether it is shown to people by default.
        total: The cost of the whole model, if the numbers are coloured by their share of it.
        repeats: Return the number of items in a row, each with that cost.
    """
    name = field or key
    whole = getattr(total, name, 0)
    return Column(
        key=key,
        value=lambda row: exact(row.cost, name, header),
        text=lambda row: _repeated(repeats(row), amount(row.cost, name, header, zero="-")),
        align="right",
        style=(lambda row: heat(repeats(row) * getattr(row.cost, name) / whole)) if whole else None,
        drop=drop,
        shown=shown,
    )


def _repeated(repeats: int, text: str) -> str:
    return text if text == "-" else units.times(repeats, text)


def uncounted_column(*, shown: bool) -> Column[HasCost]:
    """Return the column of calls whose other FLOPs are not known."""
    return count_column("uncounted", lambda row: row.cost.uncounted_flops, shown=shown, zero="-")


def lower_bound(cost: Cost, name: str, *, partly: bool = False) -> str:
    """Return `>= ` for a number that is a lower bound, and an empty text for others."""
    missing = _BOUNDED.get(name)
    return ">= " if partly or (missing is not None and getattr(cost, missing)) else ""


def _amount(cost: Cost, name: str, header: ReportHeader, zero: str | None) -> str:
    format_number = UNITS.get(name, units.short)
    number: int = getattr(cost, name)
    expression, is_known = _expression(cost, name)
    if expression is not None:
        return expression.text(format_number)
    if not number and zero is not None and is_known:
        return zero
    return format_number(number) + ("" if is_known else f" at {own_sizes(header)}")


def exact(cost: Cost, name: str, header: ReportHeader) -> int | str:
    """Return one number of a cost for programs: a number, or a text such as `28160*N`."""
    number: int = getattr(cost, name)
    expression, is_known = _expression(cost, name)
    if expression is not None:
        return expression.text()
    return number if is_known else f"{number} at {own_sizes(header)}"


def in_words(cost: Cost, name: str, noun: str, header: ReportHeader) -> str:
    """Format one number of a cost in full, with its noun: `281,640*N MACs`."""
    number: int = getattr(cost, name)
    expression, is_known = _expression(cost, name)
    if expression is not None:
        return f"{expression.text(units.count)} {noun}s"
    return units.plural(number, noun) + ("" if is_known else f" at {own_sizes(header)}")


def _expression(cost: Cost, name: str) -> tuple[Polynomial | None, bool]:
    """Return the expression, unless it is constant, and whether the number holds for all sizes."""
    if cost.expressions is None:
        return None, True
    expression: Polynomial | None = getattr(cost.expressions, name)
    if expression is None:
        return None, False
    return (None if expression.is_constant else expression), True


def symbols_of(header: ReportHeader) -> tuple[Symbol, ...]:
    """Return the symbols of a report; empty if all sizes are numbers."""
    return header.symbolic.symbols if header.symbolic is not None else ()


def own_sizes(header: ReportHeader) -> str:
    """Format the sizes of the original run: `N = 10`."""
    return ", ".join(f"{each.symbol} = {each.size}" for each in symbols_of(header))


def tensor_amounts(value: Value | None, header: ReportHeader) -> str:
    """Format the number of values and bytes of the tensors of a value: `10*N values, 40*N B`."""
    specs = list(tensors_in(value))
    names = tuple(each.symbol for each in symbols_of(header))
    sizes = [size for spec in specs for size in spec.shape if isinstance(size, str)]
    try:
        elements = [_elements(spec, names) for spec in specs] if sizes else []
    except ValueError:  # a size that is not an expression, such as `5?`
        elements = []
    if not elements:
        count = sum(spec.elements for spec in specs)
        text = f"{units.plural(count, 'value')}, {units.size(sum(spec.bytes for spec in specs))}"
        return f"{text} at {own_sizes(header)}" if sizes and names else text
    widths = [_number(spec.bytes // max(1, spec.elements), names) for spec in specs]
    values, moved = _sum(elements), _sum(map(multiply, elements, widths))
    return f"{values.text(units.count)} values, {moved.text(units.size)}"


def rounded(expression: Polynomial | None, format_number: Callable[[int], str]) -> str:
    """Format an expression for people, rounded; `?` for None."""
    return "?" if expression is None else expression.text(format_number)


def whole(expression: Polynomial | None) -> str | None:
    """Format an expression for programs, exactly; None for None."""
    return None if expression is None else expression.text()


def _sum(polynomials: Iterable[Polynomial]) -> Polynomial:
    total = add(polynomials)
    assert total is not None
    return total


def _elements(spec: TensorSpec, names: tuple[str, ...]) -> Polynomial:
    product = _number(1, names)
    for size in spec.shape:
        factor = _number(size, names) if isinstance(size, int) else read_size(size, names)
        product = multiply(product, factor)
    return product


def _number(number: int, names: tuple[str, ...]) -> Polynomial:
    return polynomial(names, {(0,) * len(names): number})


def symbol_notes(header: ReportHeader) -> list[Line]:
    """Return notes on each symbol and the proof of its expressions, then on numbers without one."""
    if header.symbolic is None:
        return []
    notes = [line((_proof(each), "hint")) for each in header.symbolic.symbols]
    return notes + [line((f"note: {text}", "warning")) for text in header.symbolic.notes]


def _proof(symbol: Symbol) -> str:
    name = _NAMES.get(symbol.name, symbol.name)
    what = f"is {name}" if name != symbol.symbol else "is a size"
    *first, last = map(str, symbol.fitted)
    return (
        f"{symbol.symbol} {what}, {', '.join(symbol.dimensions)}, {symbol.size} in this run: proved by "
        f"runs at {', '.join(first)} and {last}, confirmed at {symbol.confirmed}"
    )
