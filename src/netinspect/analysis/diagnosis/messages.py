"""Requirements that error messages state, for failures whose operands do not show them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal as OneOf

from netinspect.analysis.diagnosis.mismatch import Kind, Mismatch

_ROWS: tuple[tuple[Kind, str | None, str], ...] = (
    ("size", None, r"got:? (?P<got>N),? expected (?P<expected>N)"),
    ("size", None, r"[Ee]xpected (?P<expected>N),? (?:but )?got:? (?P<got>N)"),
    ("size", None, r"embedding dimension of (?P<expected>N), but got (?P<got>N)"),
    ("size", None, r"should contain (?P<got>N) elements not (?P<expected>N)"),
    ("size", None, r"size \((?P<got>N)(?:[*x, ]+\d+)?\) (?:doesn't|does not) match (?:the )?model "
     r"\((?P<expected>N)"),
    ("size", None, r"\((?P<got>N)\) (?:doesn't|does not) match (?:the )?\w+(?: \w+)? "
     r"\(?(?P<expected>N)"),
    ("size", None, r": (?P<got>N) (?:doesn't|does not) correspond to [\w.]+: (?P<expected>N)"),
    ("size", None, r"of tensor a \((?P<got>N)\) must match the size of tensor b \((?P<expected>N)\)"),
    ("size", None, r"of length (?P<expected>N), but (?:found|got|received) (?P<got>N)"),
    ("size", None, r"(?:should be|must be|expected)\D{0,40}?(?P<expected>N)"
     r"\D{1,40}?(?:got|is|was|not|found)\D{0,20}?(?P<got>N)"),
    ("multiple", None, r"multiple of [^.()]*\((?P<expected>N)\)"),
    ("multiple", None, r"multiple of\D{0,20}?(?P<expected>N)"),
    ("multiple", None, r"divisible by\D{0,20}?(?P<expected>N)"),
    ("rank", None, r"expected (?P<expected>\d)D(?: or (?P<other>\d)D)? input"),
    ("rank", None, r"Expected (?:\dD \(unbatched\) or )?(?P<expected>\d)D \(batched\) input"),
    ("rank", None, r"[Ii]nput to be \dD or (?P<expected>\d)D"),
    ("rank", None, r"[Ii]nput must have (?P<expected>\d) dimensions"),
    ("rank", None, r"too many values to unpack \(expected (?P<expected>\d)"),
    ("rank", None, r"not enough values to unpack \(expected (?P<expected>\d), got (?P<got>\d)\)"),
    ("rank", None, r"same number of dimensions: got (?P<expected>\d) and (?P<other>\d)"),
    ("rank", None, r"must be (?P<expected>\d)-?[dD]"),
    ("rank", None, r"[Ee]xpected (?:a )?(?P<expected>\d)-?[dD]"),
    ("rank", None, r"Dimension out of range|non-existing dimension|too many indices for tensor|"
     r"index out of range|IndexError"),
    ("dtype", "bool", r"only supports boolean masks|boolean tensor|expected condition to be"),
    ("dtype", "int64", r"expected scalar type Long|(?:gather|index_select)\(\): Expected dtype int|"
     r"must be an integer|Expected dtype int64|expected Long|tensors used as indices must be"),
    ("dtype", "complex64", r"non-complex dtypes|only supported for complex|complex tensors? expected"),
    ("dtype", "float32", r"(?s)\A(?=.*type).*(?i:long|\bint|float|double|half)"),
    ("range", None, r"out of range"),
    ("larger", None, r"larger than|greater than actual input|too small|must be greater|non-zero size|"
     r"should be greater than zero|Output size|non-empty|smaller than|at least|non-negative|at most|"
     r"Padding size"),
    ("examples", None, r"more than 1 value per channel"),
)  # fmt: skip
"""Kind, expected dtype, and pattern, in which N is a number and `other` a second rank that may be meant.
Every row about a size counts; of another kind, the first row that matches."""

_PATTERNS = [(kind, dtype, re.compile(text.replace("N)", r"\d{1,18})"))) for kind, dtype, text in _ROWS]


def reported_mismatches(message: str) -> Iterator[Mismatch]:
    """Yield the mismatches that an error message reports; none of them has an operand.

    A rank without a number means more dimensions than the tensor has.
    """
    seen: set[object] = set()
    for kind, dtype, pattern in _PATTERNS:
        match = pattern.search(message) if kind not in seen else None
        if match is None:
            continue
        numbers = {name: int(number) for name, number in match.groupdict().items() if number}
        expected, got = numbers.get("expected"), numbers.get("got")
        key = (expected, got) if kind == "size" else kind
        if key in seen or (kind == "size" and expected == got) or (kind == "multiple" and not expected):
            continue
        seen.add(key)
        yield Mismatch(kind, dtype or expected, got)
        if "other" in numbers:
            yield Mismatch(kind, numbers["other"], got)


def reports(message: str, kind: Kind) -> bool:
    """Return whether an error message reports a mismatch of a kind."""
    return any(each.kind == kind for each in reported_mismatches(message))


Need = OneOf["values", "kernel", "weights"]

_NEEDS: tuple[tuple[Need, tuple[str, ...], str], ...] = (
    (
        "values",
        ("DataDependentOutputException", "DynamicOutputShapeException"),
        r"data-dependent|item\(\)|_local_scalar_dense|data is not allocated|no data",
    ),
    ("kernel", ("NotImplementedError",), r"\bmeta\b|BF16 type"),
    # torch.autocast of the meta device.
    ("kernel", (), r"^unsupported scalarType$|unsupported autocast device_type 'meta'"),
    ("weights", (), r"singular|positive[- ]definite|converge|ill-conditioned|probabilit"),
)
"""Exceptions and messages of failures for lack of something that a tensor mode does not have."""


def unmet_needs(exception: str, message: str) -> set[Need]:
    """Return what a failed forward may have lacked in its tensor mode.

    Args:
        exception: Class name of the exception.
        message: Its message.

    Returns:
        `values` if it reads values of tensors that have none, `kernel` if an operator does not support
        such tensors, and `weights` if an operator fails on weights that are zeros.
    """
    return {
        need
        for need, types, pattern in _NEEDS
        if exception in types or re.search(pattern, message, re.IGNORECASE)
    }
