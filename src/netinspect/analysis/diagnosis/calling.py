"""Explanations of invalid calls and of failures in the user's Python code."""

from __future__ import annotations

import re
from collections.abc import Sequence

from netinspect.analysis.diagnosis.call import Call, Explanation, Family
from netinspect.analysis.diagnosis.mismatch import Mismatch
from netinspect.analysis.diagnosis.wording import format_count, format_shape, format_tensor
from netinspect.records.values import Literal, Structure, TensorSpec, tensors_in

_TAKES = re.compile(
    r"(?:(\w+)\.)?forward\(\) takes (?:from (\d{1,18}) to )?(\d{1,18}) positional arguments? "
    r"but (\d{1,18}) (?:was|were)"
)
_MISSING = re.compile(r"(?:(\w+)\.)?forward\(\) missing (\d{1,18}) required [\w-]+ arguments?: (.+)")
_UNKNOWN = re.compile(r"(?:(\w+)\.)?forward\(\) got an unexpected keyword argument '(\w+)'")
_NO_TENSOR = re.compile(r"argument '(\w+)' \(position \d{1,18}\) must be Tensor, not ([\w.]+)")
_NO_COMBINATION = re.compile(r"received an invalid combination of arguments - got \((\w+),")
_FEW = re.compile(r"not enough values to unpack \(expected (?:at least )?(\d{1,18}), got (\d{1,18})\)")
_MANY = re.compile(r"too many values to unpack \(expected (\d{1,18})")
_SIZES = re.compile(r"[(\[]\d+(, \d+)*,?[)\]]")
_RECURRENT = ("RNN", "LSTM", "GRU")


def explain_arguments(call: Call) -> Explanation | None:
    """Explain arguments that do not match the signature of `forward`."""
    if call.step.kind != "module" or call.failure.type != "TypeError" or call.module is None:
        return None
    positions = sum(item.key.isdigit() for item in call.step.inputs.items)
    takes = _TAKES.search(call.message)
    known = (None, call.module.class_name, *call.module.bases)
    if takes is not None and takes[1] in known and int(takes[4]) == positions + 1:
        most, least = int(takes[3]) - 1, int(takes[2] or takes[3]) - 1
        wanted = f"{most}" if least == most else f"{least} to {most}"
        return _explain_call(call, f"takes {wanted} positional argument{'s' * (most != 1)}", positions)
    missing = _MISSING.search(call.message)
    if missing is not None and missing[1] in known:
        remedies = _missing_arguments(call, re.findall(r"'(\w+)'", missing[3]))
        return _explain_call(call, f"is missing {missing[3]}", positions, remedies)
    unknown = _UNKNOWN.search(call.message)
    if unknown is not None and unknown[1] in known:
        keys = {item.key for item in call.step.inputs.items}
        if unknown[2] in keys:
            return _explain_call(call, f"has no argument {unknown[2]!r}", positions)
    return None


def _missing_arguments(call: Call, names: list[str]) -> list[str]:
    """Suggest how to pass the arguments that the model itself lacks."""
    assert call.module is not None
    if call.module.path:
        return []
    inputs = call.trace.inputs
    value = inputs[0].value if len(inputs) == 1 else None
    if isinstance(value, Structure):
        if {*names} <= {item.key for item in value.items}:
            return ["pass the entries by name: model(**inputs), or input_data=inputs in netinspect"]
        if value.type in ("tuple", "list") and len(value.items) == len(names) + 1:
            return ["pass the values one by one: model(*inputs), or input_data=inputs in netinspect"]
    return [f"pass all arguments: model({', '.join([*(each.name for each in inputs), *names])})"]


def _explain_call(call: Call, wants: str, positions: int, remedies: Sequence[str] = ()) -> Explanation:
    assert call.module is not None
    named = [item.key for item in call.step.inputs.items if not item.key.isdigit()]
    given = f"{positions} positional" + (f" and {', '.join(named)} by name" if named else "")
    who = call.module.path or call.module.class_name
    remedies = [*remedies]
    if call.module.class_name == "Sequential" and positions > 1:
        remedies.append(
            "Sequential passes one value from layer to layer: write a module with its own forward"
        )
    return Explanation(
        f"{call.module.class_name}.forward {wants}; {who} was called with {given}",
        remedies=remedies,
        summary=f"{who} was called with the wrong arguments",
    )


