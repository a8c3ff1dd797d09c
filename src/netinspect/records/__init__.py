"""Immutable records of traces, checkpoints and memory tracks; standard library and msgspec only.

Traces (`trace`, `modules`, `tensors`, `steps`, `values`, `work`) are made by `tracing`, their failures
and attempts also by `inputs/infer`; checkpoints and comparisons by `checkpoints`; memory tracks by
`memory_tracker`; requests by `api` and `cli`. `analysis`, `reports` and `rendering` read them.
"""

import sys

# msgspec prefers functions of typing_extensions to those of typing, but its import takes a tenth of the
# time of `netinspect --help`.
_is_absent = sys.modules.setdefault("typing_extensions", None) is None  # type: ignore[arg-type]
import msgspec  # noqa: E402, F401

if _is_absent:
    del sys.modules["typing_extensions"]
