"""Rules of operators that move, create, sort or draw values: no arithmetic except in scatters."""

from __future__ import annotations

from typing import Any

from netinspect.tracing.counting.rule import (
    NOTHING,
    Args,
    Count,
    Formula,
    Kwargs,
    Rule,
    argument,
    elements_of,
    no_arithmetic,
)


def _put(index: int, name: str) -> Formula:
    """Count one addition per value if the accumulate flag is set."""

    def count(args: Args, kwargs: Kwargs, out: Any) -> Count:
        return Count(0, elements_of(args[2])) if argument(args, kwargs, index, name) else NOTHING

    return count


def _scatter(args: Args, kwargs: Kwargs, out: Any) -> Count:
    """Count one operation per index if values are reduced into the destination."""
    return Count(0, elements_of(args[2])) if "reduce" in kwargs else NOTHING


_MOVED = Rule("data_movement", no_arithmetic)
_SELECTED = Rule("data_movement", no_arithmetic, "selected")
_WRITTEN = Rule("data_movement", no_arithmetic, "sources")
_SORTED = Rule("sorting", no_arithmetic)
_DRAWN = Rule("random", no_arithmetic, "sources")
_DRAWN_BY = Rule("random", no_arithmetic)

_MOVES = (
    "clone", "_to_copy", "copy", "cat", "_cat", "stack", "_stack", "constant_pad_nd", "flip",
    "roll", "rot90", "repeat", "tril", "triu", "where", "masked_fill", "masked_scatter",
    "index_fill", "index_copy", "diag_embed", "block_diag", "im2col", "col2im", "pixel_shuffle",
    "pixel_unshuffle", "channel_shuffle", "native_channel_shuffle", "_reshape_copy",
    "view_as_real_copy", "reflection_pad1d", "reflection_pad2d", "reflection_pad3d",
    "replication_pad1d", "replication_pad2d", "replication_pad3d", "max_unpool2d", "max_unpool3d",
    "unfold_backward", "select_backward", "slice_backward", "diagonal_backward", "slice_scatter",
    "select_scatter", "diagonal_scatter", "as_strided_scatter", "masked_scatter_backward",
    "repeat_interleave", "_pack_padded_sequence", "complex", "_pin_memory",
    "_chunk_cat", "int_repr", "to_dense", "_to_dense", "_to_sparse", "to_mkldnn",
    "mkldnn_reorder_conv2d_weight", "_mkldnn_reshape", "_mkldnn_transpose", "_coalesce",
    "_padded_dense_to_jagged_forward", "_jagged_to_padded_dense_forward",
    "value_selecting_reduction_backward", "resize", "q_per_channel_scales",
    "q_per_channel_zero_points", "_cudnn_rnn_flatten_weight", "_make_per_tensor_quantized_tensor",
    "_make_per_channel_quantized_tensor",
    "_convert_indices_from_coo_to_csr", "_convert_indices_from_csr_to_coo", "_to_sparse_csr",
    "_to_sparse_csc", "_to_sparse_bsr", "_to_sparse_bsc", "sparse_mask", "_sparse_mask_projection",
    "copy_sparse_to_sparse", "_spdiags", "_nested_tensor_from_tensor_list", "to_padded_tensor",
    "_nested_from_padded", "_nested_tensor_from_mask", "_convert_weight_to_int4pack",
    "lu_unpack", "_convert_weight_to_int4pack_for_cpu", "_dyn_quant_pack_4bit_weight",
    "reflection_pad1d_backward", "reflection_pad2d_backward", "reflection_pad3d_backward",
    "replication_pad1d_backward", "replication_pad2d_backward", "replication_pad3d_backward",
)  # fmt: skip
_SELECTS = (
    "embedding", "index", "_unsafe_index", "_unsafe_masked_index", "index_select", "gather", "take",
    "masked_select",
)  # fmt: skip
_WRITES = (
    "zeros", "ones", "full", "zeros_like", "ones_like", "full_like", "new_zeros", "new_ones",
    "new_full", "zero", "fill", "arange", "range", "linspace", "logspace", "eye", "scalar_tensor",
    "tril_indices", "triu_indices", "_new_zeros_with_same_feature_meta", "hann_window",
    "hamming_window", "blackman_window", "bartlett_window", "kaiser_window", "fft_fftfreq",
    "fft_rfftfreq", "_foreach_zero", "_foreach_copy",
)  # fmt: skip
_SORTS = (
    "sort", "topk", "kthvalue", "median", "nanmedian", "mode", "unique_consecutive", "unique_dim",
    "unique_dim_consecutive", "_unique", "_unique2", "searchsorted", "bucketize", "nonzero",
    "nonzero_static",
)  # fmt: skip
_DRAWS = (
    "rand", "randn", "randint", "randperm", "rand_like", "randn_like", "randint_like", "uniform",
    "exponential", "geometric", "cauchy", "log_normal", "random", "normal_functional", "bernoulli_",
    "normal_",
)  # fmt: skip
_DRAWS_BY = (
    "bernoulli", "normal", "multinomial", "poisson", "binomial", "_standard_gamma", "_sample_dirichlet",
)  # fmt: skip
"""Operators that read the parameters of a distribution."""