def explain_no_tensor(call: Call) -> Explanation | None:
    """Explain a tuple, None or array passed to a layer that expects a tensor."""
    if call.failure.type != "TypeError" or call.step.kind != "module" or call.module is None:
        return None
    found = _NO_TENSOR.search(call.message)
    kind = found[2] if found is not None else None
    if found is None:
        other = _NO_COMBINATION.search(call.message)
        kind = other[1] if other is not None else None
    items = call.step.inputs.items
    if not call.module.library or not items or kind is None:
        return None
    value = items[0].value
    if isinstance(value, TensorSpec) or value.type not in (kind, kind.rpartition(".")[2]):
        return None
    if not isinstance(value, Structure):
        kind_text = f"a value of type {value.type}"
        if value.text == "None" or _SIZES.fullmatch(value.text):
            kind_text = value.text
        return Explanation(
            f"{call.display_name} expects a tensor, got {kind_text}", remedies=_made_tensor(value)
        )
    passed = [each for each in call.given if each.key[0] == items[0].key]
    layers = {producer.parent for each in passed for producer in call.producers(each)}
    count = format_count(len(value.items), "value")
    text = f"{call.display_name} expects a tensor, got a {value.type} of {count}"
    remedies = [f"pass one of them, such as x[{_first_key(value)}]{_sized(value)}"]
    for layer in (call.trace.steps[at] for at in layers if at is not None):
        if layer.name in _RECURRENT and layer.output == value:
            state = "(output, (h, c))" if layer.name == "LSTM" else "(output, h)"
            text += f"; {layer.module} ({layer.name}) returns {state}"
            remedies = [f"output, _ = self.{layer.module}(...)"]
    return Explanation(text, remedies=remedies)


def _made_tensor(value: Literal) -> list[str]:
    """Suggest how to make a tensor from the value."""
    if value.type == "ndarray":
        return ["torch.from_numpy(x)"]
    # Other tools accept an input size such as (1, 3, 224, 224).
    if _SIZES.fullmatch(value.text):
        return [f"pass a tensor of this size: torch.randn({value.text[1:-1].rstrip(',')})"]
    return []


def _first_key(value: Structure) -> str:
    return repr(value.items[0].key) if value.items and not value.items[0].key.isdecimal() else "0"


def _sized(value: Structure) -> str:
    first = value.items[0].value if value.items else None
    return f", which is {format_shape(first.shape)}" if isinstance(first, TensorSpec) else ""


def explain_unpacking(call: Call) -> Explanation | None:
    """Explain a line that unpacks more or fewer values than its call returned."""
    if call.step.kind != "module" or call.failure.type != "ValueError" or call.failure.place is None:
        return None
    few, many = _FEW.search(call.message), _MANY.search(call.message)
    if few is None and many is None:
        return None
    place = call.failure.place
    children = [step for step in call.trace.steps if step.parent == call.step.index]
    last = next((step for step in reversed(children) if step.output is not None), None)
    if last is None or last.source is None or not isinstance(last.output, Structure):
        return None
    if (last.source.file, last.source.line) != (place.file, place.line):
        return None
    values, expected = len(last.output.items), int((few or many)[1])  # type: ignore[index]
    if values == expected or (few is not None and values != int(few[2])):
        return None
    shapes = ", ".join(format_shape(spec.shape) for spec in list(tensors_in(last.output))[:4])
    more = ", ..." if values > 4 else ""
    return Explanation(
        f"the line unpacks {expected} values, but {last.name} returned {values}: {shapes}{more}",
        remedies=[f"use {values} names on the left"],
    )


def explain_size(call: Call) -> Explanation | None:
    """Explain a tensor of several values used as one, as in `if tensor` or `tensor.item()`."""
    given = call.tensor("0")
    if given is None or call.name not in ("bool", "item", "int", "float", "index"):
        return None
    if given.spec.elements < 2:
        return None
    needs, remedy = f"{call.name}() needs one", "use .tolist() for all values, or index one"
    if call.name == "bool":
        needs = "a condition needs one"
        remedy = "use (...).any(), (...).all(), or torch.where for each value"
    return Explanation(
        f"{format_shape(given.shape)} has {given.spec.elements} values, but {needs}",
        [Mismatch("tensor", "scalar", format_tensor(given.shape), given.whole())],
        [remedy],
    )


FAMILY = Family(
    functions=dict.fromkeys(("bool", "item", "int", "float", "index"), explain_size),
    any_call=(explain_arguments, explain_no_tensor, explain_unpacking),
)
