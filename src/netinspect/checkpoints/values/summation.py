"""Sums over arrays that are fast, precise and single-threaded.

They are taken over short rows in the type of the array, and over the rows in float64. A row has
some dozen additions for each lane of a vector, so that the sum is about as good as a pairwise one:
to a few times 1e-8 of the sum of squares. What numpy hands to a BLAS library may start threads there,
which fight with ours; `einsum` starts none.
"""

from __future__ import annotations

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
    """Return the sum of the products of two flat arrays of the same type of float."""
    size = len(x)
    rest = size % _ROW
    if not rest:
        rows = einsum("ij,ij->i", x.reshape(-1, _ROW), y.reshape(-1, _ROW))
        return float(rows.sum(dtype="f8"))
    tail = float(einsum("i,i->", x[size - rest :].astype("f8"), y[size - rest :].astype("f8")))
    return tail + dot(x[: size - rest], y[: size - rest]) if size > rest else tail
