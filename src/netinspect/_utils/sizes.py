"""Parsing of sizes in bytes."""

from __future__ import annotations

import re

from netinspect.errors import UsageError

_UNITS = {
    "b": 1,
    **{f"{letter}b": 1000**power for power, letter in enumerate("kmgtp", start=1)},
    **{f"{letter}ib": 1024**power for power, letter in enumerate("kmgtp", start=1)},
}
_SIZE = re.compile(r"\s*([0-9]{1,18}(?:\.[0-9]{1,18})?)\s*([A-Za-z]*)\s*")


def read_size(text: str | int) -> int:
    """Parse a size such as `24GiB`, `24GB` or `512MiB`; an integer is a number of bytes.

    Raises:
        UsageError: The text is not a size, or the size is zero.
    """
    if isinstance(text, int):
        size = text
    else:
        match = _SIZE.fullmatch(text)
        unit = match[2].lower() if match else ""
        if match is None or unit not in _UNITS:
            bare = match is not None and not unit
            raise UsageError(
                f"cannot read the size {text!r}",
                cause="it has no unit" if bare else None,
                hint="use a unit: 24GiB (1024^3 bytes), 24GB (1000^3 bytes) or 512MiB",
            )
        whole, _, fraction = match[1].partition(".")
        size = int(whole + fraction) * _UNITS[unit] // 10 ** len(fraction)
    if size <= 0:
        raise UsageError(f"the size {text!r} is zero", hint="use a size such as 24GiB or 512MiB")
    return size
