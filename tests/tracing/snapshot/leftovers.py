"""Objects that a trace leaves for the garbage collector, counted in a process of its own.

In a process that has run other tests, objects of those tests may be collected too.
"""

from __future__ import annotations

import gc
import json
import weakref

import torch
from torch import nn

from netinspect.records.request import TraceRequest
from tests.nets.case import capture_trace, rows

OPTIONS = {
    "eval": TraceRequest(),
    "train": TraceRequest(train=True),
    "backward": TraceRequest(backward=True),
    "train and backward": TraceRequest(train=True, backward=True),
    "all": TraceRequest(backward=True, values=True, stats=True, code=True),
}
COLUMNS = {"runs": 3, "fails": 4}
"""Size of a dimension of the input; the model takes 3."""


def count(columns: int, request: TraceRequest) -> dict[str, int]:
    """Trace a model, and return the numbers of live references to it and of objects in cycles."""
    model = nn.Sequential(nn.Conv1d(3, 3, 1), nn.BatchNorm1d(3), nn.ReLU())
    references = [weakref.ref(each) for each in (model, model[0].weight)]
    capture_trace(model, rows(4, columns, 2), options=request)  # imports and caches are not counted
    gc.collect()
    gc.disable()
    try:
        trace = capture_trace(model, rows(4, columns, 2), options=request)
        del model
        alive = sum(each() is not None for each in references)
        return {"alive": alive, "cycles": gc.collect(), "failed": int(trace.failure is not None)}
    finally:
        gc.enable()


if __name__ == "__main__":
    torch.manual_seed(0)
    print(
        json.dumps(
            {
                f"{name} {ends}": count(columns, request)
                for name, request in OPTIONS.items()
                for ends, columns in COLUMNS.items()
            }
        )
    )
