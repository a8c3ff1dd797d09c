"""Diagnosis of a failed `forward`: location, operands, explanation and remedies."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from netinspect.analysis.diagnosis.code_faults import is_code_fault
from netinspect.analysis.diagnosis.mismatch import merge_marks
from netinspect.analysis.diagnosis.uninferred import uninferred_hint
from netinspect.errors import shorten
from netinspect.records.report_header import Diagnosis, Operand
from netinspect.records.steps import Failure, Step
from netinspect.records.trace import Trace, split_specs
from netinspect.records.values import tensors_in

if TYPE_CHECKING:
    from netinspect.analysis.diagnosis.call import Call, Explanation

_MAX_RECENT_TENSORS = 3
"""Number of recent tensors to list if plain Python code failed."""

_OWN_EXAMPLE = "use the model's own example: "
"""Begin of a remedy."""


def diagnose(trace: Trace) -> Diagnosis | None:
    """Explain the failure of a trace, or return None if forward passed."""
    failure = trace.failure
    if failure is None:
        return None
    # Imported here because most traces have no failure.
    from netinspect.analysis.diagnosis.call import Call
    from netinspect.analysis.diagnosis.table import explain, suggestions

    step = trace.steps[failure.step] if failure.step is not None else None
    call = Call(trace, step, failure) if step is not None else None
    found = explain(call) if call is not None else None
    explained, explanation = found if found is not None else (call, None)
    remedies = list(explanation.remedies) if explanation else []
    if failure.working_unit and (explanation is None or explanation.size_helps):
        # Feature maps of several scales are joined, so the input size is the cause.
        remedies = list(_multiples(failure))
    if call is not None and "batch dimension" not in (explanation.text if explanation else ""):
        remedies += suggestions(call)
    remedies += _more_remedies(trace, failure, explanation)
    wrong = merge_marks(explanation.mismatches if explanation else ())
    return Diagnosis(
        summary=(explanation and explanation.summary) or _summarize(trace, failure, call),
        phase=failure.phase,
        exception=failure.type,
        message=shorten(failure.message),
        place=failure.place,
        columns=failure.columns,
        path=tuple(_path(trace, failure)),
        operands=tuple(
            Operand(name=each.name, spec=each.spec, wrong=wrong.get(each.name, ()))
            for each in (explained.given if explained is not None else ())
        ),
        made=tuple(_recent_tensors(trace, step)) if step is not None and explanation is None else (),
        explanation=explanation.text if explanation else None,
        remedies=tuple(_distinct(remedies)),
    )


def _distinct(remedies: Sequence[str]) -> Iterator[str]:
    """Yield remedies without the model's own example if another one has the same options."""
    options = {remedy for remedy in remedies if remedy.startswith("--")}
    for remedy in remedies:
        if not (remedy.startswith(_OWN_EXAMPLE) and remedy.removeprefix(_OWN_EXAMPLE) in options):
            yield remedy


def _more_remedies(trace: Trace, failure: Failure, explanation: Explanation | None) -> Iterator[str]:
    """Yield remedies beyond the explanation, such as another input or the model's example."""
    if failure.versions:
        yield failure.versions
    if failure.methods:
        first, *others = failure.methods
        also = f" (or {', '.join(others)})" if others else ""
        yield f"{trace.call} raises on purpose; run another method: --call {first}{also}"
    elif failure.missing:
        yield _missing_hint(failure.missing)
    elif is_code_fault(failure, {each.class_name for each in trace.modules}):
        if not explanation:
            yield f"correct the code of {failure.module or trace.class_name}: no other input avoids this"
    elif failure.repeats > 1 and (not explanation or explanation.input_helps):
        yield (
            f"correct the model: {failure.repeats} attempts with other input sizes failed in the same "
            "way (--explain-input lists them)"
        )
    elif trace.attempts and failure.phase == "forward" and (not explanation or explanation.input_helps):
        yield from uninferred_hint(trace)
    if failure.phase == "backward" and "requires a gradient" in failure.message:
        yield (
            "check for detach(), torch.no_grad(), item(), integer tensors and frozen "
            "parameters: none of "
            "these has a gradient"
        )
    is_near = failure.working_inputs and not failure.working_unit
    if is_near and (explanation is None or explanation.size_helps):
        specs = " to ".join(f"--input {spec}" for spec in failure.working_inputs)
        yield f"use another input size; these pass: {specs}"
    given = [entry.spec for entry in trace.inputs]
    is_other = list(trace.example) != given and (explanation is None or explanation.input_helps)
    if trace.example and is_other and failure.phase == "forward":
        specs = " ".join(f"--input {spec}" for spec in trace.example)
        yield f"{_OWN_EXAMPLE}{specs}"


def _multiples(failure: Failure) -> Iterator[str]:
    """Yield remedies for inputs whose sides must be a multiple of a number."""
    options = (
        " ".join(f"--input {spec}" for spec in split_specs(specs)) for specs in failure.working_inputs
    )
    yield (
        f"use an input whose sides are multiples of {failure.working_unit}; these pass: "
        f"{' and '.join(options)}"
    )
    yield "or resize one to the other: torch.nn.functional.interpolate(a, b.shape[2:])"


def _missing_hint(names: tuple[str, ...]) -> str:
    specs = " ".join(f"--input {name}=SIZES" for name in names)
    return (
        f"in train mode forward needs {' and '.join(names)}: pass all inputs and {specs}, such as "
        f"--input {names[0]}=2:int64:0..9 for two labels of ten classes; use --inputs-from for values "
        "that are not tensors"
    )


def _summarize(trace: Trace, failure: Failure, call: Call | None) -> str:
    if failure.phase == "backward":
        return f"the backward pass of {trace.class_name} failed"
    where = failure.module or trace.class_name
    if call is None:
        return f"{where} failed in its own Python code"
    module = call.module
    is_library = module is not None and module.library and bool(module.path)
    layer = f"{module.path} ({module.class_name})" if module is not None else where
    if call.step.kind == "module":
        return f"{layer} failed" if is_library else f"{where} failed in its own Python code"
    name = call.step.name
    return f"{layer} failed in {name}" if is_library else f"{name} failed in the forward of {where}"


def _path(trace: Trace, failure: Failure) -> Iterator[str]:
    classes = {module.path: module.class_name for module in trace.modules}
    yield trace.class_name
    parts = failure.module.split(".") if failure.module else []
    for end in range(1, len(parts) + 1):
        path = ".".join(parts[:end])
        yield f"{path} ({classes.get(path, '?')})"


def _recent_tensors(trace: Trace, step: Step) -> Iterator[Operand]:
    """Yield the tensors that a module's code produced last before it failed."""
    if step.kind != "module":
        return
    last = [each for each in trace.steps if each.parent == step.index and each.output is not None]
    for each in last[-_MAX_RECENT_TENSORS:]:
        name = each.module if each.kind == "module" else each.name
        for number, spec in enumerate(tensors_in(each.output)):
            yield Operand(name=f"{name}[{number}]" if number else name, spec=spec)
