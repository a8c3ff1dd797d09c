"""Costs of operators, and the counts that other projects publish."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from netinspect.records.polynomial import add
from netinspect.records.steps import Step
from netinspect.records.trace import Trace
from netinspect.records.values import Literal, tensors_in
from netinspect.records.work import PRODUCTS, Cost, CostExpressions, Work, WorkExpressions

_FVCORE_ACTIVATIONS = ("matrix_product", "convolution", "attention")


def cost_of(work: Iterable[Work]) -> Cost:
    """Add up the work of operators."""
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
    """Add up the work of operators in the symbols of the trace."""
    everything = [expressions for _, expressions in work]
    products = [expressions for each, expressions in work if each.kind in PRODUCTS]
    others = [expressions for each, expressions in work if each.kind not in PRODUCTS]
    return CostExpressions(
        macs=add(each.macs for each in everything),
        flops=add(each.flops for each in products),
        other_flops=add(each.flops for each in others),
        activations=add(each.elements for each in products),
        bytes_read=add(each.bytes_read for each in everything),
        bytes_written=add(each.bytes_written for each in everything),
    )


def cost_of_steps(steps: Iterable[Step]) -> Cost:
    """Add up the work of steps, without the work of the steps inside them."""
    return cost_of(work for step in steps for work in step.work)


def torchvision_macs(trace: Trace) -> int:
    """Count MACs like the `_ops` of torchvision's weights: only matrix products and convolutions."""
    return sum(
        each.macs or 0
        for step in trace.steps
        for each in step.work
        if each.kind in ("matrix_product", "convolution", "attention")
    )


def fvcore_macs(trace: Trace) -> int:
    """Count what fvcore, and with it timm's tables, calls FLOPs.

    These are the MACs of products, 5 for each normalized element (4 without a weight; 2 and 1 for a
    batch norm in eval mode), 1 for each output element of a nearest-neighbor upsampling, 4 for each of a
    bilinear one, and 1 for each input element of an adaptive average pooling. fvcore does not count
    recurrent kernels, nor convolutions with a string as padding.
    """
    return sum(_fvcore(each) for step in _fvcore_steps(trace) for each in step.work) + sum(
        map(_adaptive_pooling, trace.steps)
    )


def fvcore_activations(trace: Trace) -> int:
    """Count activations like fvcore and the `macts` of timm's tables: output elements of products."""
    return sum(
        each.elements
        for step in _fvcore_steps(trace)
        for each in step.work
        if each.kind in _FVCORE_ACTIVATIONS
    )


def _fvcore_steps(trace: Trace) -> Iterator[Step]:
    """Yield the steps without convolutions with a string as padding, which fvcore does not count."""
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
    """Return the count of an adaptive pooling, known by its name: torch may compute it as a mean."""
    if step.name != "adaptive_avg_pool2d" or step.kind != "function":
        return 0
    return sum(spec.elements for spec in tensors_in(step.inputs))
