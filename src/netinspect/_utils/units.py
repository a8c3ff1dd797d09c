"""Formatting of numbers and names for people; the results are never parsed."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

_BYTE_UNITS = ("KiB", "MiB", "GiB", "TiB", "PiB", "EiB")


_is_exact: ContextVar[bool] = ContextVar("exact", default=False)


@contextmanager
def exact_numbers(exact: bool = True) -> Iterator[None]:
    """Format sizes and large counts without rounding while the context is open."""
    token = _is_exact.set(exact)
    try:
        yield
    finally:
        _is_exact.reset(token)


def count(number: int) -> str:
    """Format a count exactly, in groups of three: `44,426`."""
    return f"{number:,}"


def size(number: int) -> str:
    """Format bytes in powers of 1024, to four digits: `173.5 KiB`; see `exact_numbers`."""
    if number < 1024:
        return f"{number} B"
    if _is_exact.get():
        return f"{count(number)} B"
    text = ""
    for power, unit in enumerate(_BYTE_UNITS, start=1):
        # Rounded before the unit is chosen, so that 1,048,575 bytes are 1.0 MiB and not 1024 KiB.
        tenths = _rounded_ratio(10 * number, 1024**power)
        whole = _rounded_ratio(number, 1024**power)
        text = f"{tenths // 10}.{tenths % 10} {unit}" if tenths < 10_000 else f"{whole} {unit}"
        if whole < 1024:
            break
    return text


def _rounded_ratio(number: int, divisor: int) -> int:
    """Divide and round half to even, as floats are formatted, but exactly at any size."""
    quotient, rest = divmod(number, divisor)
    return quotient + (2 * rest > divisor or (2 * rest == divisor and quotient % 2 == 1))


_PREFIXES = ("", "k", "M", "G", "T", "P", "E")


def short(number: int) -> str:
    """Format a large count in powers of 1000, to four digits: `4.089 G`; a small one whole.

    See `exact_numbers`.
    """
    if number < 1000:
        return str(number)
    if _is_exact.get():
        return count(number)
    for power, prefix in enumerate(_PREFIXES[1:], start=1):
        # Rounded before the unit is chosen, so that 999,999 are 1.000 M and not 1000 k.
        for digits in (3, 2, 1):
            scaled = _rounded_ratio(number * 10**digits, 1000**power)
            if scaled < 10_000:
                return f"{scaled // 10**digits}.{scaled % 10**digits:0{digits}} {prefix}"
    return f"{_rounded_ratio(number, 1000**power)} {prefix}"


def percent(share: float) -> str:
    """Format a share between 0 and 1: `69.2 %`; a share above 0 is at least `<0.1 %`."""
    if 0 < share < 0.0005:
        return "<0.1 %"
    return f"{share * 100:.1f} %"


def age(seconds: float) -> str:
    """Format a time span in its largest unit, rounded down: `12 s`, `3 min`, `5 h`, `9 days`."""
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min"
    return f"{whole // 3600} h" if whole < 2 * 86400 else f"{whole // 86400} days"


def decimal(number: float | None) -> str:
    """Format a measured value with four significant digits; None as a dash."""
    return "-" if number is None else f"{number:.4g}"


def name(text: str) -> str:
    """Format a name; an empty name as two quotes, so that it is visible."""
    return text or "''"


def plural(number: int, noun: str, plural_noun: str | None = None) -> str:
    """Format a count with its noun: `1 layer`, `2 layers`."""
    return f"{count(number)} {noun if number == 1 else plural_noun or noun + 's'}"


def some(names: Sequence[str], most: int) -> str:
    """Format the first names of a sequence, and the number of the others: `a, b and 3 more`."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more:,} more" if more > 0 else "")


def run_name(name: str, last_name: str, repeats: int) -> str:
    """Format the name of a branch, or of a run of identical siblings: `0..11  x12`."""
    return name if repeats == 1 else f"{run_names(name, last_name)}  x{repeats}"


def run_names(name: str, last_name: str) -> str:
    """Format the first and the last name of a run: `blocks.0..11`; a single name unchanged."""
    if name == last_name:
        return name
    container, dot, _ = name.rpartition(".")
    return f"{name}..{last_name.removeprefix(container + dot)}"


def run_path(first: str, last: str, repeats: int) -> str:
    """Format the paths of what is at one place of identical blocks: `blocks.0..11.fc  x12`.

    Args:
        first: The first path.
        last: The last path, with as many parts.
        repeats: Number of paths; 1 for the first path only.
    """
    if repeats == 1:
        return first
    parts = zip(first.split("."), last.split("."), strict=True)
    return ".".join(run_names(a, b) for a, b in parts) + f"  x{repeats}"


def times(repeats: int, text: str) -> str:
    """Format an amount of each of several identical branches: `12 x 7,087,872`."""
    return text if repeats == 1 else f"{repeats} x {text}"
