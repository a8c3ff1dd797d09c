"""All reports, for those who need every one of them: schemas and types."""

from __future__ import annotations

from netinspect.records.cache_usage import Cache
from netinspect.records.model_list import ModelList
from netinspect.reports.cost.record import CostReport
from netinspect.reports.diff.record import Diff
from netinspect.reports.globals.record import Globals
from netinspect.reports.internals.record import Internals
from netinspect.reports.memory.record import Memory
from netinspect.reports.params.record import Parameters
from netinspect.reports.source.record import Source
from netinspect.reports.summary.checkpoint_record import CheckpointSummary
from netinspect.reports.summary.record import Summary
from netinspect.reports.trace.record import TraceTable
from netinspect.reports.tree.record import Tree

Report = (
    Summary
    | Parameters
    | TraceTable
    | CostReport
    | Tree
    | Source
    | Internals
    | Memory
    | Diff
    | ModelList
    | Cache
    | CheckpointSummary
    | Globals
)

REPORTS: tuple[type[Report], ...] = (
    Summary,
    Parameters,
    TraceTable,
    CostReport,
    Tree,
    Source,
    Internals,
    Memory,
    Diff,
    ModelList,
    Cache,
    CheckpointSummary,
    Globals,
)
