"""Computation of the `globals` report from a scan of pickles."""

from __future__ import annotations

from netinspect.records.checkpoint_header import checkpoint_header
from netinspect.records.pickles import PickleScan
from netinspect.reports.globals.record import GlobalRow, Globals


def list_globals(scan: PickleScan) -> Globals:
    """Build the report of a scan; names that tensors do not need come first."""
    rows = [
        GlobalRow(
            name=each.name,
            verdict=each.verdict,
            uses=each.uses,
            arguments=each.arguments,
            file=scan.files[each.file].name,
            member=each.member,
            offset=each.position,
        )
        for each in scan.globals
    ]
    others = [row for row in rows if row.verdict == "other"]
    return Globals(
        header=checkpoint_header(scan),
        pickles=len(scan.pickles),
        rows=(*others, *(row for row in rows if row.verdict == "needed")),
        others=len(others),
        complete=not scan.unexamined and not scan.problems,
        examined=scan.examined,
        unexamined=scan.unexamined,
    )
