"""Table of the families of explanations, and the order in which they are tried on a failed call."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from netinspect.analysis.diagnosis import (
    attention,
    axis_patterns,
    broadcasting,
    calling,
    conditions,
    convolution,
    joining,
    linear,
    lookups,
    losses,
    matrices,
    normalization,
    recurrent,
    reshaping,
)
from netinspect.analysis.diagnosis.batching import explain_missing_batch, suggest_batch
from netinspect.analysis.diagnosis.call import Call, Explain, Explanation
from netinspect.analysis.diagnosis.dtype_device import (
    explain_device,
    explain_dtype,
    explain_missing_device,
)
from netinspect.analysis.diagnosis.fixed_sizes import with_makers
from netinspect.analysis.diagnosis.messages import reported_mismatches
from netinspect.analysis.diagnosis.mismatch import Mismatch
from netinspect.analysis.diagnosis.splitting import explain_parts, split_before
from netinspect.analysis.diagnosis.wording import format_shape

FAMILIES = (
    attention.FAMILY,
    broadcasting.FAMILY,
    conditions.FAMILY,
    axis_patterns.FAMILY,
    calling.FAMILY,
    convolution.FAMILY,
    joining.FAMILY,
    linear.FAMILY,
    lookups.FAMILY,
    losses.FAMILY,
    matrices.FAMILY,
    normalization.FAMILY,
    recurrent.FAMILY,
    reshaping.FAMILY,
)

_FUNCTIONS = {name: explain for each in FAMILIES for name, explain in each.functions.items()}
_LAYERS = {
    name: explain
    for each in FAMILIES
    for name, explain in (*each.layers.items(), *each.layers_first.items())
}
_LAYERS_FIRST = frozenset(name for each in FAMILIES for name in each.layers_first)
_ANY_CALL = tuple(explain for each in FAMILIES for explain in each.any_call)


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
                return candidate, _of_the_model(candidate, found)
    return None


def _of_the_model(call: Call, found: Explanation) -> Explanation:
    """Add that no input size helps, if parameters alone determine sizes that do not match."""
    fixed = [with_makers(call, each).makers for each in found.mismatches]
    makers = next(filter(None, fixed), ())
    if not makers:
        return found
    verb = "determine these sizes" if len(makers) > 1 else "determines this size"
    text = f"{found.text}; {' and '.join(makers)} {verb}, so no input size helps"
    return dataclasses.replace(found, text=text, size_helps=False, input_helps=False)


def mismatches(call: Call) -> tuple[Mismatch, ...]:
    """Return what a failed call expected: by all of its explanations, then by the error message.

    Of kinds that an explanation has, those in the message are left out.
    """
    shapes = " and ".join(format_shape(each.shape) for each in call.given[:2])
    requirement = f"{call.name} of {shapes} in {call.place}"
    found = [
        with_makers(candidate, mismatch)._replace(
            requirement=mismatch.requirement or requirement,
            sources=mismatch.sources or candidate.sources(mismatch.marks),
        )
        for candidate in _candidates(call)
        for each in _explanations(candidate)
        if (explanation := each(candidate)) is not None
        for mismatch in explanation.mismatches
    ]
    known = {each.kind for each in found}
    found += [
        each._replace(requirement=f"{call.place} expects {each.expected}")
        for each in reported_mismatches(call.message)
        if each.kind not in known
    ]
    return tuple(found)


def suggestions(call: Call) -> list[str]:
    """Return remedies that may help but are not proven."""
    suggestion = suggest_batch(call)
    return [] if suggestion is None else [suggestion]


def _candidates(call: Call) -> Iterator[Call]:
    """Yield the call and the torch layer around it, the more informative one first.

    Code that cannot unpack the parts of a tensor failed in no call; the call that made them comes first.
    """
    if (split := split_before(call)) is not None:
        yield split
    layer = call.whole_module()
    if layer is call or layer.module is None or not layer.module.library:
        yield call
    elif layer.module.class_name in _LAYERS_FIRST:
        yield layer
        yield call
    else:
        yield call
        yield layer


def _explanations(call: Call) -> Iterator[Explain]:
    yield explain_missing_device
    yield explain_device
    yield explain_dtype
    # A symbolic size, as in a jagged tensor, has no value to compare.
    if any(not isinstance(size, int) for given in call.given for size in given.shape):
        return
    yield explain_missing_batch
    if call.step.kind == "function":
        if call.step.index != call.failure.step:  # code after it failed
            yield explain_parts
        elif call.name in _FUNCTIONS:
            yield _FUNCTIONS[call.name]
    elif call.module is not None and call.module.library and call.module.class_name in _LAYERS:
        yield _LAYERS[call.module.class_name]
    yield from _ANY_CALL
