"""Costs of recurrent layers, quantized layers and deformable convolution."""

from __future__ import annotations

from typing import Any

import torch

from netinspect.tracing.counting.products import convolved
from netinspect.tracing.counting.rule import (
    Args,
    Count,
    Formula,
    Kwargs,
    Rule,
    UncountableError,
    argument,
    dense,
    elements_of,
    per_output,
    product,
    products,
    unknown_flops,
)
from netinspect.tracing.tensors.packed_weights import packed_tensors

# --- recurrent layers: torch has no formulas for their kernels --------------------------------


def _cells(weights: Any, rows: int, out: Any, times: int = 1) -> Count:
    """Count each element of the matrices once per row of each time step; biases are vectors."""
    matrices = [dense(weight) for weight in weights if weight.dim() == 2]
    output_elements = rows * sum(matrix.shape[0] for matrix in matrices)
    return products(times * rows * sum(map(elements_of, matrices)), out, times * output_elements)


def _mkldnn(times: int) -> Formula:
    def count(args: Args, kwargs: Kwargs, out: Any) -> Count:
        return _cells(args[1:3], product(dense(args[0]).shape[:-1]), out, times)

    return count


def _cudnn(times: int) -> Formula:
    def count(args: Args, kwargs: Kwargs, out: Any) -> Count:
        return _cells(args[1], product(dense(args[0]).shape[:-1]), out, times)

    return count


def _quantized_layers(gates: int) -> Formula:
    """Count packed cells by their states: hidden width, and layers times directions."""

    def count(args: Args, kwargs: Kwargs, out: Any) -> Count:
        # The second argument of a packed sequence is its batch sizes; the others are shifted by one.
        shift = int(_is_state(args[2]))
        given, state, both_ways = dense(args[0]), _state(args[1 + shift]), bool(args[7 + shift])
        directions, hidden = 2 if both_ways else 1, state.shape[-1]
        layers = state.shape[0] // directions
        widths = given.shape[-1] + (layers - 1) * hidden * directions + layers * hidden
        rows = product(given.shape[:-1]) * directions * gates * hidden
        return products(rows * widths, out, rows * 2 * layers)

    return count


def _is_state(value: Any) -> bool:
    return isinstance(value[0] if isinstance(value, (list, tuple)) else value, torch.Tensor)


def _state(value: Any) -> torch.Tensor:
    return dense(value[0] if isinstance(value, (list, tuple)) else value)


def _quantized_cell(gates: int) -> Formula:
    def count(args: Args, kwargs: Kwargs, out: Any) -> Count:
        given, hidden = dense(args[0]), _state(args[1]).shape[-1]
        rows = product(given.shape[:-1])
        macs = rows * gates * hidden * (given.shape[-1] + hidden)
        return products(macs, out, 2 * rows * gates * hidden)

    return count


def _fused_gates(args: Args, kwargs: Kwargs, out: Any) -> Count:
    """Count a cell after its products: two operations per gate, four per unit."""
    return Count(0, 2 * elements_of(args[0]) + 4 * elements_of(out))


# --- quantized layers: torch has no formulas for their kernels ----------------------------------


def _quantized_linear(args: Args, kwargs: Kwargs, out: Any) -> Count:
    return products(dense(out).numel() * dense(args[0]).shape[-1], out)


def _quantized_convolution(transposed: bool) -> Formula:
    def count(args: Args, kwargs: Kwargs, out: Any) -> Count:
        # Unpacking copies the weight, but there is no other way to get its shape.
        weights = packed_tensors(args[1])
        if not weights:
            raise UncountableError
        return products(convolved(args[0] if transposed else out, weights[0][1]), out)

    return count


# --- torchvision -----------------------------------------------------------------------------------


def _deformable(args: Args, kwargs: Kwargs, out: Any) -> Count:
    """Count a convolution with learnt sampling offsets; sampling itself is not counted as products."""
    return products(convolved(out, args[1]), out)


def _deformable_backward(args: Args, kwargs: Kwargs, out: Any) -> Count:
    return products(2 * convolved(args[0], args[2]), out)


def _aligned_regions(args: Args, kwargs: Kwargs, out: Any) -> Count:
    """Count each output as the mean of samples with four neighbours each.

    The number of samples may depend on the sizes of the regions, which are unknown.
    """
    ratio = int(argument(args, kwargs, 5, "sampling_ratio", -1))
    return Count(0, 4 * ratio * ratio * elements_of(out) if ratio > 0 else None)


_LINEAR = (
    "linear", "linear_relu", "linear_leaky_relu", "linear_tanh", "linear_dynamic", "linear_relu_dynamic",
    "linear_dynamic_fp16", "linear_relu_dynamic_fp16", "linear_dynamic_fp16_unpacked_weight",
    "linear_with_input_q_dq_qweight_dq_output_fp32",
    "linear_with_input_q_dq_qweight_dq_relu_output_fp32", "matmul",
)  # fmt: skip
_CONVOLUTIONS = (
    "conv1d", "conv2d", "conv3d", "conv1d_relu", "conv2d_relu", "conv3d_relu", "conv2d_add",
    "conv2d_add_relu", "conv1d_dynamic", "conv2d_dynamic", "conv3d_dynamic",
)  # fmt: skip
_GATES = {"lstm": 4, "gru": 3, "rnn_tanh": 1, "rnn_relu": 1}

KERNELS: dict[str, Rule] = {
    "aten.mkldnn_rnn_layer": Rule("recurrent", _mkldnn(1)),
    "aten.mkldnn_rnn_layer_backward": Rule("recurrent", _mkldnn(2)),
    "aten._cudnn_rnn": Rule("recurrent", _cudnn(1)),
    "aten._cudnn_rnn_backward": Rule("recurrent", _cudnn(2)),
    "aten.miopen_rnn": Rule("recurrent", _cudnn(1)),
    "aten.miopen_rnn_backward": Rule("recurrent", _cudnn(2)),
    "aten._thnn_fused_lstm_cell": Rule("elementwise", _fused_gates),
    "aten._thnn_fused_gru_cell": Rule("elementwise", _fused_gates),
    "aten._thnn_fused_lstm_cell_backward_impl": Rule("elementwise", unknown_flops),
    "aten._thnn_fused_gru_cell_backward": Rule("elementwise", unknown_flops),
    "aten.quantized_lstm": Rule("recurrent", _quantized_layers(4)),
    "aten.quantized_gru": Rule("recurrent", _quantized_layers(3)),
    **{
        f"quantized.quantized_{name}_cell_dynamic": Rule("recurrent", _quantized_cell(gates))
        for name, gates in _GATES.items()
    },
    **{f"quantized.{name}": Rule("matrix_product", _quantized_linear) for name in _LINEAR},
    **{
        f"quantized.{name}": Rule("convolution", _quantized_convolution(transposed=False))
        for name in _CONVOLUTIONS
    },
    **{
        f"quantized.conv_transpose{size}d{way}": Rule(
            "convolution", _quantized_convolution(transposed=True)
        )
        for size in (1, 2, 3)
        for way in ("", "_dynamic")
    },
    **{
        f"quantized.batch_norm{size}{after}": Rule("normalization", per_output(2))
        for size in ("", "1d", "2d", "3d")
        for after in ("", "_relu")
    },
    "torchvision.deform_conv2d": Rule("convolution", _deformable),
    "torchvision._deform_conv2d_backward": Rule("convolution", _deformable_backward),
    "torchvision.roi_align": Rule("interpolation", _aligned_regions),
}
