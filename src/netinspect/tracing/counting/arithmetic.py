"""FLOPs of operators other than products: one convention for each class of operators.

They are operations as one would write them down, not those of a kernel: an exponential is one, and so is
a comparison. What any published table counts of these classes can be made of them. The whole
list is in docs/reference/cost.md.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from netinspect.records.work import Kind
from netinspect.tracing.counting.rule import (
    Args,
    Count,
    Formula,
    Kwargs,
    Rule,
    argument,
    elements_of,
    per_input,
    per_output,
    product,
    unknown_flops,
)

# --- normalization -------------------------------------------------------------------------------


def _normalized(weight: int, given: int | None = None, *, source: int = 0, times: int = 1) -> Formula:
    """Count a normalization.

    Args:
        weight: Position of the weight.
        given: Position of the flag for whether the statistics are taken from the batch; None
            where they always are, -1 where they never are.
        source: Position of what is normalized.
        times: 2 for a backward.
    """

    def count(args: Args, kwargs: Kwargs, out: Any) -> Count:
        has_weight = argument(args, kwargs, weight, "weight") is not None
        taken = given is None or (given >= 0 and bool(args[given]))
        each = (5 if has_weight else 4) if taken else (2 if has_weight else 1)
        return Count(0, times * each * elements_of(args[source]))

    return count


def _root_mean_square(weight: int, times: int = 1, source: int = 0) -> Formula:
    def count(args: Args, kwargs: Kwargs, out: Any) -> Count:
        each = 3 if argument(args, kwargs, weight, "weight") is None else 4
        return Count(0, times * each * elements_of(args[source]))

    return count


_NORMALIZATION: dict[str, Formula] = {
    "native_layer_norm": _normalized(2),
    "native_group_norm": _normalized(1),
    "native_batch_norm": _normalized(1, 5),
    "_native_batch_norm_legit": _normalized(1, 5),
    "_native_batch_norm_legit_no_training": _normalized(1, -1),
    "_batch_norm_with_update": _normalized(1),
    "_batch_norm_no_update": _normalized(1, -1),
    "cudnn_batch_norm": _normalized(1, 5),
    "miopen_batch_norm": _normalized(1, 5),
    "quantized_batch_norm": per_output(2),
    "_fused_rms_norm": _root_mean_square(2),
    "_weight_norm_interface": per_input(3),
    "native_layer_norm_backward": _normalized(5, source=1, times=2),
    "native_group_norm_backward": _normalized(4, source=1, times=2),
    "native_batch_norm_backward": _normalized(2, 7, source=1, times=2),
    "batch_norm_backward": _normalized(2, 7, source=1, times=2),
    "cudnn_batch_norm_backward": _normalized(2, source=0, times=2),
    "miopen_batch_norm_backward": _normalized(2, source=0, times=2),
    "_fused_rms_norm_backward": _root_mean_square(4, times=2, source=1),
    "_weight_norm_interface_backward": per_input(6),
}

# --- pooling and interpolation -------------------------------------------------------------------


def _windows(dimensions: int, *, backward: bool = False) -> Formula:
    """Count the elements of a window for each output; backward has the output gradient first."""

    def count(args: Args, kwargs: Kwargs, out: Any) -> Count:
        size = args[2 if backward else 1]
        sizes = [size] if isinstance(size, int) else list(size)
        sizes *= dimensions if len(sizes) == 1 else 1
        return Count(0, product(sizes) * elements_of(args[0] if backward else out))

    return count


_POOLING: dict[str, Formula] = {
    **{
        f"{before}{kind}_pool{size}d{after}": _windows(size)
        for before, kind, after, sizes in (
            ("", "max", "_with_indices", (2, 3)),
            ("", "avg", "", (2, 3)),
            ("", "fractional_max", "", (2, 3)),
            ("mkldnn_", "max", "", (2, 3)),
            ("quantized_", "max", "", (1, 2, 3)),
        )
        for size in sizes
    },
    **{f"avg_pool{size}d_backward": _windows(size, backward=True) for size in (2, 3)},
    # One addition for each output, at the index of its maximum.
    **{f"max_pool{size}d_with_indices_backward": per_input(1) for size in (2, 3)},
    **{f"fractional_max_pool{size}d_backward": per_input(1) for size in (2, 3)},
    **{
        name: per_input(1)
        for size in (2, 3)
        for name in (
            f"_adaptive_avg_pool{size}d", f"adaptive_avg_pool{size}d", f"adaptive_max_pool{size}d",
            f"mkldnn_adaptive_avg_pool{size}d", f"adaptive_max_pool{size}d_backward",
        )
    },
    **{f"{name}_adaptive_avg_pool{size}d_backward".strip("."): per_output(1)
       for size in (2, 3) for name in ("", "mkldnn")},
}  # fmt: skip

_NEIGHBOURS = {
    "upsample_nearest1d": 0, "upsample_nearest2d": 0, "upsample_nearest3d": 0,
    "_upsample_nearest_exact1d": 0, "_upsample_nearest_exact2d": 0, "_upsample_nearest_exact3d": 0,
    "upsample_linear1d": 2, "upsample_bilinear2d": 4, "upsample_bicubic2d": 16,
    "upsample_trilinear3d": 8,
}  # fmt: skip
_ANTI_ALIASED = ("_upsample_bilinear2d_aa", "_upsample_bicubic2d_aa", "_upsample_lanczos2d_aa")


def _sampled(dimensions: int, *, backward: bool = False) -> Formula:
    """Count a grid sample by the neighbours of its interpolation mode; backward, both gradients."""

    def count(args: Args, kwargs: Kwargs, out: Any) -> Count:
        mode = args[3 if backward else 2]
        neighbours = {0: 2**dimensions, 1: 0, 2: 4**dimensions}[int(mode)]
        sampled = args[0] if backward else out
        return Count(0, (2 if backward else 1) * neighbours * elements_of(sampled))

    return count


_INTERPOLATION: dict[str, Formula] = {
    **{name: per_output(neighbours) for name, neighbours in _NEIGHBOURS.items()},
    **{f"{name}_backward": per_input(max(1, each)) for name, each in _NEIGHBOURS.items()},
    # The number of neighbours depends on the scale.
    **{f"{name}{after}": unknown_flops for name in _ANTI_ALIASED for after in ("", "_backward")},
    "grid_sampler_2d": _sampled(2),
    "grid_sampler_3d": _sampled(3),
    "cudnn_grid_sampler": per_output(4),
    "grid_sampler_2d_backward": _sampled(2, backward=True),
    "grid_sampler_3d_backward": _sampled(3, backward=True),
}

# --- reductions, softmax, transforms ---------------------------------------------------------------

_REDUCED = {
    **dict.fromkeys(
        (
            "sum", "nansum", "mean", "amax", "amin", "aminmax", "_aminmax", "max", "min",
            "argmax", "argmin", "prod", "any", "all", "cumsum", "cumprod", "cummax", "cummin",
            "_cummax_helper", "_cummin_helper", "count_nonzero", "bincount", "histc",
            "equal", "_is_all_true", "_is_any_true",
            "multi_margin_loss", "multilabel_margin_loss_forward", "segment_reduce", "_foreach_max",
            "_sparse_csr_sum", "_sparse_csr_prod", "hash_tensor",
        ),
        1,
    ),
    **dict.fromkeys(("norm", "linalg_vector_norm", "native_norm", "renorm"), 2),
    **dict.fromkeys(("logsumexp", "logcumsumexp", "_logcumsumexp", "dist"), 3),
    **dict.fromkeys(("var", "std", "var_mean", "std_mean"), 4),
}  # fmt: skip
_TAKEN_IN: dict[str, tuple[int, str]] = {
    "index_add": (3, "source"), "scatter_add": (2, "index"), "scatter_reduce": (2, "index"),
    # Only the element of each row that the target selects.
    "nll_loss_forward": (1, "target"), "nll_loss2d_forward": (1, "target"),
    "index_reduce": (3, "source"), "_unsafe_masked_index_put_accumulate": (3, "values"),
}  # fmt: skip


def _source(index: int, name: str) -> Formula:
    def count(args: Args, kwargs: Kwargs, out: Any) -> Count:
        return Count(0, elements_of(argument(args, kwargs, index, name)))

    return count


def _diagonal(args: Args, kwargs: Kwargs, out: Any) -> Count:
    return Count(0, min(args[0].shape))


def _distances(args: Args, kwargs: Kwargs, out: Any) -> Count:
    return Count(0, 3 * elements_of(out) * args[0].shape[-1])


def _bags(args: Args, kwargs: Kwargs, out: Any) -> Count:
    """Count one addition per element of each row, and one multiplication if rows are weighted."""
    given_out = out[0] if isinstance(out, tuple) else out
    weights = argument(args, kwargs, 6, "per_sample_weights")
    each = 1 if weights is None else 2
    return Count(0, each * elements_of(args[1]) * given_out.shape[-1])


def _bags_backward(operations: int) -> Formula:
    """Count one gradient row per index, added or multiplied with a row of the table."""

    def count(args: Args, kwargs: Kwargs, out: Any) -> Count:
        indices = args[2 if operations > 1 else 1]
        return Count(0, operations * elements_of(indices) * args[0].shape[-1])

    return count


_REDUCTION: dict[str, Formula] = {
    **{name: per_input(operations) for name, operations in _REDUCED.items()},
    **{name: _source(*where) for name, where in _TAKEN_IN.items()},
    "embedding_dense_backward": per_input(1),
    "_foreach_norm": per_input(2),
    "trace": _diagonal,
    "_cdist_forward": _distances,
    "_euclidean_dist": _distances,
    "_pdist_forward": _distances,
    "_embedding_bag_backward": _bags_backward(1),
    "_embedding_bag_dense_backward": _bags_backward(1),
    "_embedding_bag_per_sample_weights_backward": _bags_backward(2),
    # Their cost depends on values, or on a case of the kernel.
    **dict.fromkeys(
        (
            "_ctc_loss",
            "_ctc_loss_backward",
            "_cudnn_ctc_loss",
            "_cdist_backward",
            "_pdist_backward",
            "histogram",
            "_histogramdd_bin_edges",
            "_histogramdd_from_bin_cts",
            "_histogramdd_from_bin_tensors",
        ),
        unknown_flops,
    ),
}
_SOFTMAX: dict[str, Formula] = {
    **dict.fromkeys(
        (
            "_softmax",
            "_log_softmax",
            "_safe_softmax",
            "_masked_softmax",
            "_sparse_softmax",
            "_sparse_log_softmax",
        ),
        per_output(5),
    ),
    **dict.fromkeys(
        ("_softmax_backward_data", "_log_softmax_backward_data", "_masked_softmax_backward"),
        per_output(4),
    ),
}


def _transform(halves: int, *, by_output: bool = False) -> Formula:
    """Count 5 n log2 n for each transform of n values, in halves."""

    def count(args: Args, kwargs: Kwargs, out: Any) -> Count:
        whole = out if by_output else args[0]
        length = product(whole.shape[dimension] for dimension in args[1])
        return Count(0, round(2.5 * halves * whole.numel() * math.log2(length)) if length else 0)

    return count


_FFT: dict[str, Formula] = {
    "_fft_c2c": _transform(2),
    "_fft_r2c": _transform(1),
    "_fft_c2r": _transform(1, by_output=True),
}

_ELEMENTWISE = (
    "add", "sub", "rsub", "mul", "div", "floor_divide", "_add_relu", "relu", "mish", "celu",
    "prelu", "addr", "_prelu_kernel", "_prelu_kernel_backward", "glu", "glu_backward",
    "gelu_backward", "elu_backward", "hardswish", "hardswish_backward", "hardsigmoid",
    "hardsigmoid_backward", "hardtanh", "hardtanh_backward", "hardshrink", "hardshrink_backward",
    "leaky_relu", "leaky_relu_backward", "log_sigmoid_forward", "log_sigmoid_backward",
    "softplus_backward", "softshrink_backward", "rrelu_with_noise", "rrelu_with_noise_backward",
    "mse_loss", "mse_loss_backward", "smooth_l1_loss", "smooth_l1_loss_backward", "huber_loss",
    "huber_loss_backward", "binary_cross_entropy", "binary_cross_entropy_backward",
    "binary_cross_entropy_with_logits", "soft_margin_loss", "soft_margin_loss_backward",
    "nll_loss_backward", "nll_loss2d_backward", "native_dropout", "native_dropout_backward",
    "_masked_scale", "isnan", "isinf", "isin", "polar", "bitwise_and", "bitwise_or", "bitwise_xor",
    "dequantize", "quantize_per_tensor", "quantize_per_channel", "quantize_per_tensor_dynamic",
    "fake_quantize_per_tensor_affine_cachemask", "fake_quantize_per_channel_affine_cachemask",
    "_fake_quantize_per_tensor_affine_cachemask_tensor_qparams", "_fused_moving_avg_obs_fq_helper",
    "_fused_moving_avg_obs_fq_helper_functional", "_fake_quantize_learnable_per_tensor_affine",
    "_fake_quantize_learnable_per_channel_affine", "_transform_bias_rescale_qkv", "_fused_dropout",
    "multi_margin_loss_backward", "multilabel_margin_loss_backward", "_segment_reduce_backward",
    "_standard_gamma_grad", "_dirichlet_grad",
)  # fmt: skip
"""Operators that some versions of torch do not mark as pointwise."""

_REGIONS: dict[Kind, tuple[str, ...]] = {
    "pooling": ("roi_pool", "ps_roi_pool", "_roi_pool_backward", "_ps_roi_pool_backward"),
    "interpolation": ("ps_roi_align", "_roi_align_backward", "_ps_roi_align_backward"),
}
"""Operators of torchvision whose region sizes depend on values."""

_QUANTIZED = (
    "add", "add_relu", "add_scalar", "add_scalar_relu", "mul", "mul_relu", "mul_scalar",
    "mul_scalar_relu", "celu", "clamp", "elu", "hardswish", "leaky_relu", "prelu", "relu6",
    "sigmoid", "threshold", "dropout",
)  # fmt: skip
_DECOMPOSED = tuple(
    f"{way}quantize_per_{what}"
    for way in ("", "de")
    for what in ("tensor", "channel", "token", "channel_group")
)


def elementwise(lists: bool = False) -> Rule:
    """Return the rule of a pointwise operator, on one tensor or on each in a list."""
    return _ONE_IN_EACH if lists else _ONE_EACH


def _rules(kind: Kind, formulas: Iterable[tuple[str, Formula]]) -> dict[str, Rule]:
    return {f"aten.{name}": Rule(kind, formula) for name, formula in formulas}


_ONE_EACH = Rule("elementwise", per_output(1))
# An in-place operator on a list returns nothing.
_ONE_IN_EACH = Rule("elementwise", per_input(1))

ARITHMETIC: dict[str, Rule] = {
    **_rules("normalization", _NORMALIZATION.items()),
    **_rules("pooling", _POOLING.items()),
    **_rules("interpolation", _INTERPOLATION.items()),
    **_rules("reduction", _REDUCTION.items()),
    **_rules("softmax", _SOFTMAX.items()),
    **_rules("fft", _FFT.items()),
    **{f"aten.{name}": _ONE_EACH for name in _ELEMENTWISE},
    **{f"quantized.{name}": _ONE_EACH for name in _QUANTIZED},
    **{f"quantized_decomposed.{name}": _ONE_EACH for name in _DECOMPOSED},
    "aten.linalg_cross": Rule("elementwise", per_output(3)),
    "aten.embedding_renorm": Rule("normalization", unknown_flops, "rows"),
    **{
        f"aten.{name}": Rule("reduction", _bags, "rows")
        for name in ("_embedding_bag", "_embedding_bag_forward_only")
    },
    **{
        f"quantized.embedding_bag_{bits}{after}": Rule("reduction", _bags, "rows")
        for bits in ("byte", "4bit", "2bit")
        for after in ("", "_rowwise_offsets")
    },
    "quantized.softmax": Rule("softmax", per_output(5)),
    **{
        f"quantized.{name}_norm": Rule("normalization", per_output(5))
        for name in ("layer", "group", "instance")
    },
    **{
        f"torchvision.{name}": Rule(kind, unknown_flops)
        for kind, names in _REGIONS.items()
        for name in names
    },
}
