"""Traces of all samples and odd models, each traced once."""

from __future__ import annotations

import functools

import netinspect
from netinspect.records.trace import Trace
from netinspect.targets.samples import sample_names
from tests.nets.every import CASES

SAMPLES = tuple(sample_names())
ODD = tuple(case.name for case in CASES)


@functools.cache
def trace_of(name: str) -> Trace:
    """Return the trace of a sample or odd model, with its source."""
    if name in SAMPLES:
        return netinspect.load(name, code=True)
    return next(case for case in CASES if case.name == name).capture(code=True)


@functools.cache
def unique_parameters(name: str) -> tuple[int, int]:
    """Return elements and bytes of a model's parameters, by torch's own list of unique ones."""
    if name in SAMPLES:
        from netinspect.targets.target import parse_target
        from tests.support import build_module

        model = build_module(parse_target(name), {}, seed=0)
    else:
        model = next(case for case in CASES if case.name == name).model()
    # Different Parameter objects on one storage are one tensor too; torch lists them as two.
    unique = {
        (
            tensor.untyped_storage().data_ptr(),
            tensor.storage_offset(),
            tuple(sorted(zip(tensor.stride(), tensor.shape, strict=True))),
        ): tensor
        for tensor in model.parameters()
        if not isinstance(tensor, _UNINITIALISED)
    }
    return (
        sum(tensor.numel() for tensor in unique.values()),
        sum(tensor.numel() * tensor.element_size() for tensor in unique.values()),
    )


def _uninitialised() -> type:
    from torch.nn.parameter import UninitializedParameter

    return UninitializedParameter


_UNINITIALISED = _uninitialised()