_PACKS = tuple(
    f"{name}_{way}"
    for name in (
        "linear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d",
        "conv_transpose3d", "embedding_bag", "embedding_bag_byte", "embedding_bag_4bit",
        "embedding_bag_2bit",
    )
    for way in ("prepack", "unpack")
)  # fmt: skip

MOVEMENT: dict[str, Rule] = {
    **{f"aten.{name}": _MOVED for name in _MOVES},
    **{
        f"aten.{name}": Rule("data_movement", _put(3, "accumulate"))
        for name in ("index_put", "_index_put_impl", "_unsafe_index_put", "put")
    },
    "aten.scatter": Rule("data_movement", _scatter),
    **{f"aten.{name}": _SELECTED for name in _SELECTS},
    **{f"aten.{name}": _WRITTEN for name in _WRITES},
    "aten.copy_": _WRITTEN,
    **{f"aten.{name}": _SORTED for name in _SORTS},
    **{f"aten.{name}": _DRAWN for name in _DRAWS},
    **{f"aten.{name}": _DRAWN_BY for name in _DRAWS_BY},
    **{f"quantized.{name}": _MOVED for name in _PACKS},
    "quantized.linear_prepack_fp16": _MOVED,
    "quantized.cat": _MOVED,
    "quantized.cat_relu": _MOVED,
    "quantized.embedding_byte": _SELECTED,
    "quantized.embedding_4bit": _SELECTED,
    "torchvision.nms": _SORTED,
}

UNCOUNTED = frozenset(
    f"aten.{name}"
    for name in (
        "empty", "empty_like", "_empty_affine_quantized", "_empty_per_channel_affine_quantized",
        "empty_quantized", "empty_strided", "empty_permuted", "new_empty", "new_empty_strided",
        "lift_fresh", "set_", "as_strided_", "squeeze_", "unsqueeze_", "t_", "transpose_",
        "detach_", "resize_", "resize_as_", "_local_scalar_dense", "is_same_size",
        "_has_same_storage_numel", "record_stream", "_nested_tensor_size", "_nested_tensor_strides",
        "_nested_tensor_storage_offsets", "_assert_async",
        "_functional_assert_async", "sym_size", "sym_stride", "sym_numel", "sym_storage_offset",
        "_unsafe_view", "unsafe_split", "unsafe_split_with_sizes", "lift", "_lazy_clone",
        "requires_grad_", "_version", "_fw_primal", "_efficientzerotensor",
        "_validate_compressed_sparse_indices", "_coalesced_", "_coalesced",
        "_sparse_coo_tensor_with_dims", "_sparse_coo_tensor_with_dims_and_tensors",
        "sparse_coo_tensor", "sparse_compressed_tensor", "_sparse_compressed_tensor_with_dims",
    )
)  # fmt: skip
"""Operators that move no data: they allocate memory or read a flag or a single number."""
