"""Explanations and phrases that several families use."""

from __future__ import annotations

from collections.abc import Sequence

from netinspect.analysis.diagnosis.call import Call, Explanation, Given, Shape
from netinspect.analysis.diagnosis.mismatch import Marks, Mismatch
from netinspect.records.trace import Input


def unequal(one: Given, at: int, other: Given, to: int, requirement: str = "") -> Mismatch:
    """Return the mismatch of a dimension of an operand with a dimension of another operand."""
    marks = {**one.at(at), **other.at(to)} if one.name != other.name else one.at(at, to)
    return Mismatch("size", other.shape[to], one.shape[at], marks, requirement)


def other_shape(given: Given, wanted: Shape, marks: Marks) -> Mismatch:
    """Return the mismatch of a whole tensor, which must have another shape."""
    return Mismatch("tensor", format_tensor(wanted), format_tensor(given.shape), marks)


def explain_rank(
    call: Call,
    given: Given,
    wanted: str,
    ranks: Sequence[int],
    remedies: Sequence[str] = (),
    *,
    size_helps: bool = False,
) -> Explanation:
    """Explain a tensor with another number of dimensions.

    Args:
        call: The failed call.
        given: The tensor.
        wanted: The expected dimensions, such as `4 dimensions (N x C x H x W)`.
        ranks: The numbers of dimensions that are accepted.
        remedies: What to do.
        size_helps: Whether an input of another size can fix the failure.
    """
    return Explanation(
        f"{call.display_name} expects {wanted}, got {given.rank}: {format_shape(given.shape)}",
        [Mismatch("rank", rank, given.rank, given.whole()) for rank in ranks],
        remedies,
        size_helps,
    )


def explain_shape(what: str, given: Given, wanted: Shape, remedies: Sequence[str] = ()) -> Explanation:
    """Explain a tensor that must have a certain shape, after a text on what it must be."""
    mismatch = other_shape(given, wanted, given.unlike(wanted))
    return Explanation(f"{what}, got {format_shape(given.shape)}", [mismatch], remedies)


def find_size(given: Given, wanted: int | str, start: int = 1) -> tuple[str, list[str]]:
    """Find the expected size of the last dimension in a dimension before it.

    Returns:
        The end of an explanation, and a remedy; both empty if no other dimension has that size.
    """
    if wanted not in given.shape[start:-1]:
        return "", []
    at = given.shape.index(wanted, start)
    return (
        f"; {wanted} is the size of dimension {at}",
        [f"if dimension {at} holds the features: x.transpose({at}, -1)"],
    )


def format_count(number: int, noun: str) -> str:
    """Format a number with its noun: `1 dimension`, `2 dimensions`."""
    return f"{number} {noun}{'s' * (number != 1)}"


def format_divisors(number: int) -> str:
    """Format the smallest divisors of a number: `1, 2, 3, 6`."""
    divisors = [each for each in range(1, number + 1) if number % each == 0]
    return ", ".join(map(str, divisors[:8])) + (", ..." if len(divisors) > 8 else "")


def format_tensor(shape: Shape, values: str = "") -> str:
    """Format the input spec of a tensor: `2x3:int64`."""
    return ("x".join(map(str, shape)) or "scalar") + (f":{values}" if values else "")


def format_shape(shape: Shape) -> str:
    """Format a shape: `(10, 400)`."""
    return f"({', '.join(map(str, shape))})"


def format_product(shape: Shape) -> str:
    """Format sizes as a product: `16 * 5 * 5`."""
    return " * ".join(map(str, shape))


def format_sizes(shape: Shape) -> str:
    """Format sizes: `5 x 5`."""
    return " x ".join(map(str, shape))


def format_spec(source: Input, sizes: str) -> str:
    """Format an input spec: `x=10x1x28x28`."""
    return f"{source.name}={sizes}" if source.name.isidentifier() else sizes


def input_options(call: Call, given: Given, shape: Shape, values: str = "") -> list[str]:
    """Return the option that passes a tensor with another shape or dtype, if it is a model input."""
    source = call.as_input(given)
    if source is None:
        return []
    if not values and given.spec.dtype != "float32":
        values = given.spec.dtype
    return [f"--input {format_spec(source, format_tensor(shape, values))}"]


def integer_sizes(shape: Shape) -> tuple[int, ...] | None:
    """Return the sizes if all are integers, or else None."""
    sizes = tuple(size for size in shape if isinstance(size, int))
    return sizes if len(sizes) == len(shape) else None


def format_operand(call: Call, given: Given) -> str:
    """Format the name of an operand and of the step that produced it."""
    producer = call.producer_name(given)
    return f"{given.name} from {producer}" if producer else given.name
