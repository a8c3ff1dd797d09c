"""Requests of `--symbolic`: the sizes to replace by symbols, parsed without torch."""

from __future__ import annotations

from collections.abc import Sequence

from netinspect.errors import UsageError, suggestion
from netinspect.records.base import record

KNOWN = {"batch": "N", "seq": "T", "height": "H", "width": "W"}
"""Names whose dimensions are found without an argument, and their symbols."""

_MAXIMUM = 2
_EXAMPLE = "write it like --symbolic batch, --symbolic seq or --symbolic points=x:2"


@record
class SymbolRequest:
    """One size to replace by a symbol."""

    name: str
    symbol: str
    dimensions: tuple[tuple[str, int], ...] = ()
    """Arguments and dimensions that have this size; empty if they must be found."""


def parse_symbols(texts: Sequence[str], *, batch: int | None = None) -> tuple[SymbolRequest, ...]:
    """Parse requests such as `batch`, `seq`, `seq=ids:1` or `points=x:2,y:2`.

    Args:
        texts: Values of the option.
        batch: Value of `--batch`.

    Raises:
        UsageError: A request is invalid, there are too many, or the batch is also given as a number.
    """
    requests = tuple(map(_parse, texts))
    if len(requests) > _MAXIMUM:
        raise UsageError(
            f"--symbolic takes at most {_MAXIMUM} names, got {len(requests)}",
            hint="omit some: each symbol takes four runs, and two symbols ten more",
        )
    for index, each in enumerate(requests):
        if each.symbol in [other.symbol for other in requests[:index]]:
            raise UsageError(
                f"--symbolic gives the symbol {each.symbol} twice", hint="omit one, or rename it"
            )
    if batch is not None and any(each.name == "batch" for each in requests):
        raise UsageError(
            "--batch and --symbolic batch exclude each other: the batch is a number or a symbol",
            hint=f"omit --batch for expressions in N, or --symbolic batch for a batch of {batch}",
        )
    return requests


def _parse(text: str) -> SymbolRequest:
    name, equals, rest = (part.strip() for part in text.partition("="))
    if not name.isidentifier():
        raise UsageError(f"cannot read --symbolic {text!r}", hint=_EXAMPLE)
    if not equals:
        if name not in KNOWN:
            raise UsageError(
                f"unknown dimension {name!r}",
                hint=suggestion(name, KNOWN)
                or f"known are {', '.join(KNOWN)}; give the argument and dimension of another, from 0: "
                f"--symbolic {name}=x:2",
            )
        return SymbolRequest(name=name, symbol=KNOWN[name])
    dimensions = []
    for part in rest.split(","):
        argument, colon, number = part.strip().rpartition(":")
        if not (
            colon
            and argument
            and number.removeprefix("-").isdecimal()
            and number.isascii()
            and len(number) < 9
        ):
            raise UsageError(
                f"cannot read --symbolic {text!r}",
                cause=f"{part.strip()!r} is not an argument with a dimension",
                hint=f"write it like --symbolic {name}=x:2 or --symbolic {name}=ids:1,mask:1",
            )
        dimensions.append((argument.strip(), int(number)))
    return SymbolRequest(name=name, symbol=KNOWN.get(name, name), dimensions=tuple(dimensions))
