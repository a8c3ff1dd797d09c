"""Input sizes of the runs that turn sizes, costs and memory into expressions.

`runner/symbolic_runs.py` traces a model at these points, and `memory_tracker` tracks its memory there.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, product

from netinspect.records.symbols import Symbol

HIGHEST_POWER = 2
"""Maximum power of each symbol; a fit needs one more size than this."""

_LARGE = 17
"""From this size on, smaller ones are tried first: a model may not accept larger ones."""


@dataclass(frozen=True, slots=True)
class Point:
    """Sizes of one run."""

    symbols: Mapping[str, int]
    """Size of each symbol, such as `N`."""

    dimensions: Mapping[str, int]
    """Size of each dimension of an input that has a symbol, such as `x:0`."""

    def __str__(self) -> str:
        """Format the sizes for a sentence: `N = 2 and T = 3`."""
        return " and ".join(f"{symbol} = {size}" for symbol, size in self.symbols.items())


def point_at(symbols: Sequence[Symbol], sizes: Sequence[int]) -> Point:
    """Return the point at these sizes of the symbols."""
    pairs = [*zip(symbols, sizes, strict=True)]
    return Point(
        {each.symbol: size for each, size in pairs},
        {dimension: size for each, size in pairs for dimension in each.dimensions},
    )


def points_of(symbols: Sequence[Symbol]) -> list[Point]:
    """Return the points to run at: all combinations of fitted sizes, then the confirming sizes.

    The last symbol varies fastest. Without symbols, there are no points.
    """
    if not symbols:
        return []
    grid = [*product(*(each.fitted for each in symbols)), [each.confirmed for each in symbols]]
    return [point_at(symbols, sizes) for sizes in grid]


def candidate_symbols(
    name: str, symbol: str, size: int, dimensions: Sequence[str], seen: Collection[int]
) -> Iterator[Symbol]:
    """Yield symbols with sizes to run at: three primes that no tensor has, and a multiple of 6.

    Primes alone are not enough: half of an odd number, rounded, is a polynomial in odd numbers.
    Sizes close to each other are not enough either: padding to a multiple of 64, or a reduction by
    32, gives the same result for all of them. The batch starts at 2, which is far enough.

    Args:
        name: Name in the request.
        symbol: Symbol in shapes.
        size: Size in the original run.
        dimensions: Dimensions of inputs with this size.
        seen: Sizes of tensors in the original run.
    """
    up, down = (max(2, size), 4 * size, 8 * size), (size, 2 * size // 3, size // 3)
    ways = [(1, up, 6 * size), (1, (up[0],) * 3, up[0]), (-1, (size,) * 3, size)]
    if name == "batch":
        ways = [(1, (2,) * 3, 2), *ways[1:]]
    elif size >= _LARGE:
        ways = [(-1, down, size // 2), ways[2], *ways[:2]]
    for step, starts, middle in ways:
        sizes: list[int] = []
        for start in starts:
            sizes += _next(start, step, {size, *sizes, *seen}, _is_prime)
        sizes.sort()
        # Where 2 is among the primes, a rounded half follows the parabola through the three at one
        # other even size alone, which is 4 less than their sum.
        taken = {size, *sizes, *seen, sum(sizes) - 4}
        even = _next(middle, step, taken, lambda size: size % 6 == 0)
        even = even or _next(middle, step, taken, lambda size: size % 2 == 0)
        if len(sizes) == HIGHEST_POWER + 1 and even:
            yield Symbol(
                name=name,
                symbol=symbol,
                size=size,
                dimensions=tuple(dimensions),
                fitted=tuple(sizes),
                confirmed=even[0],
            )


def _next(start: int, step: int, taken: Collection[int], fits: Callable[[int], bool]) -> list[int]:
    """Return the first unused size from `start` on, up or down; an empty list if none is left."""
    sizes = range(start, start + 1000 if step > 0 else 2, step)
    return [*islice((size for size in sizes if fits(size) and size not in taken), 1)]


def _is_prime(number: int) -> bool:
    return number > 1 and all(number % each for each in range(2, int(number**0.5) + 1))
