"""Explanations of failures in loss functions."""

from __future__ import annotations

import re
from dataclasses import replace

from netinspect.analysis.diagnosis.broadcasting import explain_broadcasting
from netinspect.analysis.diagnosis.call import Call, Explanation, Family, Given, Shape
from netinspect.analysis.diagnosis.mismatch import Mismatch
from netinspect.analysis.diagnosis.wording import format_shape, format_tensor, other_shape

_OF_CLASSES = ("cross_entropy", "cross_entropy_loss", "nll_loss", "multi_margin_loss")
_BETWEEN_0_AND_1 = ("binary_cross_entropy", "binary_cross_entropy_with_logits", "kl_div")
_ELEMENTWISE = ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "soft_margin_loss", "kl_div")


def explain_loss(call: Call) -> Explanation | None:
    """Explain a missing target, or one that the loss function rejects."""
    given, target = call.tensor("0", "input"), call.tensor("1", "target")
    if given is None:
        return None
    if target is None:
        if call.item("1", "target") is None:
            return None
        wanted = _expected_target(call, given)
        return Explanation(
            f"{call.name} compares {format_shape(given.shape)} with a target, got none",
            [Mismatch("tensor", wanted, None, {"target": ()}, _requirement(call, given))],
            [f"pass a target such as {wanted}"],
        )
    if call.name in _OF_CLASSES:
        return _explain_classes(call, given, target)
    if call.name in _ELEMENTWISE:
        found = explain_broadcasting(call)
        target_too = [_mismatch(call, given, target, {})]
        return found and replace(found, mismatches=[*found.mismatches, *target_too])
    return _explain_elements(call, given, target)


def _expected_target(call: Call, given: Given) -> str:
    """Return the input spec of the target that a loss function expects."""
    if call.name in _OF_CLASSES:
        at = _class_dimension(given)
        classes = given.shape[at] if given.rank else 1
        limit = max(classes - 1, 0) if isinstance(classes, int) else classes
        return format_tensor((*given.shape[:at], *given.shape[at + 1 :]), f"int64:0..{limit}")
    values = given.spec.dtype if given.is_floating else "float32"
    return format_tensor(given.shape, values + ":0..1" * (call.name in _BETWEEN_0_AND_1))


def _class_dimension(given: Given) -> int:
    return 0 if given.rank < 2 else 1


def _mismatch(call: Call, given: Given, target: Given, marks: dict[str, tuple[int, ...]]) -> Mismatch:
    got = format_tensor(target.shape, target.spec.dtype)
    marks = {**target.at(), **marks}
    return Mismatch("tensor", _expected_target(call, given), got, marks, _requirement(call, given))


def _requirement(call: Call, given: Given) -> str:
    return f"{call.name} compares {'x'.join(map(str, given.shape))} with it"


def _explain_classes(call: Call, given: Given, target: Given) -> Explanation | None:
    """Explain a target of class indices: its shape, dtype or range."""
    if not given.rank:
        return None
    at = _class_dimension(given)
    classes = given.shape[at]
    indices: Shape = given.shape[:at] + given.shape[at + 1 :]
    if target.is_floating:
        return _explain_probabilities(call, given, target, indices)
    if target.spec.dtype not in ("int64", "uint8"):
        return Explanation(
            f"{call.name} expects int64 class indices, got {target.spec.dtype}",
            [Mismatch("dtype", "int64", target.spec.dtype, target.at())],
            ["target.long()"],
        )
    if target.shape != indices:
        return _explain_target(call, given, target, indices)
    weight = call.tensor("2", "weight")
    holds = f"{format_shape(given.shape)} has {classes} classes in dimension {at}"
    if weight is not None and weight.shape != (classes,):
        return Explanation(
            f"{holds}, but weight has shape {format_shape(weight.shape)}",
            [other_shape(weight, (classes,), weight.whole() | given.at(at))],
            [f"use a weight of shape ({classes},)"],
        )
    value = re.search(r"Target (-?\d{1,18}) is out of bounds", call.message)
    if value is None or not isinstance(classes, int):
        return None
    return Explanation(
        f"{holds}, 0 to {classes - 1}; the target contains {value[1]}",
        [Mismatch("range", f"0..{classes - 1}", value[1], {**target.at(), **given.at(at)})],
        [f"number the classes from 0, or use {int(value[1]) + 1} outputs"]
        if int(value[1]) >= classes
        else ["set ignore_index for targets to ignore"],
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
    return Explanation(text, [_mismatch(call, given, target, target.whole())], remedies)


def _explain_target(call: Call, given: Given, target: Given, indices: Shape) -> Explanation:
    at = _class_dimension(given)
    text = (
        f"{format_shape(given.shape)} has {given.shape[at]} classes in dimension {at}, so the target "
        f"must have shape {format_shape(indices)}, got {format_shape(target.shape)}"
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
    marks = target.unlike(indices)
    if target.rank == len(indices):
        wrong = marks[target.name]
        marks |= given.at(*(each if each < 1 or given.rank == 1 else each + 1 for each in wrong))
    return Explanation(text, [_mismatch(call, given, target, marks)], remedies)


def _explain_elements(call: Call, given: Given, target: Given) -> Explanation | None:
    """Explain a target of another shape than the input."""
    if given.shape == target.shape:
        return None
    remedies = []
    if given.shape == (*target.shape, 1):
        remedies.append("target.unsqueeze(-1), or input.squeeze(-1)")
    elif target.shape == (*given.shape, 1):
        remedies.append("target.squeeze(-1)")
    marks: dict[str, tuple[int, ...]] = {}
    if given.rank == target.rank:
        marks = target.unlike(given.shape) | {given.name: target.unlike(given.shape)[target.name]}
    return Explanation(
        f"{call.name} expects input and target of the same shape, got {format_shape(given.shape)} and "
        f"{format_shape(target.shape)}",
        [_mismatch(call, given, target, marks)],
        remedies,
    )


FAMILY = Family(functions=dict.fromkeys((*_OF_CLASSES, *_BETWEEN_0_AND_1, *_ELEMENTWISE), explain_loss))
