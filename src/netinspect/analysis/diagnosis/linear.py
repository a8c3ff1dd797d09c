"""Explanations of failures in linear layers and in the flattening before them."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from netinspect.analysis.diagnosis.call import Call, Explanation, Family, Given
from netinspect.analysis.diagnosis.fixed_sizes import with_makers
from netinspect.analysis.diagnosis.mismatch import Mismatch
from netinspect.analysis.diagnosis.wording import (
    find_size,
    format_product,
    format_shape,
    integer_sizes,
    unequal,
)
from netinspect.records.steps import Step
from netinspect.records.values import TensorSpec, tensors_in


def explain_linear(call: Call) -> Explanation | None:
    """Explain a last dimension other than `in_features`, or a bias other than `out_features`."""
    weight, given = call.tensor("1", "weight"), call.tensor("0", "input")
    if weight is None or given is None or weight.rank != 2 or not given.shape:
        return None
    features = given.shape[-1]
    outputs, wanted = weight.shape
    if features == wanted:
        return _explain_bias(call, weight)
    flattening = _explain_flattening(call, given, wanted)
    if flattening is not None:
        return flattening
    layer = call.display_name
    text = f"{layer} expects {wanted} features in the last dimension, got {features}"
    remedies = []
    requirement = f"{call.place}.in_features = {wanted}"
    mismatch = unequal(given, given.rank - 1, weight, 1, requirement)
    makers = with_makers(call, mismatch).makers
    before = before_flatten(call)
    if before is not None:
        flatten, spec = before
        channels, *spatial = spec.shape[1:]
        text += (
            f" = {format_product(spec.shape[1:])}, made by {flatten.name} from "
            f"{format_shape(spec.shape)}"
        )
        if isinstance(wanted, int) and isinstance(channels, int) and channels and wanted % channels == 0:
            text += f"; {wanted} = {channels} * {_factors(wanted // channels, len(spatial))}"
        if not makers:
            remedies.append(f"to accept this input size: {layer} = Linear({features}, {outputs})")
    if before is None or makers:
        change = f"{layer} = Linear({features}, {outputs})"
        if layer == call.name:
            change = f"a {weight.name} of shape ({outputs}, {features})"
        other = _other_change(makers, before, wanted)
        remedies.append(f"use {change}, or {other}" if other else f"use {change}")
    if before is None:
        addition, transpose = find_size(given, wanted)
        text += addition
        remedies += transpose
    return Explanation(text, [mismatch], remedies, size_helps=True)


def _other_change(
    makers: Sequence[str], before: tuple[Step, TensorSpec] | None, wanted: int | str
) -> str | None:
    """Return what could be changed instead of the linear layer; None if nothing fits it."""
    if not makers:
        return f"an input with {wanted} features"
    if before is None:
        return f"make {makers[0]} output {wanted} features"
    # The flattening multiplies what the layer outputs by the sizes after it.
    sizes = integer_sizes(before[1].shape[2:])
    if sizes is None or not isinstance(wanted, int) or wanted % prod(sizes):
        return None
    return f"make {makers[0]} output {wanted // prod(sizes)} channels"


def _explain_bias(call: Call, weight: Given) -> Explanation | None:
    bias = call.tensor("2", "bias")
    if bias is None or bias.rank != 1 or bias.shape[0] in (1, weight.shape[0]):
        return None
    return Explanation(
        f"{call.display_name} outputs {weight.shape[0]} features with {weight.name} "
        f"{format_shape(weight.shape)}, "
        f"but {bias.name} has {bias.shape[0]}",
        [unequal(bias, 0, weight, 0)],
        [f"use a {bias.name} of shape ({weight.shape[0]},)"],
    )


def _explain_flattening(call: Call, given: Given, wanted: int | str) -> Explanation | None:
    """Explain a flatten that merged the batch dimension, or a missing flatten."""
    sizes = [size for size in given.shape if isinstance(size, int)]
    if len(sizes) == 1:
        for producer in call.producers(given):
            before = next(tensors_in(producer.inputs), None)
            if (
                producer.name in ("view", "reshape", "flatten")
                and before is not None
                and len(before.shape) > 1
                and before.elements == sizes[0]
            ):
                return Explanation(
                    f"{producer.name} turned {format_shape(before.shape)} into "
                    f"{format_shape(given.shape)}: it merged "
                    f"the batch dimension of {before.shape[0]} with the features",
                    [Mismatch("size", wanted, sizes[0], given.at(0))],
                    ["keep the batch dimension: torch.flatten(x, 1)"],
                )
    elif len(sizes) > 2 and prod(sizes[1:]) == wanted:
        return Explanation(
            f"{call.display_name} expects {wanted} features in the last dimension, and {wanted} = "
            f"{format_product(tuple(sizes[1:]))}: the input {format_shape(given.shape)} was "
            "not flattened",
            [Mismatch("rank", 2, given.rank, given.at(*range(1, given.rank)))],
            [f"flatten before {call.display_name}: torch.flatten(x, 1)"],
        )
    return None


def explain_bilinear(call: Call) -> Explanation | None:
    """Explain inputs whose features differ from those of the weight."""
    weight = call.tensor("2", "weight")
    if weight is None or weight.rank != 3:
        return None
    for position, keys in ((1, ("0", "input1")), (2, ("1", "input2"))):
        given = call.tensor(*keys)
        if given is not None and given.shape and given.shape[-1] != weight.shape[position]:
            return Explanation(
                f"{call.display_name} expects {weight.shape[position]} features in the last "
                "dimension of input "
                f"{position}, got {given.shape[-1]}",
                [unequal(given, given.rank - 1, weight, position)],
                [f"to accept this input, set in{position}_features={given.shape[-1]} in Bilinear"],
                size_helps=True,
            )
    return None


def before_flatten(call: Call) -> tuple[Step, TensorSpec] | None:
    """Return the step that flattened feature maps into a call's input, and the spec of the maps."""
    given = call.tensor("0", "input")
    for producer in call.producers(given) if given is not None else ():
        if producer.name in ("view", "reshape", "flatten"):
            spec = next(tensors_in(producer.inputs), None)
            output = next(tensors_in(producer.output), None)
            if spec is None or output is None or not output.shape or len(spec.shape) < 3:
                return None
            sizes = integer_sizes(spec.shape[1:])
            if sizes is not None and output.shape[-1] == prod(sizes):
                return producer, spec
    return None


def _factors(number: int, dimensions: int) -> str:
    """Format a number as a product of equal sizes if possible, such as `4 * 4`."""
    side = round(number ** (1 / dimensions)) if dimensions else 0
    return " * ".join([str(side)] * dimensions) if side**dimensions == number else str(number)


FAMILY = Family(functions={"linear": explain_linear, "bilinear": explain_bilinear})
