"""Linear layers, and the flattening before them."""

from __future__ import annotations

from math import prod

from netinspect.analysis.diagnosis.call import Call, Explanation, Given, product, spell, whole
from netinspect.records.steps import Step
from netinspect.records.values import TensorSpec, tensors_in


def explain_linear(call: Call) -> Explanation | None:
    """A last dimension other than `in_features`; a bias other than `out_features`."""
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
    layer = call.subject
    text = f"{layer} wants {wanted} features in the last dimension and was given {features}"
    remedies = []
    before = before_flatten(call)
    sizes = whole(given.shape)
    if before is not None:
        flatten, spec = before
        channels, *spatial = spec.shape[1:]
        text += f" = {product(spec.shape[1:])}, which {flatten.name} made of {spell(spec.shape)}"
        if isinstance(wanted, int) and isinstance(channels, int) and channels and wanted % channels == 0:
            text += f"; {wanted} = {channels} * {_factors(wanted // channels, len(spatial))}"
        remedies.append(f"for this input size: {layer} = Linear({features}, {outputs})")
    elif layer == call.name:
        remedies.append(f"{weight.name} of ({outputs}, {features}), or give it {wanted} features")
    else:
        remedies.append(f"{layer} = Linear({features}, {outputs}), or give it {wanted} features")
    if before is None and sizes is not None and wanted in sizes[1:-1]:
        position = sizes.index(wanted, 1)
        text += f"; {wanted} is the size of dimension {position}"
        remedies.append(f"if those are the features: x.transpose({position}, -1)")
    return Explanation(text, remedies, {given.name: (given.rank - 1,), weight.name: (1,)})


def _explain_bias(call: Call, weight: Given) -> Explanation | None:
    bias = call.tensor("2", "bias")
    if bias is None or bias.rank != 1 or bias.shape[0] in (1, weight.shape[0]):
        return None
    return Explanation(
        f"{call.subject} makes {weight.shape[0]} features with {weight.name} {spell(weight.shape)}, and "
        f"{bias.name} has {bias.shape[0]}",
        [f"{bias.name} of {weight.shape[0]}"],
        {weight.name: (0,), bias.name: (0,)},
        size_helps=False,
    )


def _explain_flattening(call: Call, given: Given, wanted: int | str) -> Explanation | None:
    """A flatten that took the batch dimension in, or that was forgotten."""
    sizes = [size for size in given.shape if isinstance(size, int)]
    if len(sizes) == 1:
        for producer in call.producers():
            before = next(tensors_in(producer.inputs), None)
            if (
                producer.name in ("view", "reshape", "flatten")
                and before is not None
                and len(before.shape) > 1
                and before.elements == sizes[0]
            ):
                return Explanation(
                    f"{producer.name} made {spell(given.shape)} of {spell(before.shape)}: it merged the "
                    f"batch dimension of {before.shape[0]} with the features",
                    ["keep the batch dimension: torch.flatten(x, 1)"],
                    {given.name: (0,)},
                    size_helps=False,
                )
    elif len(sizes) > 2 and prod(sizes[1:]) == wanted:
        return Explanation(
            f"{call.subject} wants {wanted} features in the last dimension, and {wanted} = "
            f"{product(tuple(sizes[1:]))}: {spell(given.shape)} was not flattened",
            [f"flatten before {call.subject}: torch.flatten(x, 1)"],
            {given.name: tuple(range(1, len(sizes)))},
            size_helps=False,
        )
    return None


def explain_bilinear(call: Call) -> Explanation | None:
    """Two inputs whose features must be those of the weight."""
    weight = call.tensor("2", "weight")
    if weight is None or weight.rank != 3:
        return None
    for position, keys in ((1, ("0", "input1")), (2, ("1", "input2"))):
        given = call.tensor(*keys)
        if given is not None and given.shape and given.shape[-1] != weight.shape[position]:
            return Explanation(
                f"{call.subject} wants {weight.shape[position]} features in the last dimension of its "
                f"input {position} and was given {given.shape[-1]}",
                [f"Bilinear with in{position}_features={given.shape[-1]}"],
                {given.name: (given.rank - 1,), weight.name: (position,)},
            )
    return None


def before_flatten(call: Call) -> tuple[Step, TensorSpec] | None:
    """The view, reshape or flatten that made a call's input from feature maps, and those maps."""
    for producer in call.producers():
        if producer.name in ("view", "reshape", "flatten"):
            spec = next(tensors_in(producer.inputs), None)
            made = next(tensors_in(producer.output), None)
            if spec is None or made is None or not made.shape or len(spec.shape) < 3:
                return None
            sizes = whole(spec.shape[1:])
            if sizes is not None and made.shape[-1] == prod(sizes):
                return producer, spec
    return None


def _factors(number: int, dimensions: int) -> str:
    """Spell a number as a product of equal sizes where it is one, as `4 * 4`."""
    side = round(number ** (1 / dimensions)) if dimensions else 0
    return " * ".join([str(side)] * dimensions) if side**dimensions == number else str(number)
