"""MACs of matrix products, convolutions and attention, by torch's formulas where these are correct.

Neither a bias nor a scale is counted. Attention counts as its two full products, also with a mask,
whether it ran as one kernel or as several operators.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch.utils.flop_counter import flop_registry

from netinspect.records.work import Kind
from netinspect.tracing.counting.rule import (
    Args,
    Count,
    Formula,
    Kwargs,
    Rule,
    argument,
    components,
    dense,
    elements_of,
    product,
    products,
    unknown,
)


def torchs(formula: Any, share: tuple[int, int] = (1, 1)) -> Formula:
    """Wrap a formula of torch, which counts two FLOPs per MAC.

    Args:
        formula: Entry of `flop_registry`.
        share: Fraction of the result to count, as numerator and denominator.
    """
    # Most formulas take shapes; torch's wrapper, which searches all arguments for tensors, is slow.
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


def _with_layouts(first: int, formula: Formula = unknown) -> Formula:
    """Wrap a formula to count a sparse operand by stored elements and nested ones by each tensor.

    Args:
        first: Position of the left matrix; the right one follows.
        formula: Formula for two dense matrices, which torch's own formulas require.
    """

    def count(args: Args, kwargs: Kwargs, out: Any) -> Count:
        left, right = args[first : first + 2]
        if left.is_nested or right.is_nested:
            return products(_of_nested(left, out), out)
        if left.layout is not torch.strided:
            return _stored_by(left, dense(right).shape[-1] if right.dim() > 1 else 1, out)
        if right.layout is not torch.strided:
            return _stored_by(right, product(dense(left).shape[:-1]) // product(right.shape[:-2]), out)
        return formula(args, kwargs, out)

    return count


def _stored_by(sparse: torch.Tensor, times: int, out: Any) -> Count:
    return products(elements_of(sparse) * times, out)._replace(counts_stored=True)


def _of_nested(left: torch.Tensor, out: torch.Tensor) -> int:
    """Return MACs of a product with a nested output, each element of which is a sum over a row."""
    outputs = components(out)
    rows = components(left) if left.is_nested else [list(left.shape)] * len(outputs)
    return sum(product(sizes) * row[-1] for sizes, row in zip(outputs, rows, strict=True))


def _linear(args: Args, kwargs: Kwargs, out: Any) -> Count:
    """Count `aten.linear` on nested and sparse operands, where torch does not decompose it."""
    source, weight = args[:2]
    if source.is_nested:
        return products(_of_nested(source, out), out)
    if source.layout is not torch.strided:
        return _stored_by(source, dense(weight).shape[0], out)
    if weight.layout is not torch.strided:
        return _stored_by(weight, product(dense(source).shape[:-1]), out)
    return products(dense(out).numel() * dense(source).shape[-1], out)


def _backward_of_nested(gradient: int, source: int, mask: int) -> Formula:
    """Count each requested gradient like the forward; that of a bias is a sum."""

    def count(args: Args, kwargs: Kwargs, out: Any) -> Count:
        once = _of_nested(args[source], args[gradient])
        return products(sum(map(bool, args[mask][:2])) * once, out)

    return count


def _sampled(args: Args, kwargs: Kwargs, out: Any) -> Count:
    """Count a matrix product sampled at the elements of a sparse matrix."""
    return _stored_by(args[0], dense(args[1]).shape[-1], out)


def _rows_by(index: int) -> Formula:
    """Count each output as a sum over the last dimension of an operand."""

    def count(args: Args, kwargs: Kwargs, out: Any) -> Count:
        return products(dense(out).numel() * dense(args[index]).shape[-1], out)

    return count


def _dot(args: Args, kwargs: Kwargs, out: Any) -> Count:
    return products(dense(args[0]).numel(), out)


def _addbmm(args: Args, kwargs: Kwargs, out: Any) -> Count:
    return products(dense(args[1]).numel() * dense(args[2]).shape[-1], out)


def _grouped(args: Args, kwargs: Kwargs, out: Any) -> Count:
    """Count a grouped product. Offsets assign rows to matrices and do not change the cost."""
    left, right = dense(args[0]).shape, dense(args[1]).shape
    batch = left[0] if len(left) == 3 and len(right) == 3 else 1
    return products(batch * left[-2] * left[-1] * right[-1], out)


def _grouped_backward(args: Args, kwargs: Kwargs, out: Any) -> Count:
    return products(2 * (_grouped(args, kwargs, None).macs or 0), out)


def _linear_loss(args: Args, kwargs: Kwargs, out: Any) -> Count:
    """Count a fused layer and loss; with a mean, the same call computes the gradients."""
    (rows, width), classes = dense(args[0]).shape, dense(args[1]).shape[0]
    logits, source, weight = rows * classes, rows * width, classes * width
    is_whole = len(args) > 13
    wants_source, wants_weight = (bool(args[12]), bool(args[13])) if is_whole else (False, False)
    macs = (1 + wants_source + wants_weight) * logits * width
    return products(macs, out, logits + wants_source * source + wants_weight * weight)


def _affine_grid(args: Args, kwargs: Kwargs, out: Any) -> Count:
    """Count each coordinate of each point as a sum over a row of the matrix."""
    return products(dense(out).numel() * dense(args[0]).shape[-1], out)


def _trilinear(args: Args, kwargs: Kwargs, out: Any) -> Count:
    """Count `nn.Bilinear` as two products per slice along one dimension, as the kernel does.

    Missing dimensions of the three operands are inserted. The first two are multiplied and summed over
    the dimensions that the third one lacks; the result is multiplied by the third one and summed over
    the rest. Without a sum, torch multiplies elementwise, which is not a matrix product.
    """
    lacking = [{*each} for each in args[3:6]]
    summed, slices = {*args[6]}, argument(args, kwargs, 7, "unroll_dim", 1)
    left, right, last = (
        _with_dimensions(dense(tensor).shape, added)
        for tensor, added in zip(args[:3], lacking, strict=True)
    )
    if 0 in (*left, *right, *last):
        return products(0, out)
    times = max(left[slices], right[slices], last[slices])
    for sizes in (left, right, last):
        sizes[slices] = 1
    summed.discard(slices)
    macs = elements = 0
    for other, over in ((right, summed & lacking[2]), (last, summed - lacking[2])):
        space = [max(sizes) for sizes in zip(left, other, strict=True)]
        # Dimensions of only one operand are summed before the multiplication.
        alone = [dimension for dimension in over if 1 in (left[dimension], other[dimension])]
        left = [1 if dimension in over else size for dimension, size in enumerate(space)]
        for dimension in alone:
            space[dimension] = 1
        if over:
            macs += product(space)
            elements += product(left)
    return products(times * macs, out, times * elements)


def _with_dimensions(shape: Sequence[int], added: Iterable[int]) -> list[int]:
    """Return sizes with 1 inserted for each dimension that is added."""
    sizes = list(shape)
    for dimension in sorted(added):
        sizes.insert(dimension, 1)
    return sizes


# --- convolutions --------------------------------------------------------------------------------


def convolved(window: torch.Tensor, weight: torch.Tensor) -> int:
    """Return the MACs of a convolution.

    Args:
        window: Tensor whose elements each take one kernel: the output, or the input of a transposed
            convolution.
        weight: Kernel whose first dimension is the channels of `window`, and whose second dimension is
            the other channels of one group.
    """
    return dense(window).numel() * product(dense(weight).shape[1:])


def _convolution_backward(args: Args, kwargs: Kwargs, out: Any) -> Count:
    """Count each gradient like the forward; torch's formula ignores groups for the weight."""
    gradient, given, weight = args[:3]
    transposed, mask = args[7], args[10]
    once = convolved(given if transposed else gradient, weight)
    return products(once * (bool(mask[0]) + bool(mask[1])), out)


