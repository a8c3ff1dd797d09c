"""Fast, precise and single-threaded sums over arrays.

Short rows are summed in the dtype of the array, and the row sums in float64. A row has some dozen
additions per SIMD lane, so that the error is about that of pairwise summation: a few times 1e-8 of the
sum of squares. `einsum` is used because numpy's other products may call a BLAS library, whose threads
compete with ours.
"""

from __future__ import annotations

import math

from numpy import einsum

from netinspect.checkpoints.values.dtypes import Array

_ROW = 256


def total(x: Array) -> float:
    """Return the sum of a flat array of floats."""
    size = len(x)
    rest = size % _ROW
    if not rest:
        return float(einsum("ij->i", x.reshape(-1, _ROW)).sum(dtype="f8"))
    tail = float(x[size - rest :].sum(dtype="f8"))
    return tail + total(x[: size - rest]) if size > rest else tail


def dot(x: Array, y: Array) -> float:
    """Return the dot product of two flat arrays of the same float dtype."""
    size = len(x)
    rest = size % _ROW
    if not rest:
        rows = einsum("ij,ij->i", x.reshape(-1, _ROW), y.reshape(-1, _ROW))
        return float(rows.sum(dtype="f8"))
    tail = float(einsum("i,i->", x[size - rest :].astype("f8"), y[size - rest :].astype("f8")))
    return tail + dot(x[: size - rest], y[: size - rest]) if size > rest else tail


def scale_for(largest: float) -> float:
    """Return the power of two that makes the square of the largest value finite."""
    # 2^1074 is not a float; half the exponent is enough for squares.
    return math.ldexp(1.0, max(-1000, min(1000, -math.frexp(largest)[1])))
