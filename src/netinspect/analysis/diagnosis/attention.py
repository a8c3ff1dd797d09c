"""Attention: one size for queries and keys, one length for keys and values, masks for all pairs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from netinspect.analysis.diagnosis.broadcasting import differing
from netinspect.analysis.diagnosis.call import Call, Explanation, Given, Shape, spell


def explain_scaled_dot_product(call: Call) -> Explanation | None:
    """Queries, keys and values of `scaled_dot_product_attention`."""
    query, key, value = call.tensor("0", "query"), call.tensor("1", "key"), call.tensor("2", "value")
    if query is None or key is None or value is None or min(query.rank, key.rank, value.rank) < 2:
        return None
    if query.shape[-1] != key.shape[-1]:
        return Explanation(
            f"queries are compared with keys feature by feature: query has {query.shape[-1]} in the "
            f"last dimension, key has {key.shape[-1]}",
            [],
            {query.name: (query.rank - 1,), key.name: (key.rank - 1,)},
            size_helps=False,
        )
    if key.shape[-2] != value.shape[-2]:
        return Explanation(
            f"each key stands for a value: key has {key.shape[-2]} positions, value has "
            f"{value.shape[-2]}",
            [],
            {key.name: (key.rank - 2,), value.name: (value.rank - 2,)},
            size_helps=False,
        )
    if call.literal("enable_gqa") is not True:
        for one, other in ((query, key), (query, value), (key, value)):
            wrong = differing(one.shape[:-2], other.shape[:-2])
            if wrong:
                pairs = ", ".join(f"{one.shape[at]} against {other.shape[to]}" for at, to in wrong)
                return Explanation(
                    f"what stands before positions and features must be equal, or 1: {one.name} and "
                    f"{other.name} have {pairs}",
                    [],
                    {one.name: tuple(at for at, _ in wrong), other.name: tuple(to for _, to in wrong)},
                    size_helps=False,
                )
    return _explain_mask(call, query, key)


def _explain_mask(call: Call, query: Given, key: Given) -> Explanation | None:
    mask = call.tensor("3", "attn_mask")
    if mask is None:
        return None
    if mask.spec.dtype != "bool" and not mask.is_floating:
        return Explanation(
            f"attn_mask is {mask.spec.dtype}; it is bool, or floating point and added",
            ["attn_mask.bool()"],
            {},
            size_helps=False,
        )
    pairs = (*query.shape[:-1], key.shape[-2])
    wrong = differing(mask.shape, pairs)
    if not wrong:
        return None
    return Explanation(
        f"the {query.shape[-2]} queries and {key.shape[-2]} keys want a mask that broadcasts to "
        f"{spell(pairs)}; attn_mask is {spell(mask.shape)}",
        [],
        {mask.name: tuple(at for at, _ in wrong)},
        size_helps=False,
    )


class _Heads(NamedTuple):
    """A call of `MultiheadAttention`, with what its constructor was given."""

    call: Call
    query: Given
    key: Given
    value: Given
    first: bool
    """Whether the batch comes first."""

    @property
    def batch_at(self) -> int:
        return 0 if self.first else 1

    @property
    def length_at(self) -> int:
        return (1 if self.first else 0) if self.query.rank == 3 else 0


def explain_multihead(call: Call) -> Explanation | None:
    """What `MultiheadAttention` wants of queries, keys, values and masks."""
    query, key, value = call.tensor("0", "query"), call.tensor("1", "key"), call.tensor("2", "value")
    first = call.attribute("batch_first")
    if query is None or key is None or value is None or type(first) is not bool:
        return None
    heads = _Heads(call, query, key, value, first)
    return next(_multihead(heads), None)


def _multihead(heads: _Heads) -> Iterator[Explanation]:
    call, query, key, value = heads.call, heads.query, heads.key, heads.value
    ranks = {query.rank, key.rank, value.rank}
    if len(ranks) > 1 or not ranks <= {2, 3}:
        order = "N x L x E" if heads.first else "L x N x E"
        yield Explanation(
            f"{call.subject} wants query, key and value of 3 dimensions, {order}, or of 2 without a "
            f"batch; they have {query.rank}, {key.rank} and {value.rank}",
            [],
            {each.name: tuple(range(each.rank)) for each in (query, key, value) if each.rank != 3},
            size_helps=False,
        )
        return
    last = query.rank - 1
    for given, name in ((query, "embed_dim"), (key, "kdim"), (value, "vdim")):
        wanted = call.attribute(name)
        if type(wanted) is int and given.shape[last] != wanted:
            what = "query, key and value" if query.spec == key.spec == value.spec else given.name
            yield Explanation(
                f"{call.subject} has {name} {wanted}, and the last dimension of {what} is "
                f"{given.shape[last]}",
                [f"for this input: MultiheadAttention with {name}={given.shape[last]}"],
                {given.name: (last,)},
            )
            return
    if key.shape[:-1] != value.shape[:-1]:
        wrong = tuple(at for at in range(last) if key.shape[at] != value.shape[at])
        yield Explanation(
            f"each key stands for a value: key is {spell(key.shape)}, value is {spell(value.shape)}",
            [],
            {key.name: wrong, value.name: wrong},
            size_helps=False,
        )
        return
    if query.rank == 3 and query.shape[heads.batch_at] != key.shape[heads.batch_at]:
        yield _batches(heads)
        return
    yield from _masks(heads)


def _batches(heads: _Heads) -> Explanation:
    """Batches that differ; a forgotten `batch_first` is the usual reason, and checked for."""
    query, key, at = heads.query, heads.key, heads.batch_at
    text = (
        f"{heads.call.subject} has batch_first={heads.first}, so dimension {at} is the batch: "
        f"{query.shape[at]} in query against {key.shape[at]} in key"
    )
    remedies = []
    if query.shape[1 - at] == key.shape[1 - at]:
        text += f"; dimension {1 - at} is {query.shape[1 - at]} in both"
        remedies.append(f"if that is the batch: MultiheadAttention with batch_first={not heads.first}")
    return Explanation(text, remedies, {query.name: (at,), key.name: (at,)}, size_helps=False)


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


def _wrong_mask(name: str, mask: Given, wanted: tuple[int | str, ...], meaning: str) -> Explanation:
    wrong: tuple[int, ...] = tuple(range(mask.rank))
    if mask.rank == len(wanted):
        wrong = tuple(at for at in wrong if mask.shape[at] != wanted[at])
    return Explanation(
        f"{name} is {spell(mask.shape)} and must be {spell(wanted)}: {meaning}",
        [f"a mask made from the lengths of this very input: {spell(wanted)}"],
        {mask.name: wrong},
        size_helps=False,
    )
