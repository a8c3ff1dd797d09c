"""Numbers as people read them; what is spelled here is never read back."""

_BYTE_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def count(number: int) -> str:
    """Spell a count exactly, in groups of three: `44,426`."""
    return f"{number:,}"


def size(number: int) -> str:
    """Spell bytes in powers of 1024, to four digits: `173.5 KiB`."""
    if number < 1024:
        return f"{number} B"
    value = float(number)
    for unit in _BYTE_UNITS:
        if value < 1024 or unit == _BYTE_UNITS[-1]:
            return f"{value:.1f} {unit}" if value < 1000 else f"{value:.0f} {unit}"
        value /= 1024
    raise AssertionError("the loop always returns")


def percent(share: float) -> str:
    """Spell a share of 0 to 1: `69.2 %`; what is not zero never reads as zero."""
    if 0 < share < 0.0005:
        return "<0.1 %"
    return f"{share * 100:.1f} %"


def decimal(number: float | None) -> str:
    """Spell a measured value to four significant digits; a dash where there is none."""
    return "-" if number is None else f"{number:.4g}"


def plural(number: int, noun: str, plural_noun: str | None = None) -> str:
    """Spell a count with its noun: `1 layer`, `2 layers`."""
    return f"{count(number)} {noun if number == 1 else plural_noun or noun + 's'}"
