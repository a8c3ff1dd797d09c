"""Dtype and range of inputs of which the user gave only the sizes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress

from torch import nn

from netinspect.analysis.diagnosis.call import Call
from netinspect.analysis.diagnosis.mismatch import Mismatch
from netinspect.analysis.diagnosis.table import mismatches
from netinspect.errors import UsageError
from netinspect.inputs.declared import OWN_EXAMPLE, declared_example, live_example
from netinspect.inputs.request import InputRequest
from netinspect.inputs.signature import forward_names
from netinspect.inputs.spec import DTYPES, InputSpec, parse_spec
from netinspect.records.base import replace
from netinspect.records.trace import Trace, split_specs
from netinspect.tracing.model.members import find_module
from netinspect.tracing.safe_access import attribute, is_a

Spec = tuple[InputSpec, str]
"""A spec and its origin."""

_TABLES = (nn.Embedding, nn.EmbeddingBag)


def inherit(
    given: Sequence[Spec], model: nn.Module, inputs: InputRequest, target: str | None, *, training: bool
) -> list[Spec]:
    """Return given specs with the dtype and range that are known, where only sizes were given.

    They are known from an earlier run (`InputRequest.expected`, `start`), from the model's own example
    or from its library.

    Args:
        given: Specs, each with its origin.
        model: The live module.
        inputs: The request.
        target: The target string.
        training: Whether forward runs in train mode.
    """
    names = forward_names(model, inputs.call)
    known: dict[str, Spec] = {}
    for name, spec, reason in _known(model, inputs, target, training=training):
        known.setdefault(name, (spec, reason))
    completed = names.complete(spec.name for spec, _ in given)
    return [
        _inherited(spec, origin, known.get(name))
        for name, (spec, origin) in zip(completed, given, strict=True)
    ]


def _inherited(spec: InputSpec, origin: str, known: Spec | None) -> Spec:
    if known is None or not spec.only_sizes or known[0].literal:
        return spec, origin
    source, reason = known
    low, high = source.low, source.high
    if source.values:
        low, high = min(source.values), max(source.values)
    if source.dtype == spec.dtype and low is None:
        return spec, origin
    kind = replace(source, name=None, shape=(), low=low, high=high, values=(), listed=0)
    text = str(kind).removeprefix("scalar:")
    filled = replace(spec, dtype=source.dtype, low=low, high=high)
    return filled, f"{origin}; {text}: {reason}"


def _known(
    model: nn.Module, inputs: InputRequest, target: str | None, *, training: bool
) -> Iterator[tuple[str, InputSpec, str]]:
    yield from inputs.expected
    names = forward_names(model, inputs.call)
    for index, (texts, reason) in enumerate(inputs.start):
        for spec in _parsed(split_specs(texts)):
            yield spec.name or names.at(index), spec, reason
    own = declared_example(model, inputs.call)
    for index, spec in enumerate(_parsed(own)):
        yield spec.name or names.at(index), spec, OWN_EXAMPLE
    if own:
        return
    if (example := live_example(model, inputs.call)) is not None:
        for argument in example:
            for spec in _parsed(argument.record.specs):
                yield argument.record.name, spec, argument.record.origin
        return
    # Imported here: models with an example do not need inference.
    from netinspect.inputs.infer.from_libraries import known_inputs
    from netinspect.inputs.infer.model_facts import read_facts

    for name, guess in known_inputs(
        read_facts(model, training=training, call=inputs.call), target
    ).items():
        yield name, guess.spec, guess.reason


def _parsed(texts: Iterable[str]) -> Iterator[InputSpec]:
    for text in texts:
        with suppress(UsageError):  # a wrong example is reported where it is used
            yield parse_spec(text)


def infer_dtypes(model: nn.Module, inputs: InputRequest, trace: Trace) -> InputRequest | None:
    """Return a request with what a failed call expects of inputs that are given by sizes only.

    A call fails at the first wrong input, so another run may show what the next one lacks.

    Args:
        model: The live module.
        inputs: The request of the failed run.
        trace: The trace of that run.

    Returns:
        None if the failure has another cause, if the user gave the dtypes, or if nothing new is known.
    """
    failure = trace.failure
    names = forward_names(model, inputs.call).complete(spec.name for spec in inputs.specs)
    bare = [name for name, spec in zip(names, inputs.specs, strict=True) if spec.only_sizes]
    if failure is None or failure.step is None or failure.phase != "forward" or not bare:
        return None
    step = trace.steps[failure.step]
    found: list[tuple[str, InputSpec, str]] = []
    for each in mismatches(Call(trace, step, failure)):
        expected = _expected(each, model, step.module)
        if expected is None:
            continue
        where = step.module or "the model"
        reason = each.requirement if each.kind == "range" else f"{where} expects {each.expected}"
        found += [(name, expected, reason) for name in each.sources if name in bare]
    new = [entry for entry in found if entry not in inputs.expected]
    return replace(inputs, expected=(*new, *inputs.expected)) if new else None


def _expected(mismatch: Mismatch, model: nn.Module, path: str) -> InputSpec | None:
    """Return the dtype and range that a mismatch expects; None if it is about something else."""
    if mismatch.kind == "dtype" and mismatch.expected in DTYPES:
        return _of_layer(model, path, str(mismatch.expected))
    if mismatch.kind == "range" and isinstance(mismatch.expected, str):
        low, high = map(int, mismatch.expected.split(".."))
        return InputSpec(name=None, shape=(1,), dtype="int64", low=low, high=high)
    return None


def _of_layer(model: nn.Module, path: str, dtype: str) -> InputSpec:
    """Return a spec of the dtype, with the range of indices if the layer is an embedding."""
    if dtype != "int64":
        return InputSpec(name=None, shape=(1,), dtype=dtype, typed=dtype == "float32")
    layer = find_module(model, path)
    rows = attribute(layer, "num_embeddings", 2) if is_a(layer, _TABLES) else 2
    high = rows - 1 if type(rows) is int and rows > 0 else 1
    return InputSpec(name=None, shape=(1,), dtype=dtype, low=0, high=high)
