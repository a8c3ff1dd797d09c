"""Element by element: sizes are lined up from the last one, and must be equal or 1."""

from __future__ import annotations

from collections.abc import Iterator

from netinspect.analysis.diagnosis.call import Call, Explanation, Given, Shape, described, spell

NAMES = (
    *("add", "radd", "sub", "rsub", "subtract", "mul", "rmul", "multiply", "div", "divide"),
    *("true_divide", "rdiv", "rtruediv", "truediv", "floor_divide", "floordiv", "rfloordiv", "fmod"),
    *("remainder", "mod", "rmod", "pow", "rpow", "float_power", "maximum", "minimum", "fmax", "fmin"),
    *("where", "lerp", "addcmul", "addcdiv", "masked_fill", "atan2", "arctan2", "hypot", "copysign"),
    *("eq", "ne", "lt", "le", "gt", "ge", "less", "greater", "less_equal", "greater_equal", "not_equal"),
    *("logical_and", "logical_or", "logical_xor", "bitwise_and", "bitwise_or", "bitwise_xor"),
    *("and", "or", "xor", "rand", "ror", "rxor", "logaddexp", "xlogy"),
    *("iadd", "isub", "imul", "itruediv", "isclose", "dist", "l1_loss", "mse_loss"),
    *("smooth_l1_loss", "huber_loss", "cosine_similarity"),
)


def lined_up(first: int, second: int) -> Iterator[tuple[int, int]]:
    """Yield positions that broadcasting holds against each other, from the last ones on."""
    for offset in range(1, min(first, second) + 1):
        yield first - offset, second - offset


def differing(one: Shape, other: Shape) -> list[tuple[int, int]]:
    """Return the positions where two shapes do not broadcast."""
    return [
        (at, position)
        for at, position in lined_up(len(one), len(other))
        if one[at] != other[position] and 1 not in (one[at], other[position])
    ]


def explain_broadcasting(call: Call) -> Explanation | None:
    """Two operands that do not broadcast, or a result that its place is too small for."""
    operands = [each for each in call.given if len(each.key) == 1]
    for number, second in enumerate(operands):
        for first in operands[:number]:
            wrong = differing(first.shape, second.shape)
            if wrong:
                return _explain_pair(call, first, second, wrong)
    if call.in_place and operands and call.name not in ("where",):
        return _explain_place(call, operands)
    return None


def _explain_pair(call: Call, first: Given, second: Given, wrong: list[tuple[int, int]]) -> Explanation:
    pairs = ", ".join(
        f"{first.shape[at]} against {second.shape[position]} in dimension "
        + (f"{at}" if at == position else f"{at} and {position}")
        for at, position in reversed(wrong)
    )
    makers = [
        f"{given.name} comes from {origin}"
        for given in (first, second)
        if (origin := call.origin(given))
    ]
    text = (
        f"{call.name} lines {spell(first.shape)} and {spell(second.shape)} up from the last dimension: "
        f"{pairs}; they must be equal, or one of them 1"
    )
    if makers:
        text += f" ({', '.join(makers)})"
    return Explanation(
        text,
        list(_remedies(first, second, wrong)),
        {first.name: tuple(at for at, _ in wrong), second.name: tuple(at for _, at in wrong)},
    )


def _remedies(first: Given, second: Given, wrong: list[tuple[int, int]]) -> Iterator[str]:
    small, large = sorted((first, second), key=lambda each: each.rank)
    missing = large.rank - small.rank
    if missing and small.rank:
        # A vector with one number a row lacks the dimensions behind it.
        filled = (*small.shape, *[1] * missing)
        if not differing(filled, large.shape):
            index = f"[..., {', '.join(['None'] * missing)}]"
            yield (
                f"if {small.name} goes along the first dimensions, index it with {index}: that is "
                f"{spell(filled)}"
            )
            return
    if not missing and len(wrong) == 2:
        at, other = sorted(position for position, _ in wrong)
        turned = list(second.shape)
        turned[at], turned[other] = turned[other], turned[at]
        if not differing(tuple(turned), first.shape):
            yield f"if {second.name} is turned: transpose({at}, {other}) makes it {spell(tuple(turned))}"
            return
    sizes = " and ".join(f"{first.shape[at]} or {second.shape[to]}" for at, to in reversed(wrong))
    yield f"bring both to one size there: {sizes}"


def _explain_place(call: Call, operands: list[Given]) -> Explanation | None:
    """An operation in place cannot make its first argument larger."""
    place = operands[0]
    for other in operands[1:]:
        grown = [
            at
            for at, position in lined_up(place.rank, other.rank)
            if place.shape[at] == 1 and other.shape[position] != 1
        ]
        if grown or other.rank > place.rank:
            return Explanation(
                f"{call.name}_ writes to {place.name} {spell(place.shape)} in place, which cannot "
                f"become as large as {spell(other.shape)} asks",
                [f"without the underscore, {call.name} makes a new tensor"],
                {place.name: tuple(grown) or tuple(range(place.rank)), other.name: ()},
                size_helps=False,
            )
    return None


def explain_expansion(call: Call) -> Explanation | None:
    """`expand` repeats sizes of 1 only, and adds dimensions only in front."""
    given = call.tensor("0", "input", "self")
    if given is None:
        return None
    if call.name == "expand_as":
        other = call.tensor("1", "other")
        target: Shape | None = other.shape if other is not None else None
    else:
        target = call.sizes("size", 1)
    if target is None:
        return None
    if len(target) < given.rank:
        return Explanation(
            f"{call.name} was asked for {len(target)} dimensions, fewer than {spell(given.shape)} has",
            [],
            {given.name: tuple(range(given.rank))},
            size_helps=False,
        )
    wrong = [
        (at, position)
        for at, position in lined_up(given.rank, len(target))
        if given.shape[at] not in (1, target[position]) and target[position] != -1
    ]
    if not wrong:
        return None
    pairs = ", ".join(
        f"dimension {at} is {given.shape[at]} and shall be {target[position]}"
        for at, position in reversed(wrong)
    )
    return Explanation(
        f"{call.name} repeats dimensions of size 1 only: of {described(call, given)} {pairs}",
        [],
        {given.name: tuple(at for at, _ in wrong)},
    )
