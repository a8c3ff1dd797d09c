"""Matrix products, convolutions and attention: MACs, through torch's own formulas where they are right.

Neither a bias nor a scale is counted. Attention is its two products, whole also where a mask leaves half
of it out, and the same whether it ran as one kernel or as its parts.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.utils.flop_counter import flop_registry

from netinspect.observe.counting.rule import (
    Args,
    Count,
    Formula,
    Kwargs,
    Rule,
    argument,
    dense,
    elements_of,
    product,
    products,
    unknown,
)
from netinspect.records.work import Kind


def torchs(formula: Any, share: tuple[int, int] = (1, 1)) -> Formula:
    """Use one of torch's formulas, which count two FLOPs a MAC.

    Args:
        formula: As it stands in `flop_registry`.
        share: Which part of it is meant, as a fraction.
    """
    # Most take shapes, and are wrapped in a search through all arguments, which costs most.
    of_shapes = getattr(formula, "__wrapped__", None)
    multiply, divide = share

    def count(args: Args, kwargs: Kwargs, out: Any) -> Count:
        if of_shapes is not None:
            flops = of_shapes(*map(_shaped, args), out_shape=_shaped(out), **_shaped(kwargs))
        else:
            flops = formula(*args, out_val=out, **kwargs)
        return products(int(flops) * multiply // divide // 2, out)

    return count


def _shaped(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return dense(value).shape
    if isinstance(value, (tuple, list)) and value and not isinstance(value[0], int):
        return [_shaped(each) for each in value]
    if isinstance(value, dict):
        return {name: _shaped(each) for name, each in value.items()}
    return value


# --- matrix products -----------------------------------------------------------------------------


def _with_sparse(first: int, formula: Formula) -> Formula:
    """A formula, but with one sparse operand its stored elements: torch takes it for dense."""

    def count(args: Args, kwargs: Kwargs, out: Any) -> Count:
        left, right = args[first : first + 2]
        if left.layout is not torch.strided:
            columns = dense(right).shape[-1] if right.dim() > 1 else 1
            return products(elements_of(left) * columns, out)
        if right.layout is not torch.strided:
            return products(elements_of(right) * dense(left).shape[-2], out)
        return formula(args, kwargs, out)

    return count


def _sampled(args: Args, kwargs: Kwargs, out: Any) -> Count:
    """A product of matrices where a sparse one has elements, and nowhere else."""
    return products(elements_of(args[0]) * dense(args[1]).shape[-1], out)


def _rows_by(index: int) -> Formula:
    """Each output is a sum over the last dimension of an operand; torch has no formula for these."""

    def count(args: Args, kwargs: Kwargs, out: Any) -> Count:
        return products(dense(out).numel() * dense(args[index]).shape[-1], out)

    return count


def _dot(args: Args, kwargs: Kwargs, out: Any) -> Count:
    return products(dense(args[0]).numel(), out)


def _addbmm(args: Args, kwargs: Kwargs, out: Any) -> Count:
    return products(dense(args[1]).numel() * dense(args[2]).shape[-1], out)


def _grouped(args: Args, kwargs: Kwargs, out: Any) -> Count:
    """Experts in one call: torch has no formula. Offsets only tell which rows go with which matrix."""
    left, right = dense(args[0]).shape, dense(args[1]).shape
    batch = left[0] if len(left) == 3 and len(right) == 3 else 1
    return products(batch * left[-2] * left[-1] * right[-1], out)


def _grouped_backward(args: Args, kwargs: Kwargs, out: Any) -> Count:
    return products(2 * (_grouped(args, kwargs, None).macs or 0), out)


def _linear_loss(args: Args, kwargs: Kwargs, out: Any) -> Count:
    """A layer with the loss behind it, in one call; that of a mean makes the gradients at once."""
    (rows, width), classes = dense(args[0]).shape, dense(args[1]).shape[0]
    logits, source, weight = rows * classes, rows * width, classes * width
    is_whole = len(args) > 13
    wants_source, wants_weight = (bool(args[12]), bool(args[13])) if is_whole else (False, False)
    macs = (1 + wants_source + wants_weight) * logits * width
    return products(macs, out, logits + wants_source * source + wants_weight * weight)


def _affine_grid(args: Args, kwargs: Kwargs, out: Any) -> Count:
    """Each coordinate of each point is a sum over a row of the matrix."""
    return products(dense(out).numel() * dense(args[0]).shape[-1], out)


def _trilinear(args: Args, kwargs: Kwargs, out: Any) -> Count:
    """`nn.Bilinear`: one product for each element of the space that the three operands span."""
    spread = []
    for tensor, added in zip(args[:3], args[3:6], strict=True):
        shape = list(dense(tensor).shape)
        for dimension in sorted(added):
            shape.insert(dimension, 1)
        spread.append(tuple(shape))
    space = torch.broadcast_shapes(*spread)  # type: ignore[no-untyped-call]
    return products(product(space), out)


# --- convolutions --------------------------------------------------------------------------------


def convolved(window: torch.Tensor, weight: torch.Tensor) -> int:
    """MACs of a convolution.

    Args:
        window: What the kernel is laid upon: the output, or the input of a transposed one.
        weight: Its first dimension runs over the channels of `window`, its second over the others of
            one group.
    """
    return dense(window).numel() * product(dense(weight).shape[1:])


def _convolution_backward(args: Args, kwargs: Kwargs, out: Any) -> Count:
    """Each gradient costs as much as the forward; torch counts that of the weight without its groups."""
    gradient, given, weight = args[:3]
    transposed, mask = args[7], args[10]
    once = convolved(given if transposed else gradient, weight)
    return products(once * (bool(mask[0]) + bool(mask[1])), out)


def _plain_convolution(args: Args, kwargs: Kwargs, out: Any) -> Count:
    return products(convolved(out, args[1]), out)


def _convolution_by_time(args: Args, kwargs: Kwargs, out: Any) -> Count:
    """`conv_tbc`, whose weight is (kernel, channels in, channels out)."""
    return products(dense(out).numel() * product(dense(args[1]).shape[:2]), out)


# --- attention -----------------------------------------------------------------------------------


def _attended(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> tuple[int, int]:
    """MACs and elements of the two products; heads of the query may share those of key and value."""
    *batch, rows, width = dense(query).shape
    columns, value_width = dense(key).shape[-2], dense(value).shape[-1]
    times = product(batch) * rows
    return times * columns * (width + value_width), times * (columns + value_width)


def _attention(args: Args, kwargs: Kwargs, out: Any) -> Count:
    """Torch has no formula for CPU and MPS, and wants as many heads of keys as of queries."""
    macs, elements = _attended(*args[:3])
    return products(macs, out, elements)


def _attention_backward(args: Args, kwargs: Kwargs, out: Any) -> Count:
    """Two products for each of the forward.

    Torch also counts the one that these kernels do again; the same model would cost more with them.
    """
    macs, elements = _attended(*args[1:4])
    return products(2 * macs, out, 2 * elements)


def _multi_head(args: Args, kwargs: Kwargs, out: Any) -> Count:
    """The fast path of `nn.MultiheadAttention`, one kernel in all: torch has no formula."""
    macs, elements = _projected_attention(*args[:3], heads=args[4])
    return products(macs, out, elements)


def _encoder_layer(args: Args, kwargs: Kwargs, out: Any) -> Count:
    """The fast path of `nn.TransformerEncoderLayer`: attention with its projections, two layers."""
    source = dense(args[0])
    macs, elements = _projected_attention(source, source, source, heads=args[2])
    hidden, width = argument(args, kwargs, 14, "ffn_weight_1").shape
    rows = product(source.shape[:-1])
    return products(macs + 2 * rows * width * hidden, out, elements + rows * (hidden + width))


def _projected_attention(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, *, heads: int
) -> tuple[int, int]:
    """MACs and elements of the four projections and the two products between them."""
    batch, rows, width = dense(query).shape
    columns = dense(key).shape[1]
    projected = 2 * batch * (rows + columns) * width
    weights = batch * rows * columns
    # The narrower a head is, the more of them there are: their number drops out of the MACs.
    macs = projected * width + 2 * weights * width
    return macs, projected + heads * weights + batch * rows * width


# --- tables --------------------------------------------------------------------------------------

_KINDS: dict[str, Kind] = {"conv": "convolution", "attention": "attention"}

OWN: dict[str, Rule] = {
    **{
        f"aten.{name}": Rule("matrix_product", _rows_by(index))
        for name, index in {
            "_int_mm": 0, "_addmm_activation": 1, "mkldnn_linear": 0, "_scaled_mm_v2": 0,
            "_weight_int4pack_mm": 0, "_weight_int4pack_mm_for_cpu": 0, "_weight_int8pack_mm": 0,
            "_weight_int4pack_mm_with_scales_and_zeros": 0, "_mixed_dtypes_linear": 0,
            "_dyn_quant_matmul_4bit": 0,
        }.items()
    },
    "aten.mv": Rule("matrix_product", _with_sparse(0, _rows_by(0))),
    "aten.addmv": Rule("matrix_product", _with_sparse(1, _rows_by(1))),
    "aten._sparse_addmm": Rule("matrix_product", _with_sparse(1, unknown)),
    "aten.sparse_sampled_addmm": Rule("matrix_product", _sampled),
    "aten._sparse_mm_reduce_impl": Rule("matrix_product", _with_sparse(0, unknown)),
    "torch_nn._linear_cross_entropy_batch_chunked": Rule("matrix_product", _linear_loss),
    "torch_nn._linear_cross_entropy_batch_chunked_no_reduction": Rule("matrix_product", _linear_loss),
    # A grid of coordinates by a matrix for each image.
    "aten.affine_grid_generator": Rule("matrix_product", _affine_grid),
    "aten.cudnn_affine_grid_generator": Rule("matrix_product", _affine_grid),
    "aten.dot": Rule("matrix_product", _dot),
    "aten.vdot": Rule("matrix_product", _dot),
    "aten.addbmm": Rule("matrix_product", _addbmm),
    "aten._trilinear": Rule("matrix_product", _trilinear),
    "aten._grouped_mm": Rule("matrix_product", _grouped),
    "aten._scaled_grouped_mm": Rule("matrix_product", _grouped),
    "aten._scaled_grouped_mm_v2": Rule("matrix_product", _grouped),
    "transformers.grouped_mm_fallback": Rule("matrix_product", _grouped),
    "transformers.grouped_mm_fallback_backward": Rule("matrix_product", _grouped_backward),
    **{
        f"aten.{name}": Rule("convolution", _plain_convolution)
        for name in (
            "mkldnn_convolution", "miopen_convolution", "miopen_depthwise_convolution",
            "_conv_depthwise2d", "conv_depthwise3d", "slow_conv3d_forward",
            "_nnpack_spatial_convolution", "slow_conv_dilated2d", "slow_conv_dilated3d",
            "cudnn_convolution_relu", "cudnn_convolution_add_relu",
        )
    },
    "aten.conv_tbc": Rule("convolution", _convolution_by_time),
    "aten.convolution_backward": Rule("convolution", _convolution_backward),
    **{
        f"aten._scaled_dot_product_{name}": Rule("attention", _attention)
        for name in (
            "flash_attention_for_cpu", "flash_attention", "efficient_attention", "cudnn_attention",
            "attention_math_for_mps", "fused_attention_overrideable",
        )
    },
    **{
        f"aten._scaled_dot_product_{name}_backward": Rule("attention", _attention_backward)
        for name in (
            "flash_attention_for_cpu", "flash_attention", "efficient_attention", "cudnn_attention",
            "fused_attention_overrideable",
        )
    },
    "aten._native_multi_head_attention": Rule("attention", _multi_head),
    "aten._transformer_encoder_layer_fwd": Rule("attention", _encoder_layer),
}  # fmt: skip
"""Where torch has no formula, or a wrong one."""


def torchs_rule(name: str, operator: Any) -> Rule | None:
    """Find torch's own formula for an operator.

    Args:
        name: Such as `aten.mm`.
        operator: What it is registered under.
    """
    formula = flop_registry.get(operator)
    if formula is None:
        return None
    kind: Kind = next((kind for part, kind in _KINDS.items() if part in name), "matrix_product")
    # These count five products for two of the forward, of which one is done again: see above.
    repeats = kind == "attention" and name.endswith("_backward")
    counted = torchs(formula, (4, 5) if repeats else (1, 1))
    if name in ("aten.mm", "aten.bmm", "aten.addmm"):
        counted = _with_sparse(int(name == "aten.addmm"), counted)
    return Rule(kind, counted)