def _plain_convolution(args: Args, kwargs: Kwargs, out: Any) -> Count:
    return products(convolved(out, args[1]), out)


def _transposed_convolution(args: Args, kwargs: Kwargs, out: Any) -> Count:
    return products(convolved(args[0], args[1]), out)


def _convolution_by_time(args: Args, kwargs: Kwargs, out: Any) -> Count:
    """Count `conv_tbc`, whose weight is (kernel, channels in, channels out)."""
    return products(dense(out).numel() * product(dense(args[1]).shape[:2]), out)


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
    # Torch decomposes these two, except with a nested or sparse operand.
    "aten.linear": Rule("matrix_product", _linear, decomposes=True),
    "aten.matmul": Rule("matrix_product", _with_layouts(0), decomposes=True),
    "aten.linear_backward": Rule("matrix_product", _backward_of_nested(1, 0, 3)),
    "aten.matmul_backward": Rule("matrix_product", _backward_of_nested(0, 1, 3)),
    "aten.mv": Rule("matrix_product", _with_layouts(0, _rows_by(0))),
    "aten.addmv": Rule("matrix_product", _with_layouts(1, _rows_by(1))),
    "aten._sparse_addmm": Rule("matrix_product", _with_layouts(1)),
    "aten.hspmm": Rule("matrix_product", _with_layouts(0)),
    "aten.sspaddmm": Rule("matrix_product", _with_layouts(1)),
    "aten.sparse_sampled_addmm": Rule("matrix_product", _sampled),
    "aten._sparse_mm_reduce_impl": Rule("matrix_product", _with_layouts(0)),
    "torch_nn._linear_cross_entropy_batch_chunked": Rule("matrix_product", _linear_loss),
    "torch_nn._linear_cross_entropy_batch_chunked_no_reduction": Rule("matrix_product", _linear_loss),
    # Multiplies a grid of coordinates by a matrix for each image.
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
            "cudnn_convolution_relu", "cudnn_convolution_add_relu", "miopen_convolution_relu",
            "miopen_convolution_add_relu",
        )
    },
    **{
        f"aten.{name}": Rule("convolution", _transposed_convolution)
        for name in (
            "cudnn_convolution_transpose", "miopen_convolution_transpose", "slow_conv_transpose2d",
            "slow_conv_transpose3d",
        )
    },
    "aten.conv_tbc": Rule("convolution", _convolution_by_time),
    "aten.convolution_backward": Rule("convolution", _convolution_backward),
}  # fmt: skip
"""Operators without a correct formula in torch."""


def torchs_rule(name: str, operator: Any) -> Rule | None:
    """Find torch's own formula for an operator.

    Args:
        name: Name such as `aten.mm`.
        operator: Key in the registry of formulas.
    """
    formula = flop_registry.get(operator)
    if formula is None:
        return None
    kind: Kind = next((kind for part, kind in _KINDS.items() if part in name), "matrix_product")
    # These formulas count five products for two of the forward, one of which is recomputed.
    repeats = kind == "attention" and name.endswith("_backward")
    counted = torchs(formula, (4, 5) if repeats else (1, 1))
    if name in ("aten.mm", "aten.bmm", "aten.addmm"):
        counted = _with_layouts(int(name == "aten.addmm"), counted)
    return Rule(kind, counted)
