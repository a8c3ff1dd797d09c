"""Computation of the `trace` report: the steps of `forward` in order."""

from __future__ import annotations

from netinspect.analysis.header import build_header, refuse_without_backward, refuse_without_forward
from netinspect.analysis.module_index import Structure
from netinspect.analysis.rows import refuse_negative
from netinspect.analysis.step_repeats import StepRun, find_step_runs
from netinspect.errors import SavedTraceError
from netinspect.records.steps import Step
from netinspect.records.trace import Trace
from netinspect.records.values import tensors_in
from netinspect.reports.trace.record import GradientRow, StepRow, TraceTable


def list_steps(
    trace: Trace,
    *,
    depth: int | None = None,
    inside_layers: bool = False,
    backward: bool = False,
    values: bool = False,
    fold: bool = True,
) -> TraceTable:
    """List the steps of `forward`.

    Args:
        trace: The trace.
        depth: Deepest level of module calls to list; None for all.
        inside_layers: Also list functions inside torch's own layers.
        backward: Show gradients; the trace must contain a backward.
        values: Show the values of the output; the trace must contain them.
        fold: Whether people see identical calls as one row, and of a failed run the branch that failed.

    Raises:
        SavedTraceError: Forward was not run, or the requested data is not in the trace.
        UsageError: `depth` is negative.
    """
    refuse_negative("depth", depth)
    refuse_without_forward(trace)
    if not trace.ran:
        raise SavedTraceError(
            f"the trace of {trace.target} contains no forward", hint="save it again with an input"
        )
    if backward:
        refuse_without_backward(trace, "trace")
    if values and trace.output_values is None and trace.failure is None:
        raise SavedTraceError(
            f"the trace of {trace.target} contains no values",
            hint="save them with: netinspect trace TARGET --values --save FILE",
        )
    structure = Structure(trace)
    inside = [step for step in trace.steps if step.parent is not None]
    listed = [step for step in inside if inside_layers or not structure.is_inner(step)]
    shown = [step for step in listed if depth is None or step.depth <= depth]
    runs = find_step_runs(structure, shown) if fold else {}
    return TraceTable(
        header=build_header(trace),
        rows=tuple(
            _row(number, step, structure, runs.get(step.index, StepRun(None)), backward)
            for number, step in enumerate(shown, start=1)
        ),
        hidden=len(inside) - len(shown),
        hidden_below=len(listed) - len(shown),
        output=trace.output,
        output_values=trace.output_values if values else None,
        backward=trace.backward if backward else None,
        gradients=tuple(
            GradientRow(
                name=parameter.name,
                shape=parameter.spec.shape,
                trainable=parameter.trainable,
                gradient=parameter.gradient,
            )
            for parameter in trace.parameters
            if backward and trace.backward is not None
        ),
        fold=fold,
    )


def _row(number: int, step: Step, structure: Structure, run: StepRun, backward: bool) -> StepRow:
    return StepRow(
        number=number,
        index=step.index,
        kind=step.kind,
        path=step.module,
        name=_name(step),
        class_name=step.name if step.kind == "module" else step.qualified_name,
        depth=step.depth,
        call=step.call,
        calls=len(structure.calls.get(step.module, ())) if step.kind == "module" else 1,
        inputs=tuple(
            item.value for item in step.inputs.items if next(tensors_in(item.value), None) is not None
        ),
        output=step.output,
        called_at=step.source,
        grad_fn=step.grad_fn if backward else None,
        failed=step.failed,
        repeats=run.repeats,
        group=run.length,
        last_name="" if run.last is None else _name(structure.trace.steps[run.last]),
        repeat_of=run.repeat_of,
    )


def _name(step: Step) -> str:
    return step.module if step.kind == "module" else step.name
