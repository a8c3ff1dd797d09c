"""See inside a PyTorch model: layers, shapes, parameters, every step of forward.

>>> import netinspect
>>> trace = netinspect.capture(model, x)        # one look, as plain data
>>> netinspect.summary(trace)                   # any number of views of it
>>> netinspect.trace(model, x, grad=True)       # or both at once

Nothing heavy is imported before it is used.
"""

import importlib
from typing import TYPE_CHECKING, Any

from netinspect.version import __version__ as __version__

if TYPE_CHECKING:
    from netinspect.api import cache as cache
    from netinspect.api import cost as cost
    from netinspect.api import internals as internals
    from netinspect.api import models as models
    from netinspect.api import params as params
    from netinspect.api import source as source
    from netinspect.api import summary as summary
    from netinspect.api import trace as trace
    from netinspect.api import tree as tree
    from netinspect.differences import diff as diff
    from netinspect.errors import CheckpointError as CheckpointError
    from netinspect.errors import ForwardError as ForwardError
    from netinspect.errors import LoadError as LoadError
    from netinspect.errors import NetinspectError as NetinspectError
    from netinspect.errors import SavedTraceError as SavedTraceError
    from netinspect.errors import UsageError as UsageError
    from netinspect.estimates import memory as memory
    from netinspect.loading import capture as capture
    from netinspect.loading import load as load
    from netinspect.loading import save as save
    from netinspect.records.checkpoint import Checkpoint as Checkpoint
    from netinspect.records.trace import Trace as Trace
    from netinspect.stored import pickle_globals as pickle_globals
    from netinspect.stored import read_checkpoint as read_checkpoint
    from netinspect.view import View as View

_HOMES = {
    "netinspect.api": (
        "cache", "cost", "internals", "models", "params", "source",
        "summary", "trace", "tree",
    ),
    "netinspect.differences": ("diff",),
    "netinspect.errors": (
        "CheckpointError", "ForwardError", "LoadError", "NetinspectError", "SavedTraceError",
        "UsageError",
    ),
    "netinspect.estimates": ("memory",),
    "netinspect.loading": ("capture", "load", "save"),
    "netinspect.records.checkpoint": ("Checkpoint",),
    "netinspect.records.trace": ("Trace",),
    "netinspect.stored": ("pickle_globals", "read_checkpoint"),
    "netinspect.view": ("View",),
}  # fmt: skip
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = ["__version__", *sorted(_HOME_OF)]


def __getattr__(name: str) -> Any:
    if name in _HOME_OF:
        return getattr(importlib.import_module(_HOME_OF[name]), name)
    raise AttributeError(f"module 'netinspect' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
