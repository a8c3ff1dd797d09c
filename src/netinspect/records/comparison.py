"""Record of the differences between the values of two tensors of equal shape."""

from __future__ import annotations

from netinspect.records.base import Number, record


@record
class Comparison:
    """Two tensors, a and b, element by element.

    Complex numbers are compared by their parts. An element counts as finite if it is finite in both
    tensors. Identical tensors are not examined further: their differences are 0 and their cosine is 1,
    whatever their values.
    """

    identical: bool | None
    """The same dtype and equal in every bit; None if the bytes cannot be read."""

    equal: bool | None = None
    """No value differs, whatever the dtypes. None if the values cannot be read."""

    differing: int | None = None
    """Elements whose values differ. NaN counts as equal to NaN, and 0 as equal to -0."""

    max_absolute: Number | None = None
    """Largest |a - b| over elements that are not NaN; infinite if an element is infinite in one tensor
    and differs in the other. None without such elements."""

    max_relative: Number | None = None
    """Largest |a - b| / max(|a|, |b|) over finite elements, 0 if both are 0; at most 2. None without
    finite elements."""

    relative_norm: Number | None = None
    """Norm of a - b divided by the norm of a (Frobenius), over finite elements; None if the norm of a
    is 0 and b differs, or without finite elements."""

    cosine: Number | None = None
    """Cosine similarity over finite elements; None if one tensor is all zeros, or without finite
    elements."""

    left_nan: int = 0
    """Elements that are NaN in the left tensor only."""

    right_nan: int = 0
    """Elements that are NaN in the right tensor only."""

    not_compared: str = ""
    """Reason why values could not be compared; empty if they were."""
