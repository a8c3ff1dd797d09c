"""Why `forward` failed: the place, the operands, the arithmetic that does not work out, the mend."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import prod
from typing import NamedTuple

from netinspect.records.reports.common import Diagnosis, Operand
from netinspect.records.steps import Failure, Step
from netinspect.records.trace import Input, Trace
from netinspect.records.values import TensorSpec, tensors_in

Shape = tuple[int | str, ...]


class Explanation(NamedTuple):
    """What is known beyond torch's own message."""

    text: str
    remedies: list[str]
    wrong: dict[str, tuple[int, ...]]
    """Positions of the sizes that do not fit, by operand."""

    size_helps: bool = True
    """Whether an input of another size is a mend, and not a coincidence."""


def diagnose(trace: Trace) -> Diagnosis | None:
    """Explain the failure of a trace; None where forward did not fail."""
    failure = trace.failure
    if failure is None:
        return None
    step = trace.steps[failure.step] if failure.step is not None else None
    operands = _operands(trace, step) if step is not None else {}
    explanation = _explain(trace, step, operands) if step is not None else None
    remedies = list(explanation.remedies) if explanation else []
    if failure.type == "NotImplementedError" and 'required "forward"' in failure.message:
        remedies.append(f"write a forward method in {trace.class_name}")
    if failure.working_inputs and (explanation is None or explanation.size_helps):
        specs = " to ".join(f"--input {spec}" for spec in failure.working_inputs)
        remedies.append(f"an input of another size; tried, and passes: {specs}")
    given = [entry.spec for entry in trace.inputs]
    if trace.example and list(trace.example) != given and failure.phase == "forward":
        specs = " ".join(f"--input {spec}" for spec in trace.example)
        remedies.append(f"the model's own example: {specs}")
    wrong = explanation.wrong if explanation else {}
    return Diagnosis(
        summary=_summarize(trace, failure, step),
        phase=failure.phase,
        exception=failure.type,
        message=failure.message,
        place=failure.place,
        path=tuple(_path(trace, failure)),
        operands=tuple(
            Operand(name=name, spec=spec, wrong=wrong.get(name, ())) for name, spec in operands.items()
        ),
        explanation=explanation.text if explanation else None,
        remedies=tuple(remedies),
    )


def _summarize(trace: Trace, failure: Failure, step: Step | None) -> str:
    if failure.phase == "backward":
        return f"the backward of {trace.class_name} failed"
    where = failure.module or trace.class_name
    if step is None:
        return f"{where} failed in its own Python code"
    module = next((each for each in trace.modules if each.path == step.module), None)
    if module is not None and module.library and module.path:
        return f"{module.path} ({module.class_name}) failed in {step.name}"
    return f"{step.name} failed in the forward of {where}"


def _path(trace: Trace, failure: Failure) -> Iterator[str]:
    classes = {module.path: module.class_name for module in trace.modules}
    yield trace.class_name
    parts = failure.module.split(".") if failure.module else []
    for end in range(1, len(parts) + 1):
        path = ".".join(parts[:end])
        yield f"{path} ({classes.get(path, '?')})"


def _operands(trace: Trace, step: Step) -> dict[str, TensorSpec]:
    """Name the tensors of a failing call by what they are in the model."""
    names = list(step.parameters)
    known = {entry.name: entry.spec for entry in trace.parameters}
    known |= {entry.name: entry.spec for entry in trace.buffers}
    operands: dict[str, TensorSpec] = {}
    position = 0
    for item in step.inputs.items:
        for spec in tensors_in(item.value):
            name = next((each for each in names if known.get(each) == spec), None)
            if name is not None:
                names.remove(name)
            else:
                name = "input" if position == 0 else f"input {position + 1}"
                position += 1
            operands[name] = spec
    return operands


# --- explanations, one a kind of call ------------------------------------------------------------


def _explain(trace: Trace, step: Step, operands: dict[str, TensorSpec]) -> Explanation | None:
    unbatched = _explain_missing_batch(trace, step)
    if unbatched is not None:
        return unbatched
    explain = _EXPLANATIONS.get(step.name)
    return explain(trace, step, operands) if explain is not None else None


def _explain_missing_batch(trace: Trace, step: Step) -> Explanation | None:
    """An image without its batch dimension passes convolutions, and fails only after a flatten."""
    for earlier in trace.steps[: step.index]:
        dimensions = _SPATIAL.get(earlier.name)
        if dimensions is None or earlier.output is None:
            continue
        spec = next(tensors_in(earlier.inputs), None)
        source = _as_input(trace, spec)
        if spec is None or source is None or len(spec.shape) != dimensions + 1:
            return None
        batched = "x".join(map(str, (1, *spec.shape)))
        return Explanation(
            f"{source.name} has {len(spec.shape)} dimensions, so {earlier.module or earlier.name} "
            f"took {_sizes(spec.shape)} for one example without a batch dimension, and everything "
            f"after it is off by one; the model wants batches: N x {' x '.join(map(str, spec.shape))}",
            [f"add the batch dimension: --input {_named(source, batched)}"],
            {},
        )
    return None


