"""Patterns of names, such as `layers.*.fc1` for renames of many layers, and regular expressions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import takewhile

_NUMBER = re.compile(r"\d+")


def shared_modules(names: Sequence[str]) -> list[str]:
    """Return the leading components that all names have in common; the last one is that of a tensor."""
    paths = [name.split(".")[:-1] for name in names] or [[]]
    both = zip(min(paths), max(paths), strict=False)
    return [one for one, _ in takewhile(lambda pair: pair[0] == pair[1], both)]


def pattern_of(old: str, new: str) -> tuple[str, str]:
    """Return two names without their common end, with `*` for numbers that they share.

    Numbers are compared in order; a number that differs is not replaced.
    """
    one, other = old.split("."), new.split(".")
    while len(one) > 1 and len(other) > 1 and one[-1] == other[-1]:
        one.pop()
        other.pop()
    old, new = ".".join(one), ".".join(other)
    numbers, others = _NUMBER.findall(old), _NUMBER.findall(new)
    if len(numbers) == len(others):
        shared = [x == y for x, y in zip(numbers, others, strict=True)]
    else:
        shared = []
        for x, y in zip(numbers, others, strict=False):
            if x != y:
                break
            shared.append(True)
    return _replace_numbers(old, shared), _replace_numbers(new, shared)


def _replace_numbers(name: str, shared: list[bool]) -> str:
    flags = iter(shared)
    return _NUMBER.sub(lambda match: "*" if next(flags, False) else match[0], name)


def as_regex(old: str, new: str) -> tuple[str, str] | None:
    """Return a pattern as a regular expression and its replacement, for `re.sub`.

    None if the names contain characters that are special in a replacement.
    """
    if "\\" in old + new or old.count("*") != new.count("*"):
        return None
    expression = "^" + re.escape(old).replace(r"\*", r"(\d+)") + r"(?=\.|$)"
    parts = new.split("*")
    replacement = parts[0]
    for number, part in enumerate(parts[1:], start=1):
        # A digit after a group number would be read as part of it.
        replacement += (rf"\g<{number}>" if part[:1].isdigit() else rf"\{number}") + part
    return expression, replacement
