"""Source lines from the stack traces that torch's exporters store as text."""

from __future__ import annotations

import re

from netinspect.checkpoints.graphs.collector import LONGEST_TEXT, Collector
from netinspect.records.steps import SourceLine

_LONGEST_TRACE = 20_000
_FRAME = re.compile(
    r'^ *File "([^"\n]+)", line (\d{1,9}), in ([^\n]*)(?:\n +(?! |File ")([^\n]*))?', re.MULTILINE
)
_TORCH = re.compile(r"(^|/)(site-packages/torch|torch/(fx|_dynamo|_export|nn|_higher_order_ops))/|^<")
"""Files of torch itself, and code that it generated."""


def source_of(trace: str, collector: Collector) -> SourceLine | None:
    """Return the innermost line outside torch in a stack trace; None without one."""
    found = None
    for match in _FRAME.finditer(trace[:_LONGEST_TRACE].replace("\\", "/")):
        if not _TORCH.search(match[1]):
            found = match
    if found is None:
        return None
    return SourceLine(
        file=collector.text(found[1]),
        line=int(found[2]),
        function=collector.text(found[3].strip()),
        text=collector.text((found[4] or "").strip(), LONGEST_TEXT),
    )
