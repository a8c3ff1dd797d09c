"""All reports, for those who need every one of them: schemas and types."""

from __future__ import annotations

from netinspect.records.reports.cache import Cache
from netinspect.records.reports.contents import Contents
from netinspect.records.reports.cost import CostReport
from netinspect.records.reports.diff import Diff
from netinspect.records.reports.globals import Globals
from netinspect.records.reports.internals import Internals
from netinspect.records.reports.memory import Memory
from netinspect.records.reports.names import NameTree
from netinspect.records.reports.params import Parameters
from netinspect.records.reports.samples import Samples
from netinspect.records.reports.source import Source
from netinspect.records.reports.steps import Steps
from netinspect.records.reports.summary import Summary
from netinspect.records.reports.tensors import StoredTensors
from netinspect.records.reports.tree import Tree

Report = (
    Summary
    | Parameters
    | Steps
    | CostReport
    | Tree
    | Source
    | Internals
    | Memory
    | Diff
    | Samples
    | Cache
    | StoredTensors
    | Contents
    | NameTree
    | Globals
)

REPORTS: tuple[type[Report], ...] = (
    Summary,
    Parameters,
    Steps,
    CostReport,
    Tree,
    Source,
    Internals,
    Memory,
    Diff,
    Samples,
    Cache,
    StoredTensors,
    Contents,
    NameTree,
    Globals,
)
