"""Why `forward` failed: the place, the operands, the arithmetic that does not work out, the mend."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from netinspect.errors import shorten
from netinspect.records.dataflow import failed_step, sources_of
from netinspect.records.report_header import Diagnosis, Operand
from netinspect.records.steps import Failure, Step
from netinspect.records.trace import GIVEN, Trace
from netinspect.records.values import tensors_in

if TYPE_CHECKING:
    from netinspect.analysis.diagnosis.call import Call, Explanation

_MADE = 3
"""How many of the tensors that were made last help where plain Python code failed."""

_NOT_OF_A_TENSOR = re.compile(r"'Tensor' object has no attribute '(\w+)'")


def diagnose(trace: Trace) -> Diagnosis | None:
    """Explain the failure of a trace; None where forward did not fail."""
    failure = trace.failure
    if failure is None:
        return None
    # A forward that passes, which is most of them, need not wait for all the explanations.
    from netinspect.analysis.diagnosis.call import Call
    from netinspect.analysis.diagnosis.table import explain, suggestions

    step = trace.steps[failure.step] if failure.step is not None else None
    call = Call(trace, step, failure) if step is not None else None
    found = explain(call) if call is not None else None
    explained, explanation = found if found is not None else (call, None)
    remedies = list(explanation.remedies) if explanation else []
    if failure.working_unit and (explanation is None or explanation.size_helps):
        # Maps of several scales are joined: it is the size of the input that does not go with them.
        remedies = list(_multiples(failure))
    if call is not None and "batch dimension" not in (explanation.text if explanation else ""):
        remedies += suggestions(call)
    remedies += _further(trace, failure, explanation)
    wrong = explanation.wrong if explanation else {}
    return Diagnosis(
        summary=(explanation and explanation.summary) or _summarize(trace, failure, call),
        phase=failure.phase,
        exception=failure.type,
        message=shorten(failure.message),
        place=failure.place,
        path=tuple(_path(trace, failure)),
        operands=tuple(
            Operand(name=each.name, spec=each.spec, wrong=tuple(sorted(wrong.get(each.name, ()))))
            for each in (explained.given if explained is not None else ())
        ),
        made=tuple(_made(trace, step)) if step is not None and explanation is None else (),
        explanation=explanation.text if explanation else None,
        remedies=tuple(remedies),
    )


def _further(trace: Trace, failure: Failure, explanation: Explanation | None) -> Iterator[str]:
    """What may help beyond the explanation: another input, or the one that the model's file has."""
    if failure.methods:
        yield (
            f"forward refuses on purpose; {_or(failure.methods)} may be meant: write a module whose "
            "forward calls it, or a function that returns one, and name that"
        )
    elif failure.missing:
        yield _missing(failure.missing)
    elif trace.attempts and failure.phase == "forward" and (not explanation or explanation.input_helps):
        yield from _unsettled(trace)
    if failure.phase == "backward" and "requires a gradient" in failure.message:
        yield (
            "detach(), torch.no_grad(), item() and whole numbers end the graph of gradients, and so do "
            "frozen parameters"
        )
    is_near = failure.working_inputs and not failure.working_unit
    if is_near and (explanation is None or explanation.size_helps):
        specs = " to ".join(f"--input {spec}" for spec in failure.working_inputs)
        yield f"an input of another size; tried, and passes: {specs}"
    given = [entry.spec for entry in trace.inputs]
    if trace.example and list(trace.example) != given and failure.phase == "forward":
        specs = " ".join(f"--input {spec}" for spec in trace.example)
        yield f"the model's own example: {specs}"


def _multiples(failure: Failure) -> Iterator[str]:
    """Say what the sides of the input have to be a multiple of, and which were tried."""
    options = (" ".join(f"--input {spec}" for spec in specs.split()) for specs in failure.working_inputs)
    yield (
        f"an input whose sides are multiples of {failure.working_unit}; tried, and pass: "
        f"{' and '.join(options)}"
    )
    yield "or bring one to the size of the other: torch.nn.functional.interpolate(a, b.shape[2:])"


def _or(methods: tuple[str, ...]) -> str:
    *others, last = [f"{name}()" for name in methods]
    return f"{', '.join(others)} or {last}" if others else last


def _missing(names: tuple[str, ...]) -> str:
    specs = " ".join(f"--input {name}=SIZES" for name in names)
    return (
        f"in train mode forward asks for {' and '.join(names)}: give the other inputs too, and {specs}, "
        f"such as {names[0]}=2:int64:0..9 for two of ten classes; what is no tensor comes from "
        "--inputs-from"
    )


def _unsettled(trace: Trace) -> Iterator[str]:
    """Say which input could not be found, and how to give it; nothing where all behind it were given."""
    step = failed_step(trace.steps)
    names = sources_of(step, trace.steps) if step is not None else []
    given = {entry.name for entry in trace.inputs if entry.origin == GIVEN}
    # An argument that has no name in forward is known by its position.
    guessed = [
        f"input {int(name) + 1}" if name.isdigit() else name for name in names if name not in given
    ]
    if trace.failure is not None and (trace.failure.working_inputs or (names and not guessed)):
        return
    which = " and ".join(guessed) or ("the others" if given else "the inputs")
    lead = f"{which} " if given else f"nobody gave inputs, and {which} "
    tries = len(trace.attempts)
    tried = f"none of {tries} tries passed" if tries > 1 else "one try did not pass"
    tried += " before time was up" if trace.out_of_time else ""
    yield (
        f"{lead}could not be settled: {tried} (--explain-input tells them); "
        f"if the model is right, give them yourself: {_how_to_give(trace)}"
    )


def _how_to_give(trace: Trace) -> str:
    """Return the options that give the inputs; a spec makes tensors, which have no attributes."""
    failure = trace.failure
    if failure is not None and failure.type == "AttributeError":
        attribute = _NOT_OF_A_TENSOR.search(failure.message)
        if attribute is not None:
            return f"--inputs-from FILE:FUNCTION, which returns an object with .{attribute[1]}"
    specs = " ".join(f"--input {text}" for each in trace.inputs for text in each.spec.split())
    function = "--inputs-from FILE:FUNCTION for what is not a tensor"
    return f"{specs}, or {function}" if specs else function


def _summarize(trace: Trace, failure: Failure, call: Call | None) -> str:
    if failure.phase == "backward":
        return f"the backward of {trace.class_name} failed"
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


def _made(trace: Trace, step: Step) -> Iterator[Operand]:
    """The tensors that a module's code made last before it failed: what its variables hold."""
    if step.kind != "module":
        return
    last = [each for each in trace.steps if each.parent == step.index and each.output is not None]
    for each in last[-_MADE:]:
        name = each.module if each.kind == "module" else each.name
        for number, spec in enumerate(tensors_in(each.output)):
            yield Operand(name=f"{name}[{number}]" if number else name, spec=spec)