def _explain_linear(trace: Trace, step: Step, operands: dict[str, TensorSpec]) -> Explanation | None:
    weight = _parameter(operands, "weight", dimensions=2)
    given = operands.get("input")
    if weight is None or given is None or not given.shape:
        return None
    (_, weight_spec), features = weight, given.shape[-1]
    outputs, wanted = weight_spec.shape
    if features == wanted:
        return None
    flattening = _explain_flattening(trace, step, given, wanted)
    if flattening is not None:
        return flattening
    text = f"{step.module} wants {wanted} features in the last dimension and was given {features}"
    remedies = []
    before = _before_flatten(trace, step)
    if before is not None:
        flatten, spec = before
        channels, *spatial = spec.shape[1:]
        text += f" = {' * '.join(map(str, spec.shape[1:]))}, which {flatten.name} made of "
        text += _sizes(spec.shape)
        if isinstance(wanted, int) and isinstance(channels, int) and wanted % channels == 0:
            text += f"; {wanted} = {channels} * {_factors(wanted // channels, len(spatial))}"
        remedies.append(f"for this input size: {step.module} = Linear({features}, {outputs})")
    else:
        remedies.append(f"{step.module} = Linear({features}, {outputs}), or {wanted} input features")
    return Explanation(text, remedies, {"input": (len(given.shape) - 1,), weight[0]: (1,)})


def _explain_flattening(
    trace: Trace, step: Step, given: TensorSpec, wanted: int | str
) -> Explanation | None:
    """A flatten that took the batch dimension in, or that was forgotten."""
    sizes = [size for size in given.shape if isinstance(size, int)]
    if len(sizes) == 1:
        for index in step.producers:
            before = next(tensors_in(trace.steps[index].inputs), None)
            if before is not None and len(before.shape) > 1 and before.elements == sizes[0]:
                name, batch = trace.steps[index].name, before.shape[0]
                return Explanation(
                    f"{name} made {_sizes(given.shape)} of {_sizes(before.shape)}: it merged the batch "
                    f"dimension of {batch} with the features",
                    ["keep the batch dimension: torch.flatten(x, 1)"],
                    {"input": (0,)},
                    size_helps=False,
                )
    elif len(sizes) > 2 and prod(sizes[1:]) == wanted:
        return Explanation(
            f"{step.module} wants {wanted} features in the last dimension, and {wanted} = "
            f"{' * '.join(map(str, sizes[1:]))}: {_sizes(given.shape)} was not flattened",
            [f"flatten before {step.module}: torch.flatten(x, 1)"],
            {"input": tuple(range(1, len(sizes)))},
            size_helps=False,
        )
    return None


def _explain_convolution(
    trace: Trace, step: Step, operands: dict[str, TensorSpec]
) -> Explanation | None:
    dimensions = _SPATIAL[step.name]
    weight = _parameter(operands, "weight", dimensions=dimensions + 2)
    given = operands.get("input")
    if weight is None or given is None:
        return None
    weight_name, spec = weight
    kernel = spec.shape[2:]
    if len(given.shape) not in (dimensions + 1, dimensions + 2):
        sizes = "N x C x " + " x ".join("DHW"[3 - dimensions :] if dimensions > 1 else "L")
        return Explanation(
            f"{step.module} wants {sizes}, that is {dimensions + 2} dimensions, and was given "
            f"{len(given.shape)}: {_sizes(given.shape)}",
            [],
            {"input": tuple(range(len(given.shape)))},
        )
    position = len(given.shape) - dimensions - 1
    channels = given.shape[position]
    groups = _groups(step)
    wanted = spec.shape[0] if "transpose" in step.name else _times(spec.shape[1], groups)
    if channels != wanted:
        remedies = []
        source = _as_input(trace, given)
        if source is not None:
            sizes = "x".join(
                str(wanted if index == position else size) for index, size in enumerate(given.shape)
            )
            remedies.append(f"--input {_named(source, sizes)}")
        remedies.append(f"for this input: {step.module} with {channels} input channels")
        return Explanation(
            f"{step.module} wants {wanted} channel{'s' if wanted != 1 else ''} in dimension "
            f"{position} and was given {channels}: {_sizes(given.shape)}",
            remedies,
            # A transposed convolution keeps its input channels first in the weight.
            {"input": (position,), weight_name: (0 if "transpose" in step.name else 1,)},
        )
    small = tuple(
        index
        for index, (size, least) in enumerate(
            zip(given.shape[position + 1 :], kernel, strict=True), start=position + 1
        )
        if isinstance(size, int) and isinstance(least, int) and size < least
    )
    if small:
        return Explanation(
            f"{step.module} has a kernel of {' x '.join(map(str, kernel))}, larger than the "
            f"{' x '.join(map(str, given.shape[position + 1 :]))} that is left of the input there",
            ["a larger input, more padding, or fewer strides and poolings before it"],
            {"input": small},
        )
    return None


