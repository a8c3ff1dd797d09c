"""Costs of fused attention: two full products, also with a mask, and any projections."""

from __future__ import annotations

from typing import Any

import torch

from netinspect.tracing.counting.rule import (
    Args,
    Count,
    Formula,
    Kwargs,
    Rule,
    argument,
    dense,
    product,
    products,
)


def _attended(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> tuple[int, int]:
    """Return MACs and elements of the two products; query heads may share key and value heads."""
    *batch, rows, width = dense(query).shape
    columns, value_width = dense(key).shape[-2], dense(value).shape[-1]
    times = product(batch) * rows
    return times * columns * (width + value_width), times * (columns + value_width)


def _attention(args: Args, kwargs: Kwargs, out: Any) -> Count:
    """Count attention, including kernels without a formula in torch and grouped key heads."""
    macs, elements = _attended(*args[:3])
    return products(macs, out, elements)


def _attention_backward(args: Args, kwargs: Kwargs, out: Any) -> Count:
    """Count two products for each product of the forward.

    Torch also counts the product that these kernels recompute, which would make a model cost more.
    """
    macs, elements = _attended(*args[1:4])
    return products(2 * macs, out, 2 * elements)


def _multi_head(args: Args, kwargs: Kwargs, out: Any) -> Count:
    """Count the fast path of `nn.MultiheadAttention`, a single kernel without a formula in torch."""
    macs, elements = _projected_attention(*args[:3], heads=args[4])
    return products(macs, out, elements)


def _encoder_layer(args: Args, kwargs: Kwargs, out: Any) -> Count:
    """Count the fast path of `nn.TransformerEncoderLayer`: attention, projections and two layers."""
    source = dense(args[0])
    macs, elements = _projected_attention(source, source, source, heads=args[2])
    hidden, width = argument(args, kwargs, 14, "ffn_weight_1").shape
    rows = product(source.shape[:-1])
    return products(macs + 2 * rows * width * hidden, out, elements + rows * (hidden + width))


def _projected_attention(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, *, heads: int
) -> tuple[int, int]:
    """Return MACs and elements of the four projections and two products."""
    batch, rows, width = dense(query).shape
    columns = dense(key).shape[1]
    projected = 2 * batch * (rows + columns) * width
    weights = batch * rows * columns
    # The number of heads times their width is constant, so the MACs do not depend on it.
    macs = projected * width + 2 * weights * width
    return macs, projected + heads * weights + batch * rows * width


# --- sequences of different lengths ----------------------------------------------------------------


def _packed(start: int, lengths: int, products_each: int = 1) -> Formula:
    """Count kernels on concatenated sequences, such as those for jagged tensors.

    Torch's formulas assume (batch, heads, length, width) for an unpacked batch, but its shape is
    (batch, length, heads, width).

    Args:
        start: Position of the query; key and value follow it.
        lengths: Position of the offsets of the queries; the offsets of the keys and the two maximum
            lengths follow. The batch is not packed if there are no offsets.
        products_each: 2 for a backward, which has two products for each product of the forward.
    """

    def count(args: Args, kwargs: Kwargs, out: Any) -> Count:
        query, key, value = (dense(each) for each in args[start : start + 3])
        heads, width, value_width = query.shape[-2], query.shape[-1], value.shape[-1]
        offsets, key_offsets, longest, longest_key = args[lengths : lengths + 4]
        if offsets is None:
            rows, columns = [query.shape[-3]] * query.shape[0], [key.shape[-3]] * query.shape[0]
        else:
            rows = _lengths(offsets, longest)
            columns = _lengths(offsets if key_offsets is None else key_offsets, longest_key)
        weights = heads * sum(row * column for row, column in zip(rows, columns, strict=True))
        output_elements = heads * sum(rows) * value_width
        return products(
            products_each * weights * (width + value_width),
            out,
            products_each * (weights + output_elements),
        )

    return count


def _lengths(offsets: torch.Tensor, longest: int) -> list[int]:
    """Return the lengths of packed sequences; the maximum for all if offsets have no values."""
    if offsets.is_meta or type(offsets) is not torch.Tensor:
        return [longest] * (offsets.shape[0] - 1)
    lengths: list[int] = offsets.diff().tolist()
    return lengths


_FUSED = ("flash_attention", "efficient_attention", "cudnn_attention", "fused_attention_overrideable")

ATTENTION: dict[str, Rule] = {
    name: Rule("attention", formula)
    for name, formula in {
        **{
            f"aten._scaled_dot_product_{name}": _attention
            for name in (*_FUSED, "flash_attention_for_cpu", "attention_math_for_mps")
        },
        **{
            f"aten._scaled_dot_product_{name}_backward": _attention_backward
            for name in (*_FUSED, "flash_attention_for_cpu")
        },
        "aten._native_multi_head_attention": _multi_head,
        "aten._transformer_encoder_layer_fwd": _encoder_layer,
        "aten._flash_attention_forward": _packed(0, 3),
        "aten._flash_attention_forward_no_dropout_inplace": _packed(1, 4),
        "aten._efficient_attention_forward": _packed(0, 4),
        "aten._flash_attention_backward": _packed(1, 6, 2),
        "aten._efficient_attention_backward": _packed(1, 6, 2),
        "torch_attn._varlen_attn": _packed(0, 3),
        "torch_attn._varlen_attn_out": _packed(1, 4),
        "torch_attn._varlen_attn_backward": _packed(1, 6, 2),
    }.items()
}
"""Operators for which torch has no formula, or one that counts recomputation."""
