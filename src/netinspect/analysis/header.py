"""Header of the reports on a trace or a checkpoint."""

from __future__ import annotations

from netinspect.analysis.checkpoints.totals import stored_totals
from netinspect.analysis.diagnosis.diagnose import diagnose
from netinspect.analysis.totals import ties, totals
from netinspect.analysis.unregistered import notes_of
from netinspect.errors import ForwardError, SavedTraceError
from netinspect.records.checkpoint import Checkpoint
from netinspect.records.checkpoint_header import CheckpointHeader, StoredTotals, checkpoint_header
from netinspect.records.report_header import ReportHeader, Tie, Totals
from netinspect.records.trace import Trace


def refuse_without_forward(trace: Trace) -> None:
    """Check that a model has a forward, for a report that needs a run.

    Raises:
        ForwardError: The model has no forward.
    """
    if trace.no_forward is not None:
        raise ForwardError(
            f"{trace.class_name} has no forward, so there is nothing to run",
            cause="summary, tree and params list what it holds",
            hint=trace.no_forward,
        )


def refuse_without_backward(trace: Trace, command: str) -> None:
    """Check that a trace has a backward, for a report of `command` that shows it.

    Raises:
        SavedTraceError: Forward passed, and no backward was recorded.
    """
    if trace.backward is None and trace.failure is None:
        raise SavedTraceError(
            f"the trace of {trace.target} contains no backward",
            hint=f"save it again with: netinspect {command} TARGET --backward --save FILE",
        )


def header_and_totals(
    source: Trace | Checkpoint,
) -> tuple[ReportHeader | CheckpointHeader, Totals | StoredTotals, tuple[Tie, ...]]:
    """Return the header, totals and ties of a model or a checkpoint; its ties are in its rows."""
    if isinstance(source, Checkpoint):
        return checkpoint_header(source), stored_totals(source), ()
    return build_header(source), totals(source), ties(source)


def build_header(trace: Trace) -> ReportHeader:
    """Build the header of a report from a trace."""
    return ReportHeader(
        target=trace.target,
        class_name=trace.class_name,
        versions=trace.versions,
        ran=trace.ran,
        inputs=trace.inputs,
        mode=trace.mode,
        tensor_mode=trace.tensor_mode,
        seed=trace.seed,
        failure=diagnose(trace),
        warnings=notes_of(trace),
        symbolic=trace.symbolic,
        call=trace.call,
    )