def _explain_pooling(trace: Trace, step: Step, operands: dict[str, TensorSpec]) -> Explanation | None:
    given = operands.get("input")
    if given is None or "too small" not in (trace.failure.message if trace.failure else ""):
        return None
    spatial = given.shape[-_SPATIAL[step.name] :]
    return Explanation(
        f"nothing is left to pool: {step.name} was given {' x '.join(map(str, spatial))}",
        ["a larger input, or fewer strides and poolings before it"],
        {"input": tuple(range(len(given.shape) - len(spatial), len(given.shape)))},
    )


def _explain_embedding(trace: Trace, step: Step, operands: dict[str, TensorSpec]) -> Explanation | None:
    weight = _parameter(operands, "weight", dimensions=2)
    given = operands.get("input")
    if weight is None or given is None:
        return None
    rows = weight[1].shape[0]
    source = _as_input(trace, given)
    sizes = "x".join(map(str, given.shape))
    limit = rows - 1 if isinstance(rows, int) else rows
    remedy = [f"--input {_named(source, sizes)}:int64:0..{limit}"] if source else []
    if "int" not in given.dtype:
        return Explanation(
            f"{step.module} looks up rows by integer index, and was given {given.dtype}", remedy, {}
        )
    return Explanation(
        f"{step.module} has {rows} rows, so indices go from 0 to {limit}; one that it was given "
        "is outside",
        remedy,
        {weight[0]: (0,)},
    )


_SPATIAL = {
    f"{name}{dimensions}d": dimensions
    for name in ("conv", "conv_transpose", "max_pool", "avg_pool")
    for dimensions in (1, 2, 3)
}

_EXPLANATIONS: dict[str, Callable[[Trace, Step, dict[str, TensorSpec]], Explanation | None]] = {
    "linear": _explain_linear,
    "embedding": _explain_embedding,
    **{name: _explain_convolution for name in _SPATIAL if name.startswith("conv")},
    **{name: _explain_pooling for name in _SPATIAL if "pool" in name},
}


# --- the arithmetic ------------------------------------------------------------------------------


def _parameter(
    operands: dict[str, TensorSpec], name: str, *, dimensions: int
) -> tuple[str, TensorSpec] | None:
    for key, spec in operands.items():
        if key.rpartition(".")[2].startswith(name) and len(spec.shape) == dimensions:
            return key, spec
    return None


def _before_flatten(trace: Trace, step: Step) -> tuple[Step, TensorSpec] | None:
    """The view, reshape or flatten that made a call's input from feature maps, and those maps."""
    for index in step.producers:
        producer = trace.steps[index]
        if producer.name in ("view", "reshape", "flatten"):
            spec = next(tensors_in(producer.inputs), None)
            made = next(tensors_in(producer.output), None)
            if spec is None or made is None or not made.shape or len(spec.shape) < 3:
                return None
            if all(isinstance(size, int) for size in spec.shape[1:]) and made.shape[-1] == prod(
                size for size in spec.shape[1:] if isinstance(size, int)
            ):
                return producer, spec
    return None


def _factors(number: int, dimensions: int) -> str:
    """Spell a number as a product of equal sizes where it is one, as `4 * 4`."""
    side = round(number ** (1 / dimensions)) if dimensions else 0
    return " * ".join([str(side)] * dimensions) if side**dimensions == number else str(number)


def _groups(step: Step) -> int:
    """The groups of a convolution: its seventh argument, or by name."""
    for item in step.inputs.items:
        if item.key in ("6", "groups") and getattr(item.value, "type", "") == "int":
            return int(getattr(item.value, "text", "1"))
    return 1


def _times(size: int | str, factor: int) -> int | str:
    return size * factor if isinstance(size, int) else size


def _as_input(trace: Trace, spec: TensorSpec | None) -> Input | None:
    """The model's own input that a tensor is, judged by its specification."""
    return next((entry for entry in trace.inputs if entry.value == spec), None)


def _named(source: Input, sizes: str) -> str:
    return f"{source.name}={sizes}" if source.name.isidentifier() else sizes


def _sizes(shape: Shape) -> str:
    return f"({', '.join(map(str, shape))})"
