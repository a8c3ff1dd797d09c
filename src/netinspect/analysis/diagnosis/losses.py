"""Explanations of failures in loss functions."""

from __future__ import annotations

import re

from netinspect.analysis.diagnosis.call import Call, Explanation, Family, Given, Shape, format_shape


def explain_classes(call: Call) -> Explanation | None:
    """Explain a target that `cross_entropy` or `nll_loss` rejects: its shape, dtype or range."""
    given, target = call.tensor("0", "input"), call.tensor("1", "target")
    if given is None or target is None or not given.rank:
        return None
    at = 0 if given.rank == 1 else 1
    classes = given.shape[at]
    indices: Shape = given.shape[:at] + given.shape[at + 1 :]
    if target.is_floating:
        return _explain_probabilities(call, given, target, indices)
    if target.spec.dtype not in ("int64", "uint8"):
        return Explanation(
            f"{call.name} expects int64 class indices, got {target.spec.dtype}",
            ["target.long()"],
            {},
            size_helps=False,
        )
    if target.shape != indices:
        return _explain_target(call, given, target, indices, classes)
    weight = call.tensor("2", "weight")
    if weight is not None and weight.shape != (classes,):
        return Explanation(
            f"{format_shape(given.shape)} has {classes} classes in dimension {at}, but weight has shape "
            f"{format_shape(weight.shape)}",
            [f"use a weight of shape ({classes},)"],
            {given.name: (at,), weight.name: tuple(range(weight.rank))},
            size_helps=False,
        )
    value = re.search(r"Target (-?\d{1,18}) is out of bounds", call.message)
    if value is None or not isinstance(classes, int):
        return None
    return Explanation(
        f"{format_shape(given.shape)} has {classes} classes in dimension {at}, 0 to "
        f"{classes - 1}; the target "
        f"contains {value[1]}",
        [f"number the classes from 0, or use {int(value[1]) + 1} outputs"]
        if int(value[1]) >= classes
        else ["set ignore_index for targets to ignore"],
        {given.name: (at,)},
        size_helps=False,
    )


def _explain_probabilities(
    call: Call, given: Given, target: Given, indices: Shape
) -> Explanation | None:
    """Explain a floating-point target, which must hold class probabilities."""
    if call.name == "cross_entropy" and target.shape == given.shape:
        return None
    text = f"the target is {target.spec.dtype}"
    remedies = []
    if call.name == "cross_entropy":
        text += f", so it holds probabilities and must have shape {format_shape(given.shape)}, got "
        text += format_shape(target.shape)
    else:
        text += f"; {call.name} expects int64 class indices"
    if target.shape == indices:
        remedies.append("if it holds class indices: target.long()")
    return Explanation(text, remedies, {target.name: tuple(range(target.rank))}, size_helps=False)


def _explain_target(
    call: Call, given: Given, target: Given, indices: Shape, classes: int | str
) -> Explanation:
    text = (
        f"{format_shape(given.shape)} has {classes} classes in dimension "
        f"{0 if given.rank == 1 else 1}, so the "
        f"target must have shape {format_shape(indices)}, got {format_shape(target.shape)}"
    )
    remedies = []
    if target.shape == (*indices, 1):
        remedies.append("target.squeeze(-1)")
    elif given.rank > 2 and target.shape == given.shape[:-1]:
        remedies.append(
            f"if the classes come last: input.transpose(1, -1), or input.flatten(0, {given.rank - 2}) "
            "with target.flatten()"
        )
    elif target.shape == given.shape:
        remedies.append("for probabilities: target.float(); for one-hot: target.argmax(1)")
    wrong: tuple[int, ...] = tuple(range(target.rank))
    marks: dict[str, tuple[int, ...]] = {}
    if target.rank == len(indices):
        wrong = tuple(at for at in wrong if target.shape[at] != indices[at])
        marks[given.name] = tuple(at if at < 1 or given.rank == 1 else at + 1 for at in wrong)
    return Explanation(text, remedies, {target.name: wrong, **marks}, size_helps=False)


def explain_same_shape(call: Call) -> Explanation | None:
    """Explain a target of `binary_cross_entropy` whose shape differs from the input."""
    given, target = call.tensor("0", "input"), call.tensor("1", "target")
    if given is None or target is None or given.shape == target.shape:
        return None
    remedies = []
    if given.shape == (*target.shape, 1):
        remedies.append("target.unsqueeze(-1), or input.squeeze(-1)")
    elif target.shape == (*given.shape, 1):
        remedies.append("target.squeeze(-1)")
    marks: dict[str, tuple[int, ...]] = {}
    if given.rank == target.rank:
        wrong = tuple(at for at in range(given.rank) if given.shape[at] != target.shape[at])
        marks = {given.name: wrong, target.name: wrong}
    return Explanation(
        f"{call.name} expects input and target of the same shape, got {format_shape(given.shape)} and "
        f"{format_shape(target.shape)}",
        remedies,
        marks,
        size_helps=False,
    )


FAMILY = Family(
    functions={
        **dict.fromkeys(("cross_entropy", "nll_loss"), explain_classes),
        **dict.fromkeys(
            ("binary_cross_entropy", "binary_cross_entropy_with_logits"), explain_same_shape
        ),
    }
)
