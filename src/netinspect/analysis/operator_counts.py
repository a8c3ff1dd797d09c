"""Sums of work, and the counts that others publish made of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from netinspect.records.polynomial import add
from netinspect.records.steps import Step
from netinspect.records.trace import Trace
from netinspect.records.values import Literal, tensors_in
from netinspect.records.work import PRODUCTS, Cost, CostExpressions, Work, WorkExpressions

_FVCORE_ACTIVATIONS = ("matrix_product", "convolution", "attention")


def cost_of(work: Iterable[Work]) -> Cost:
    """Add work up."""
    macs = flops = other = activations = read = written = uncounted = uncounted_flops = 0
    symbolic: list[tuple[Work, WorkExpressions]] = []
    for each in work:
        if each.expressions is not None:
            symbolic.append((each, each.expressions))
        if each.kind in PRODUCTS:
            flops += each.flops or 0
            activations += each.elements
        else:
            other += each.flops or 0
        macs += each.macs or 0
        read += each.bytes_read
        written += each.bytes_written
        if each.macs is None:
            uncounted += each.calls
        if each.flops is None:
            uncounted_flops += each.calls
    return Cost(
        macs=macs,
        flops=flops,
        other_flops=other,
        activations=activations,
        bytes_read=read,
        bytes_written=written,
        uncounted=uncounted,
        uncounted_flops=uncounted_flops,
        expressions=_expressions(symbolic) if symbolic else None,
    )


def _expressions(work: list[tuple[Work, WorkExpressions]]) -> CostExpressions:
    """Add the same up in the symbols of the trace."""
    products = [told for each, told in work if each.kind in PRODUCTS]
    others = [told for each, told in work if each.kind not in PRODUCTS]
    return CostExpressions(
        macs=add(told.macs for _, told in work),
        flops=add(told.flops for told in products),
        other_flops=add(told.flops for told in others),
        activations=add(told.elements for told in products),
        bytes_read=add(told.bytes_read for _, told in work),
        bytes_written=add(told.bytes_written for _, told in work),
    )


def cost_of_steps(steps: Iterable[Step]) -> Cost:
    """Add up the work of steps, without that of the steps within them."""
    return cost_of(work for step in steps for work in step.work)


def torchvision_macs(trace: Trace) -> int:
    """Count as the `_ops` of torchvision's weights do: matrix products and convolutions alone."""
    return sum(
        each.macs or 0
        for step in trace.steps
        for each in step.work
        if each.kind in ("matrix_product", "convolution", "attention")
    )


def fvcore_macs(trace: Trace) -> int:
    """Count as fvcore does, and so timm's tables: what it calls FLOPs.

    MACs of products, 5 for each element that is normalized (4 without a weight; 2 and 1 for a batch
    norm in eval mode), 1 for each that a nearest upsampling gives out and 4 for a bilinear one, 1 for
    each that an adaptive average pooling takes in. It knows of no recurrent kernel, and of no
    convolution that is padded by a word.
    """
    return sum(_fvcore(each) for step in _fvcore_steps(trace) for each in step.work) + sum(
        map(_adaptive_pooling, trace.steps)
    )


def fvcore_activations(trace: Trace) -> int:
    """Count as fvcore does, and so the `macts` of timm's tables: elements that products give out."""
    return sum(
        each.elements
        for step in _fvcore_steps(trace)
        for each in step.work
        if each.kind in _FVCORE_ACTIVATIONS
    )


def _fvcore_steps(trace: Trace) -> Iterator[Step]:
    """The steps without those that run an operator which fvcore has under another name."""
    for step in trace.steps:
        words = {item.value.text for item in step.inputs.items if isinstance(item.value, Literal)}
        if not (step.name.startswith("conv") and words & {"'same'", "'valid'"}):
            yield step


def _fvcore(work: Work) -> int:
    if work.kind in _FVCORE_ACTIVATIONS:
        return work.macs or 0
    if work.kind == "normalization" and "rms_norm" not in work.operator:
        return work.flops or 0
    if work.operator == "aten.upsample_nearest2d":
        return work.elements
    if work.operator == "aten.upsample_bilinear2d":
        return work.flops or 0
    return 0


def _adaptive_pooling(step: Step) -> int:
    """To one value, torch computes it as a mean: only the function's name reports."""
    if step.name != "adaptive_avg_pool2d" or step.kind != "function":
        return 0
    return sum(spec.elements for spec in tensors_in(step.inputs))
