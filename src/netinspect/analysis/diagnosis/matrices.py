"""Explanations of failures in matrix products and `einsum`."""

from __future__ import annotations

from netinspect.analysis.diagnosis.broadcasting import aligned_dimensions, mismatched_dimensions
from netinspect.analysis.diagnosis.call import Call, Explanation, Family, Given
from netinspect.analysis.diagnosis.mismatch import Mismatch
from netinspect.analysis.diagnosis.wording import (
    format_count,
    format_operand,
    format_shape,
    other_shape,
    unequal,
)

_OPERANDS = {
    "matmul": (("0", "input"), ("1", "other")),
    "rmatmul": (("1", "other"), ("0", "self")),
    "mm": (("0", "input"), ("1", "mat2")),
    "bmm": (("0", "input"), ("1", "mat2")),
    "mv": (("0", "input"), ("1", "vec")),
    "dot": (("0", "input"), ("1", "other")),
    "inner": (("0", "input"), ("1", "other")),
    "addmm": (("1", "mat1"), ("2", "mat2")),
    "addmv": (("1", "mat"), ("2", "vec")),
    "baddbmm": (("1", "batch1"), ("2", "batch2")),
    "addbmm": (("1", "batch1"), ("2", "batch2")),
}
_RANKS = {
    "mm": (2, 2),
    "bmm": (3, 3),
    "mv": (2, 1),
    "dot": (1, 1),
    "addmm": (2, 2),
    "addmv": (2, 1),
    "baddbmm": (3, 3),
    "addbmm": (3, 3),
}
"""Numbers of dimensions that the operands must have; `matmul` accepts any."""

NAMES = tuple(_OPERANDS)


def explain_product(call: Call) -> Explanation | None:
    """Explain a wrong rank, or inner or batch sizes that differ."""
    first_keys, second_keys = _OPERANDS[call.name]
    first, second = call.tensor(*first_keys), call.tensor(*second_keys)
    if first is None or second is None or not first.rank or not second.rank:
        return None
    ranks = _RANKS.get(call.name)
    if ranks is not None and (first.rank, second.rank) != ranks:
        return _explain_rank(call, first, second, ranks)
    # A vector has nothing before its last dimension; `inner` sums over the last of both.
    at = second.rank - (1 if second.rank == 1 or call.name == "inner" else 2)
    one, other = first.shape[-1], second.shape[at]
    if one != other:
        return _explain_inner(call, first, second, at)
    if call.name == "inner":
        return None
    return _explain_batches(call, first, second) or _explain_added(call, first, second)


def _explain_rank(call: Call, first: Given, second: Given, ranks: tuple[int, int]) -> Explanation:
    wanted = " and ".join(dict.fromkeys(f"{rank} dimension{'s' * (rank > 1)}" for rank in ranks))
    each = "each" if ranks[0] == ranks[1] else "respectively"
    return Explanation(
        f"{call.name} expects tensors with {wanted} {each}, got {format_shape(first.shape)} and "
        f"{format_shape(second.shape)}",
        [
            Mismatch("rank", rank, given.rank, given.whole())
            for given, rank in zip((first, second), ranks, strict=True)
            if given.rank != rank
        ],
        ["use torch.matmul, which supports batches"] if max(first.rank, second.rank) > 2 else [],
    )


def _explain_inner(call: Call, first: Given, second: Given, at: int) -> Explanation:
    text = (
        f"{format_shape(first.shape)} times {format_shape(second.shape)} sums over the last "
        "dimension of "
        f"{format_operand(call, first)} and dimension {at} of {format_operand(call, second)}: "
        f"{first.shape[-1]} and {second.shape[at]} must be equal"
    )
    remedy = f"make both {first.shape[-1]}, or both {second.shape[at]}"
    if second.rank > 1 and first.shape[-1] == second.shape[-1] and call.name != "inner":
        remedy = _transpose(second)
    elif first.rank > 1 and first.shape[-2] == second.shape[at] and call.name != "inner":
        remedy = _transpose(first)
    mismatch = unequal(first, first.rank - 1, second, at)
    return Explanation(text.replace(",:", ":"), [mismatch], [remedy], size_helps=True)


