"""Format of a trace as lines: each call with its inputs, output and producers."""

from __future__ import annotations

import re
from collections import Counter

from netinspect.analysis.module_index import Structure
from netinspect.records.steps import Step
from netinspect.records.trace import Trace
from netinspect.records.values import Literal, TensorSpec, Value
from netinspect.records.values import Structure as StructureValue


def story(trace: Trace) -> list[str]:
    """Describe the steps, without those inside torch's own layers, which differ between its versions.

    A line is `name: inputs -> output`, then `from` the steps that the inputs come from and `with` the
    parameters handed over. A step that comes again has its number after it.
    """
    structure = Structure(trace)
    names: dict[int, str] = {}
    called: Counter[str] = Counter()
    for step in trace.steps:
        if structure.is_inner(step):
            assert step.parent is not None
            names[step.index] = names[step.parent]
        else:
            name = step.name if step.kind == "function" else step.module or "model"
            called[name] += 1
            names[step.index] = name if called[name] == 1 else f"{name}/{called[name]}"
    return [
        _line(step, names)
        for step in trace.steps
        if step.parent is not None and not structure.is_inner(step)
    ]


def _line(step: Step, names: dict[int, str]) -> str:
    inputs = [text for item in step.inputs.items if (text := format_tensors(item.value))]
    line = f"{names[step.index]}: {' '.join(inputs)} -> {format_tensors(step.output)}"
    if step.producers:
        line += f" from {' '.join(dict.fromkeys(names[index] for index in step.producers))}"
    if step.arguments:
        whole = (re.split(r"[.\[]", name)[0] for name in step.arguments)
        line += f" of {' '.join(dict.fromkeys(whole))}"
    if step.kind == "function" and step.parameters:
        line += f" with {' '.join(step.parameters)}"
    return line


def format_tensors(value: Value | None) -> str:
    """Format the tensors of a value in their containers; empty without tensors."""
    if isinstance(value, TensorSpec):
        dtype = "" if value.dtype == "float32" else value.dtype
        return f"{dtype}({','.join(map(str, value.shape))})"
    if isinstance(value, StructureValue):
        entries = [(item.key, format_tensors(item.value)) for item in value.items]
        return f"{value.type}[{' '.join(f'{key}={text}' for key, text in entries if text)}]"
    if isinstance(value, Literal) and value.type == "unseen":
        return "?"
    return ""
