"""Explanations of failures in attention."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from netinspect.analysis.diagnosis.broadcasting import mismatched_dimensions
from netinspect.analysis.diagnosis.call import Call, Explanation, Family, Given, Shape
from netinspect.analysis.diagnosis.mismatch import Mismatch
from netinspect.analysis.diagnosis.wording import explain_shape, format_shape, unequal


def explain_scaled_dot_product(call: Call) -> Explanation | None:
    """Explain shapes that `scaled_dot_product_attention` rejects."""
    query, key, value = call.tensor("0", "query"), call.tensor("1", "key"), call.tensor("2", "value")
    if query is None or key is None or value is None or min(query.rank, key.rank, value.rank) < 2:
        return None
    if query.shape[-1] != key.shape[-1]:
        return Explanation(
            f"query and key must have the same last dimension: query has {query.shape[-1]}, "
            f"key has {key.shape[-1]}",
            [unequal(query, query.rank - 1, key, key.rank - 1)],
        )
    if key.shape[-2] != value.shape[-2]:
        return Explanation(
            f"key and value must have the same length: key has {key.shape[-2]}, value has "
            f"{value.shape[-2]}",
            [unequal(key, key.rank - 2, value, value.rank - 2)],
        )
    if call.literal("enable_gqa") is not True:
        for one, other in ((query, key), (query, value), (key, value)):
            wrong = mismatched_dimensions(one.shape[:-2], other.shape[:-2])
            if wrong:
                pairs = ", ".join(f"{one.shape[at]} and {other.shape[to]}" for at, to in wrong)
                return Explanation(
                    f"the dimensions before length and features must be equal or 1: {one.name} and "
                    f"{other.name} have {pairs}",
                    [unequal(one, at, other, to) for at, to in wrong],
                )
    return _explain_mask(call, query, key)


def _explain_mask(call: Call, query: Given, key: Given) -> Explanation | None:
    mask = call.tensor("3", "attn_mask")
    if mask is None:
        return None
    if mask.spec.dtype != "bool" and not mask.is_floating:
        return Explanation(
            f"attn_mask must be bool or floating point, got {mask.spec.dtype}",
            [Mismatch("dtype", "bool", mask.spec.dtype, mask.at())],
            ["attn_mask.bool()"],
        )
    pairs = (*query.shape[:-1], key.shape[-2])
    wrong = mismatched_dimensions(mask.shape, pairs)
    if not wrong:
        return None
    return Explanation(
        f"attn_mask must broadcast to {format_shape(pairs)} for {query.shape[-2]} queries and "
        f"{key.shape[-2]} keys, got {format_shape(mask.shape)}",
        [Mismatch("size", pairs[to], mask.shape[at], mask.at(at)) for at, to in wrong],
    )


class _Heads(NamedTuple):
    """A call of `MultiheadAttention` and its `batch_first`."""

    call: Call
    query: Given
    key: Given
    value: Given
    first: bool
    """Value of `batch_first`."""

    @property
    def batch_at(self) -> int:
        return 0 if self.first else 1

    @property
    def length_at(self) -> int:
        return (1 if self.first else 0) if self.query.rank == 3 else 0


def explain_multihead(call: Call) -> Explanation | None:
    """Explain shapes that `MultiheadAttention` rejects."""
    query, key, value = call.tensor("0", "query"), call.tensor("1", "key"), call.tensor("2", "value")
    first = call.attribute("batch_first")
    if query is None or key is None or value is None or type(first) is not bool:
        return None
    heads = _Heads(call, query, key, value, first)
    return next(_multihead(heads), None)


def _multihead(heads: _Heads) -> Iterator[Explanation]:
    call, query, key, value = heads.call, heads.query, heads.key, heads.value
    operands = (query, key, value)
    if len({each.rank for each in operands}) > 1 or query.rank not in (2, 3):
        order = "N x L x E" if heads.first else "L x N x E"
        yield Explanation(
            f"{call.display_name} expects query, key and value with 3 dimensions ({order}), or 2 "
            f"if unbatched, got {query.rank}, {key.rank} and {value.rank}",
            [Mismatch("rank", 3, each.rank, each.whole()) for each in operands if each.rank != 3],
        )
        return
    last = query.rank - 1
    for given, name in ((query, "embed_dim"), (key, "kdim"), (value, "vdim")):
        wanted = call.attribute(name)
        size = given.shape[last]
        if type(wanted) is int and size != wanted:
            what = "query, key and value" if query.spec == key.spec == value.spec else given.name
            yield Explanation(
                f"{call.display_name} has {name}={wanted}, but the last dimension of {what} is {size}",
                [Mismatch("size", wanted, size, given.at(last), f"{call.place}.{name} = {wanted}")],
                [f"to accept this input, set {name}={size} in MultiheadAttention"],
                size_helps=True,
            )
            return
    if key.shape[:-1] != value.shape[:-1]:
        wrong = [at for at in range(last) if key.shape[at] != value.shape[at]]
        yield Explanation(
            "key and value must have the same batch and length, got "
            f"{format_shape(key.shape)} and {format_shape(value.shape)}",
            [unequal(key, at, value, at) for at in wrong],
        )
        return
    if query.rank == 3 and query.shape[heads.batch_at] != key.shape[heads.batch_at]:
        yield _batches(heads)
        return
    yield from _masks(heads)


def _batches(heads: _Heads) -> Explanation:
    """Explain batch sizes that differ, often because of a missing `batch_first`."""
    query, key, at = heads.query, heads.key, heads.batch_at
    text = (
        f"{heads.call.display_name} has batch_first={heads.first}, so dimension {at} is the batch: "
        f"{query.shape[at]} in query, {key.shape[at]} in key"
    )
    remedies = []
    if query.shape[1 - at] == key.shape[1 - at]:
        text += f"; dimension {1 - at} is {query.shape[1 - at]} in both"
        remedies.append(f"if that is the batch, set batch_first={not heads.first} in MultiheadAttention")
    return Explanation(text, [unequal(query, at, key, at)], remedies)


def _masks(heads: _Heads) -> Iterator[Explanation]:
    call, query, key = heads.call, heads.query, heads.key
    length, source = query.shape[heads.length_at], key.shape[heads.length_at]
    batch = query.shape[heads.batch_at] if query.rank == 3 else 1
    number = call.attribute("num_heads")
    mask, padding = call.tensor("5", "attn_mask"), call.tensor("3", "key_padding_mask")
    if padding is not None:
        wanted: Shape = (batch, source) if query.rank == 3 else (source,)
        if padding.shape != wanted:
            yield _wrong_mask("key_padding_mask", padding, wanted, "batch, keys")
    if mask is not None and type(number) is int and isinstance(batch, int):
        shapes: dict[int, Shape] = {2: (length, source), 3: (batch * number, length, source)}
        pairs = shapes.get(mask.rank, shapes[2])
        if mask.shape != pairs:
            meaning = "queries, keys"
            if len(pairs) == 3:
                meaning = f"{batch} * {number} heads, {meaning}"
            yield _wrong_mask("attn_mask", mask, pairs, meaning)


def _wrong_mask(name: str, mask: Given, wanted: Shape, meaning: str) -> Explanation:
    return explain_shape(
        f"{name} must have shape {format_shape(wanted)} ({meaning})",
        mask,
        wanted,
        [f"create the mask from the sizes of this input: {format_shape(wanted)}"],
    )


FAMILY = Family(
    functions={"scaled_dot_product_attention": explain_scaled_dot_product},
    layers_first={"MultiheadAttention": explain_multihead},
)
