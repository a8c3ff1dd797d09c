"""Element-wise differences of two tensors, accumulated piece by piece."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from netinspect.checkpoints.values.dtypes import KINDS, Array, widen
from netinspect.checkpoints.values.summation import dot
from netinspect.checkpoints.values.threads import Workspace

NEAR = 0.01
"""Factor by which (a - b)^2 must be smaller than a^2 and b^2 for tensors to count as nearly equal."""

_SMALL = {"f4": 1e-20, "f8": 1e-280}
"""Sums of squares below this value may lack terms that underflow."""


@dataclass
class Differences:
    """Sums and extremes over elements of a pair of tensors."""

    identical: bool = True
    only_bytes: bool = False
    """True if only bytes were compared, and all of them are equal."""

    differing: int = 0
    left_nan: int = 0
    right_nan: int = 0
    numbers: int = 0
    """Number of elements that are not NaN on either side."""

    finite: int = 0
    max_absolute: float = 0.0
    max_relative: float = 0.0
    largest: float = 0.0
    """Largest magnitude, or a norm of ordinary size; determines whether squares need a scale."""

    squares: float = 0.0
    """Sum of (a - b)^2 over finite elements; this and the next three in units of `scale`."""

    left_squares: float = 0.0
    """Sum of a^2."""

    right_squares: float = 0.0
    """Sum of b^2."""

    products: float = 0.0
    """Sum of ab."""

    scale: float = 1.0
    """Factor by which values were multiplied for the sums."""

    def add(self, other: Differences) -> None:
        """Add the differences of other elements."""
        self.identical &= other.identical
        self.only_bytes &= other.only_bytes
        self.differing += other.differing
        self.left_nan += other.left_nan
        self.right_nan += other.right_nan
        self.numbers += other.numbers
        self.finite += other.finite
        self.max_absolute = max(self.max_absolute, other.max_absolute)
        self.max_relative = max(self.max_relative, other.max_relative)
        self.largest = max(self.largest, other.largest)
        self.squares += other.squares
        self.left_squares += other.left_squares
        self.right_squares += other.right_squares
        self.products += other.products
        self.scale = other.scale


def differences(
    left_dtype: str, left: Array, right_dtype: str, right: Array, workspace: Workspace, scale: float
) -> Differences:
    """Compare stored elements whose bytes are not all equal.

    Args:
        left_dtype: Dtype of the first elements.
        left: Their components.
        right_dtype: Dtype of the second elements.
        right: Their components, as many.
        workspace: Provides buffers.
        scale: Power of two by which values are multiplied for sums; differs from 1 only if the values
            are too large or too small for squares.
    """
    kinds = KINDS[left_dtype], KINDS[right_dtype]
    size = len(left)
    if left_dtype == right_dtype and kinds[0].how == "integer":
        return _integers(left, right)
    wide = max(kind.wide for kind in kinds)
    a, b = (
        _widened(dtype, raw, wide, workspace, use)
        for dtype, raw, use in ((left_dtype, left, "left"), (right_dtype, right, "right"))
    )
    fast = _all_ordinary(a, b, workspace) if scale == 1 else None
    found = fast if fast is not None else _any(a.astype("f8"), b.astype("f8"), scale)
    if kinds[0].components == 2:
        _count_complex(found, a.reshape(size // 2, 2), b.reshape(size // 2, 2))
    return found


def _widened(dtype: str, raw: Array, wide: str, workspace: Workspace, use: str) -> Array:
    kind = KINDS[dtype]
    values = widen(dtype, raw, workspace.take(f"wide {use}", kind.wide, len(raw)))
    if kind.wide != wide:
        wider = workspace.take(f"wider {use}", wide, len(raw))
        np.copyto(wider, values)
        return wider
    return values


def _all_ordinary(a: Array, b: Array, workspace: Workspace) -> Differences | None:
    """Compare finite values of ordinary size, or return None if some are not.

    A value that is too large, infinite or NaN makes a sum or an extreme non-finite.
    """
    size, wide = len(a), a.dtype.str
    apart = np.subtract(a, b, out=workspace.take("apart", wide, size))
    both = np.add(a, b, out=workspace.take("both", wide, size))
    max_absolute = max(-float(apart.min()), float(apart.max()))
    squares, left_squares, right_squares = dot(apart, apart), dot(a, a), dot(b, b)
    if not math.isfinite(squares + left_squares + right_squares):
        return None
    small = _SMALL[wide[1:]]
    if left_squares < small or right_squares < small or (squares < small and max_absolute):
        return None
    unequal = np.not_equal(a, b, out=workspace.take("unequal", "?", size))
    return Differences(
        identical=False,
        differing=int(np.count_nonzero(unequal)),
        numbers=size,
        finite=size,
        max_absolute=max_absolute,
        max_relative=_max_relative(apart, both, workspace),
        largest=math.sqrt(max(left_squares, right_squares)),
        squares=squares,
        left_squares=left_squares,
        right_squares=right_squares,
        # If a and b are nearly equal, the sum follows from the others without loss of precision.
        products=(left_squares + right_squares - squares) / 2
        if squares < NEAR * min(left_squares, right_squares)
        else dot(a, b),
    )


def _max_relative(apart: Array, both: Array, workspace: Workspace) -> float:
    """Return the largest |a - b| / max(|a|, |b|), given a - b and a + b, which may be overwritten.

    max(|a|, |b|) is (|a + b| + |a - b|) / 2, so that the quotient grows with |a - b| / |a + b|.
    """
    quotient = np.divide(apart, both, out=workspace.take("quotient", apart.dtype.str, len(apart)))
    largest = max(-float(quotient.min()), float(quotient.max()))
    if math.isnan(largest):
        # If both numbers are 0, any divisor works.
        zero = both == 0
        if apart[zero].any():
            return 2.0
        both[zero] = 1
        largest = float(np.abs(apart / both).max())
    return 2 * largest / (1 + largest) if math.isfinite(largest) else 2.0


def _any(a: Array, b: Array, scale: float) -> Differences:
    """Compare any float64 values; the arrays may be overwritten."""
    a_nan, b_nan = np.isnan(a), np.isnan(b)
    unequal = (a != b) & ~(a_nan & b_nan)
    numbers = ~(a_nan | b_nan)
    finite = np.isfinite(a) & np.isfinite(b)
    # Two equal infinities have no difference.
    infinite = numbers & ~finite & unequal
    a, b = a[finite], b[finite]
    max_absolute = float(np.abs(a - b).max(initial=0.0))
    larger = np.maximum(np.abs(a), np.abs(b))
    largest = float(larger.max(initial=0.0))
    a, b, larger = a * scale, b * scale, larger * scale
    difference = a - b
    relative = np.abs(difference) / np.maximum(larger, np.finfo("f8").smallest_subnormal)
    return Differences(
        identical=False,
        differing=int(np.count_nonzero(unequal)),
        left_nan=int(np.count_nonzero(a_nan & ~b_nan)),
        right_nan=int(np.count_nonzero(b_nan & ~a_nan)),
        numbers=int(np.count_nonzero(numbers)),
        finite=len(a),
        max_absolute=np.inf if infinite.any() else max_absolute,
        max_relative=float(relative.max(initial=0.0)),
        largest=largest,
        squares=dot(difference, difference),
        left_squares=dot(a, a),
        right_squares=dot(b, b),
        products=dot(a, b),
        scale=scale,
    )


def _integers(left: Array, right: Array) -> Differences:
    """Compare integers of one dtype; the differences are exact before they are converted to floats."""
    size, unsigned = len(left), f"u{left.itemsize}"
    high, low = np.maximum(left, right), np.minimum(left, right)
    # Modulo 2^n, an n-bit difference is the true one, which does not fit the signed dtype.
    magnitude = (high.view(unsigned) - low.view(unsigned)).astype("f8")
    a, b = left.astype("f8"), right.astype("f8")
    larger = np.maximum(np.abs(a), np.abs(b))
    difference = np.where(left < right, -magnitude, magnitude)
    return Differences(
        identical=False,
        differing=int(np.count_nonzero(left != right)),
        numbers=size,
        finite=size,
        max_absolute=float(magnitude.max(initial=0.0)),
        max_relative=float((magnitude / np.maximum(larger, 1)).max(initial=0.0)),
        largest=float(larger.max(initial=0.0)),
        squares=dot(difference, difference),
        left_squares=dot(a, a),
        right_squares=dot(b, b),
        products=dot(a, b),
    )


def _count_complex(found: Differences, a: Array, b: Array) -> None:
    """Count each complex element once instead of its two parts."""
    a_nan, b_nan = np.isnan(a).any(axis=1), np.isnan(b).any(axis=1)
    unequal = (a != b).any(axis=1) & ~(a_nan & b_nan)
    found.differing = int(np.count_nonzero(unequal))
    found.left_nan = int(np.count_nonzero(a_nan & ~b_nan))
    found.right_nan = int(np.count_nonzero(b_nan & ~a_nan))
