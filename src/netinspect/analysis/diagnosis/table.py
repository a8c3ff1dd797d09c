"""Dispatch of failed calls to explanations."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from netinspect.analysis.diagnosis import (
    attention,
    broadcasting,
    joining,
    lookups,
    losses,
    matrices,
    normalization,
    recurrent,
    reshaping,
)
from netinspect.analysis.diagnosis.batching import explain_missing_batch, suggest_batch
from netinspect.analysis.diagnosis.call import Call, Explanation
from netinspect.analysis.diagnosis.calling import (
    explain_arguments,
    explain_no_tensor,
    explain_size,
    explain_unpacking,
)
from netinspect.analysis.diagnosis.convolution import (
    SPATIAL,
    explain_convolution,
    explain_pixel_shuffle,
    explain_pooling,
)
from netinspect.analysis.diagnosis.kinds import (
    explain_device,
    explain_dtype,
    explain_missing_device,
)
from netinspect.analysis.diagnosis.linear import explain_bilinear, explain_linear

Explain = Callable[[Call], Explanation | None]

_FUNCTIONS: dict[str, Explain] = {
    "linear": explain_linear,
    "bilinear": explain_bilinear,
    **{name: explain_convolution for name in SPATIAL if name.startswith("conv")},
    **{name: explain_pooling for name in SPATIAL if "pool" in name},
    "pixel_shuffle": explain_pixel_shuffle,
    **dict.fromkeys(broadcasting.NAMES, broadcasting.explain_broadcasting),
    **dict.fromkeys(("expand", "expand_as", "broadcast_to"), broadcasting.explain_expansion),
    **dict.fromkeys(matrices.NAMES, matrices.explain_product),
    "einsum": matrices.explain_einsum,
    **dict.fromkeys(joining.NAMES, joining.explain_cat),
    "stack": joining.explain_stack,
    "split": joining.explain_split,
    "split_with_sizes": joining.explain_split,
    "view": reshaping.explain_view,
    "reshape": reshaping.explain_view,
    "unflatten": reshaping.explain_unflatten,
    "permute": reshaping.explain_permute,
    "repeat": reshaping.explain_repeat,
    "embedding": lookups.explain_embedding,
    "embedding_bag": lookups.explain_embedding,
    "getitem": lookups.explain_item,
    "one_hot": lookups.explain_one_hot,
    "scaled_dot_product_attention": attention.explain_scaled_dot_product,
    "batch_norm": normalization.explain_batch_norm,
    "instance_norm": normalization.explain_batch_norm,
    "group_norm": normalization.explain_group_norm,
    "layer_norm": normalization.explain_layer_norm,
    "rms_norm": normalization.explain_layer_norm,
    "cross_entropy": losses.explain_classes,
    "nll_loss": losses.explain_classes,
    "binary_cross_entropy": losses.explain_same_shape,
    "binary_cross_entropy_with_logits": losses.explain_same_shape,
    **dict.fromkeys(("bool", "item", "int", "float", "index"), explain_size),
}
"""Explanations by name of the failed function."""

_LAYERS: dict[str, Explain] = {
    "MultiheadAttention": attention.explain_multihead,
    **dict.fromkeys(normalization.LAYERS, normalization.explain_layer),
    **dict.fromkeys(recurrent.LAYERS, recurrent.explain_layer),
    **dict.fromkeys(recurrent.CELLS, recurrent.explain_cell),
}
"""Explanations by class of the torch layer that failed, itself or in a function it called."""

_ANYWHERE: tuple[Explain, ...] = (
    explain_arguments,
    explain_no_tensor,
    explain_unpacking,
    lookups.explain_dimension,
)


def explain(call: Call) -> tuple[Call, Explanation] | None:
    """Explain a failed call.

    Returns:
        The explained call and its explanation; None if there is no explanation. The call may be that of
        the layer around the failed function.
    """
    for candidate in _candidates(call):
        for each in _explanations(candidate):
            found = each(candidate)
            if found is not None:
                return candidate, found
    return None


def suggestions(call: Call) -> list[str]:
    """Return remedies that may help but are not proven."""
    suggestion = suggest_batch(call)
    return [] if suggestion is None else [suggestion]


def _candidates(call: Call) -> Iterator[Call]:
    """Yield the call and the torch layer around it, the more informative one first."""
    layer = call.whole_module()
    if layer is not call and layer.module is not None and layer.module.library:
        if layer.module.class_name in ("MultiheadAttention", *recurrent.LAYERS):
            yield layer
            yield call
            return
        yield call
        yield layer
        return
    yield call


def _explanations(call: Call) -> Iterator[Explain]:
    yield explain_missing_device
    yield explain_device
    yield explain_dtype
    # A symbolic size, as in a jagged tensor, has no value to compare.
    if any(not isinstance(size, int) for given in call.given for size in given.shape):
        return
    yield explain_missing_batch
    if call.step.kind == "function":
        if call.name in _FUNCTIONS:
            yield _FUNCTIONS[call.name]
    elif call.module is not None and call.module.library and call.module.class_name in _LAYERS:
        yield _LAYERS[call.module.class_name]
    yield from _ANYWHERE
