"""Immutable records of traces, checkpoints and memory tracks; standard library only.

Traces (`trace`, `modules`, `tensors`, `steps`, `values`, `work`) are made by `tracing`, their failures
and attempts also by `inputs/infer`; checkpoints and comparisons by `checkpoints`; memory tracks by
`memory_tracker`; requests by `api` and `cli`. `analysis`, `reports` and `rendering` read them.
"""
