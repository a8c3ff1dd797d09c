"""How two tensors of equal shape differ in their values."""

from __future__ import annotations

from netinspect.records.base import record


@record
class Comparison:
    """Two tensors, a and b, element by element.

    Complex numbers are compared by their parts. An element is finite where it is so in both tensors.
    Of tensors that are identical nothing more is traced: their differences are 0 and their cosine is
    1, whatever they hold.
    """

    identical: bool | None
    """Of one type and equal in every bit; None if the bytes cannot be read."""

    equal: bool | None = None
    """No value differs, whatever the types. None if the values cannot be read."""

    differing: int | None = None
    """Elements whose values differ. NaN is taken to be equal to NaN, and 0 to -0."""

    max_absolute: float | None = None
    """Largest |a - b| over elements that are not NaN; infinite where one is and the other is not the
    same. None if there are none."""

    max_relative: float | None = None
    """Largest |a - b| / max(|a|, |b|) over finite elements, 0 where both are 0; at most 2. None if
    there are none."""

    relative_norm: float | None = None
    """Norm of a - b by the norm of a (Frobenius), over finite elements; None if a is all zeros (or
    vanishes) and b is not, or none is finite."""

    cosine: float | None = None
    """Cosine similarity over finite elements; None if one tensor is all zeros, or none is finite."""

    left_nan: int = 0
    """Elements that are NaN in the left one only."""

    right_nan: int = 0
    """Elements that are NaN in the right one only."""

    not_compared: str = ""
    """Why values could not be compared; empty where they were."""
