"""Explanations of failures in normalization layers."""

from __future__ import annotations

from math import prod

from netinspect.analysis.diagnosis.call import Call, Explanation, Family, Given
from netinspect.analysis.diagnosis.mismatch import Mismatch
from netinspect.analysis.diagnosis.wording import (
    explain_rank,
    find_size,
    format_divisors,
    format_shape,
    format_sizes,
    input_options,
    integer_sizes,
    unequal,
)

_AXES = {1: "N x C or N x C x L", 2: "N x C x H x W", 3: "N x C x D x H x W"}
_RANKS = {
    **{f"BatchNorm{n}d": (n + 2,) if n > 1 else (2, 3) for n in (1, 2, 3)},
    **{f"LazyBatchNorm{n}d": (n + 2,) if n > 1 else (2, 3) for n in (1, 2, 3)},
    **{f"InstanceNorm{n}d": (n + 1, n + 2) for n in (1, 2, 3)},
}
"""Numbers of dimensions that each layer accepts; `InstanceNorm` also accepts unbatched input."""


def explain_checked_layer(call: Call) -> Explanation | None:
    """Explain inputs that the Python checks of `BatchNorm` and `InstanceNorm` reject."""
    given = next((each for each in call.given if len(each.key) == 1), None)
    if given is None or call.module is None:
        return None
    ranks = _RANKS[call.module.class_name]
    if given.rank not in ranks:
        wanted = " or ".join(map(str, ranks))
        axes = _AXES[int(call.module.class_name[-2])]
        remedies = []
        is_batch_norm = call.module.class_name.startswith("Batch")
        if is_batch_norm and given.rank == ranks[0] - 1:
            options = input_options(call, given, (1, *given.shape))
            remedies += [f"add the batch dimension: {option}" for option in options]
        other = call.module.class_name[:-2] + f"{given.rank - 2}d"
        if other in _RANKS and given.rank > 3 and is_batch_norm:
            remedies.append(f"for {given.rank} dimensions, use {other}")
        return explain_rank(call, given, f"{wanted} dimensions ({axes})", ranks, remedies)
    features = call.attribute("num_features")
    # Only `InstanceNorm` accepts unbatched input, whose first dimension is the channels.
    position = 1 if "Batch" in call.module.class_name else given.rank - ranks[-1] + 1
    channels = given.shape[position]
    uses_features = any(call.attribute(name) for name in ("affine", "track_running_stats"))
    if type(features) is int and channels != features and uses_features:
        return _explain_channels(call, given, position, features)
    return None


def _explain_channels(
    call: Call, given: Given, position: int, features: int | str, holder: Given | None = None
) -> Explanation:
    channels = given.shape[position]
    text = (
        f"{call.display_name} expects {features} channels, but dimension {position} of "
        f"{format_shape(given.shape)} has {channels}"
    )
    remedies = [f"to accept this input, give {call.display_name} {channels} channels"]
    if given.shape[-1] == features and given.rank > 2 and position != given.rank - 1:
        text += f"; {features} is the size of the last dimension"
        remedies.insert(0, f"if the input is channels-last: x.transpose({position}, -1)")
    marks = given.at(position) | (holder.at(0) if holder is not None else {})
    mismatch = Mismatch("size", features, channels, marks, f"{call.place} norms {features} features")
    return Explanation(text, [mismatch], remedies, size_helps=True)


def explain_batch_norm(call: Call) -> Explanation | None:
    """Explain wrong channels, or a single value per channel in train mode."""
    given = call.tensor("0", "input")
    if given is None or given.rank < 2:
        return None
    for holder in call.given:
        if holder is not given and holder.rank == 1 and holder.shape[0] != given.shape[1]:
            return _explain_channels(call, given, 1, holder.shape[0], holder)
    sizes = integer_sizes(given.shape)
    training = call.literal("training", "5", "use_input_stats")
    if sizes is None or training is not True:
        return None
    if call.name == "instance_norm":
        if prod(sizes[2:]) != 1:
            return None
        text = (
            f"{call.display_name} averages over the values of each channel of an example and "
            "needs at least two, "
            f"but {format_shape(sizes)} has one"
        )
        remedies = ["use a larger input, or less downsampling before it"]
        mismatch = Mismatch("larger", 2, 1, given.at(*range(2, given.rank)))
        return Explanation(text, [mismatch], remedies, size_helps=True)
    if not sizes[1] or prod(sizes) // sizes[1] != 1:
        return None
    others = tuple(at for at in range(given.rank) if at != 1)
    return Explanation(
        f"in train mode {call.display_name} averages over the batch and needs at least two "
        "values per channel, "
        f"but each of the {sizes[1]} channels of {format_shape(sizes)} has one",
        [Mismatch("examples", 2, 1, given.at(*others))],
        ["use a batch of 2 or more (--batch 2), or eval mode, which uses the running statistics"],
    )


def explain_group_norm(call: Call) -> Explanation | None:
    """Explain channels that are not divisible by the groups, or that differ from the weight."""
    given, weight = call.tensor("0", "input"), call.tensor("2", "weight")
    groups = call.number("1", "num_groups")
    if given is None or given.rank < 2:
        return None
    if weight is not None and weight.rank == 1 and weight.shape[0] != given.shape[1]:
        return _explain_channels(call, given, 1, weight.shape[0], weight)
    channels = given.shape[1]
    if groups and isinstance(channels, int) and channels % groups:
        return Explanation(
            f"{channels} channels cannot be divided into {groups} groups: {channels} = "
            f"{channels // groups} * {groups} + {channels % groups}",
            [Mismatch("multiple", groups, channels, given.at(1))],
            [f"use a number of groups that divides {channels}: {format_divisors(channels)}"],
        )
    return None


def explain_layer_norm(call: Call) -> Explanation | None:
    """Explain last dimensions other than `normalized_shape`."""
    given, shape = call.tensor("0", "input"), call.literal("1", "normalized_shape")
    if type(shape) is int:
        shape = (shape,)
    if given is None or not isinstance(shape, (tuple, list)) or not shape:
        return None
    wanted = tuple(shape)
    last = given.shape[-len(wanted) :]
    if last == wanted:
        return None
    what = "a last dimension" if len(wanted) == 1 else f"{len(wanted)} last dimensions"
    text = (
        f"{call.display_name} expects {what} of {format_sizes(wanted)}, got {format_sizes(last)} "
        "at the end of "
        f"{format_shape(given.shape)}"
    )
    remedies = [
        f"to accept this input, set normalized_shape={format_shape(last)} in {call.display_name}"
    ]
    if len(last) < len(wanted):
        mismatches = [Mismatch("rank", len(wanted), given.rank, given.whole())]
    else:
        mismatches = [
            Mismatch("size", wanted[-at], last[-at], given.at(given.rank - at))
            for at in range(1, len(wanted) + 1)
            if last[-at] != wanted[-at]
        ]
    if len(wanted) == 1 and last:
        addition, transpose = find_size(given, wanted[0])
        text, remedies = text + addition, transpose + remedies
        requirement = f"{call.place} norms {wanted[0]} features"
        weight = call.tensor("2", "weight")
        if weight is not None:
            mismatches = [unequal(given, given.rank - 1, weight, 0, requirement)]
    return Explanation(text, mismatches, remedies, size_helps=True)


FAMILY = Family(
    functions={
        **dict.fromkeys(("batch_norm", "instance_norm"), explain_batch_norm),
        "group_norm": explain_group_norm,
        **dict.fromkeys(("layer_norm", "rms_norm"), explain_layer_norm),
    },
    layers=dict.fromkeys(_RANKS, explain_checked_layer),
)