def _transpose(given: Given) -> str:
    turned = (*given.shape[:-2], given.shape[-1], given.shape[-2])
    return f"transpose {given.name}: {given.name}.transpose(-2, -1) is {format_shape(turned)}"


def _explain_batches(call: Call, first: Given, second: Given) -> Explanation | None:
    """Explain batch dimensions that differ; `matmul` broadcasts them."""
    ones, others = first.shape[:-2], second.shape[:-2]
    exact = call.name in ("bmm", "baddbmm", "addbmm")
    wrong = mismatched_dimensions(ones, others, () if exact else (1,))
    if not wrong:
        return None
    pairs = ", ".join(f"{ones[at]} and {others[position]}" for at, position in wrong)
    rule = "equal" if exact else "equal or 1"
    return Explanation(
        f"the batch dimensions of the matrices differ: {pairs}; they must be {rule}",
        [unequal(first, at, second, to) for at, to in wrong],
        [] if exact else ["unsqueeze the operand whose batch is to be broadcast"],
    )


def _explain_added(call: Call, first: Given, second: Given) -> Explanation | None:
    """Explain an added tensor that does not broadcast to the product."""
    if call.name not in ("addmm", "baddbmm"):
        return None
    added = call.tensor("0", "input")
    if added is None:
        return None
    product = (*first.shape[:-1], second.shape[-1])
    wrong = [
        at
        for at, position in aligned_dimensions(added.rank, len(product))
        if added.shape[at] not in (1, product[position])
    ]
    if not wrong and added.rank <= len(product):
        return None
    return Explanation(
        f"the added tensor {format_shape(added.shape)} does not broadcast to the product "
        f"{format_shape(product)}",
        [other_shape(added, product, added.at(*wrong) if wrong else added.whole())],
    )


def explain_einsum(call: Call) -> Explanation | None:
    """Explain a subscript with two sizes, or subscripts that do not cover all dimensions."""
    equation = call.literal("0", "equation")
    operands = call.tensors("1") or [each for each in call.given if len(each.key) == 1]
    if not isinstance(equation, str):
        return None
    terms = equation.replace(" ", "").partition("->")[0].split(",")
    if len(terms) != len(operands):
        return Explanation(
            f"the equation {equation!r} has {format_count(len(terms), 'term')}, but "
            f"got {format_count(len(operands), 'tensor')}",
        )
    seen: dict[str, tuple[Given, int]] = {}
    for number, (term, given) in enumerate(zip(terms, operands, strict=True), start=1):
        letters = term.replace("...", "")
        if "..." not in term and len(letters) != given.rank:
            return Explanation(
                f"{term!r} names {format_count(len(letters), 'dimension')}, but operand "
                f"{number} has {given.rank}: {format_shape(given.shape)}",
                [Mismatch("rank", len(letters), given.rank, given.whole())],
            )
        before = term.partition("...")[0]
        for at, letter in enumerate(letters):
            position = at if "..." not in term or at < len(before) else at - len(letters) + given.rank
            if not 0 <= position < given.rank:
                return None
            size = given.shape[position]
            if letter in seen:
                other, other_at = seen[letter]
                if 1 not in (size, other.shape[other_at]) and size != other.shape[other_at]:
                    return _explain_subscript(equation, letter, (other, other_at), (given, position))
                if other.shape[other_at] != 1:
                    continue
            seen[letter] = (given, position)
    return None


def _explain_subscript(
    equation: str, letter: str, one: tuple[Given, int], other: tuple[Given, int]
) -> Explanation:
    (first, at), (second, position) = one, other
    places = f"dimension {at} of {first.name} {format_shape(first.shape)}"
    return Explanation(
        f"in {equation!r}, {letter} is {first.shape[at]} in {places}, and {second.shape[position]} in "
        f"dimension {position} of {second.name} {format_shape(second.shape)}",
        [unequal(first, at, second, position)],
        ["make both sizes equal, or use another letter for one of them"],
        size_helps=True,
    )


FAMILY = Family(functions={**dict.fromkeys(NAMES, explain_product), "einsum": explain_einsum})
