"""Explanations of a missing batch dimension.

Convolutions accept an unbatched image, so the failure comes only in a later layer.
"""

from __future__ import annotations

from math import prod

from netinspect.analysis.diagnosis.call import Call, Explanation, input_of
from netinspect.analysis.diagnosis.convolution import SPATIAL
from netinspect.analysis.diagnosis.linear import before_flatten
from netinspect.analysis.diagnosis.mismatch import Mismatch
from netinspect.analysis.diagnosis.wording import format_shape, format_spec, integer_sizes
from netinspect.records.trace import Input
from netinspect.records.values import TensorSpec, tensors_in

_NORMS = tuple(f"BatchNorm{dimensions}d" for dimensions in (1, 2, 3))


def explain_missing_batch(call: Call) -> Explanation | None:
    """Explain a missing batch dimension if the failed call would accept the input with it."""
    found = _unbatched(call)
    if found is None:
        return None
    source, spec, taker = found
    if not _fits_with_batch(call, source, spec):
        return None
    name = source.name if source.name.isidentifier() else "the input"
    return Explanation(
        f"{name} has {len(spec.shape)} dimensions, so {taker} treated {format_shape(spec.shape)} as one "
        f"example without a batch dimension; the model expects a batch: "
        f"N x {' x '.join(map(str, spec.shape))}",
        [Mismatch("rank", len(spec.shape) + 1, len(spec.shape))],
        [f"add the batch dimension: {_batched(source, spec)}"],
    )


def suggest_batch(call: Call) -> str | None:
    """Suggest a batch dimension if an unbatched image may have caused the failure."""
    found = _unbatched(call)
    if found is None or call.name in SPATIAL:
        return None
    source, spec, _ = found
    name = source.name if source.name.isidentifier() else "the input"
    return f"if {name} lacks its batch dimension: {_batched(source, spec)}"


def _batched(source: Input, spec: TensorSpec) -> str:
    return f"--input {format_spec(source, 'x'.join(map(str, (1, *spec.shape))))}"


def _unbatched(call: Call) -> tuple[Input, TensorSpec, str] | None:
    """Return the input that the first convolution or pooling read as one example, and that layer."""
    for earlier in call.trace.steps[: call.step.index]:
        dimensions = SPATIAL.get(earlier.name)
        if dimensions is None or earlier.output is None:
            continue
        spec = next(tensors_in(earlier.inputs), None)
        source = input_of(call.trace, earlier.input_origins[0], spec) if spec is not None else None
        if spec is None or source is None or len(spec.shape) != dimensions + 1:
            return None
        return source, spec, earlier.module or earlier.name
    return None


def _fits_with_batch(call: Call, source: Input, spec: TensorSpec) -> bool:
    """Return whether the call would accept its input with a batch dimension."""
    if call.name in SPATIAL:
        return False
    if call.step.kind == "function" and _example_has_batch(call, source, spec):
        return True
    if call.name in _NORMS:
        given = call.given[0] if call.given else None
        return given is not None and given.rank == int(call.name[-2]) + 1 and given.rank > 2
    if call.name == "linear":
        weight, before = call.tensor("1", "weight"), _map_before(call)
        return weight is not None and weight.rank == 2 and before == weight.shape[1]
    if call.name in ("view", "reshape"):
        given, sizes = call.tensor("0", "input", "self"), call.sizes("size", 1)
        known = integer_sizes(given.shape) if given is not None else None
        return (
            known is not None
            and sizes is not None
            and len(sizes) == 2
            and sizes[0] == known[0]
            and sizes[1] == prod(known)
        )
    return False


def _example_has_batch(call: Call, source: Input, spec: TensorSpec) -> bool:
    """Return whether the model's own example has one more dimension than the input."""
    for text in call.trace.example:
        name, _, rest = text.rpartition("=")
        if name in ("", source.name):
            return rest.partition(":")[0].count("x") == len(spec.shape)
    return False


def _map_before(call: Call) -> int | None:
    """Return the number of elements of the feature map that was flattened before a linear layer."""
    before = before_flatten(call)
    if before is None:
        return None
    sizes = integer_sizes(before[1].shape)
    return prod(sizes) if sizes is not None else None
