"""See inside a PyTorch model: layers, shapes, parameters, every step of forward.

>>> import netinspect
>>> trace = netinspect.capture(model, x)        # one run, as plain data
>>> netinspect.summary(trace)                   # any number of views of it
>>> netinspect.trace(model, x, backward=True)   # or both at once

Nothing heavy is imported before it is used.
"""

import importlib
from typing import TYPE_CHECKING, Any

from netinspect.version import __version__ as __version__

if TYPE_CHECKING:
    from netinspect.api import Checkpoint as Checkpoint
    from netinspect.api import CheckpointError as CheckpointError
    from netinspect.api import ForwardError as ForwardError
    from netinspect.api import LoadError as LoadError
    from netinspect.api import NetinspectError as NetinspectError
    from netinspect.api import SavedTraceError as SavedTraceError
    from netinspect.api import Trace as Trace
    from netinspect.api import UsageError as UsageError
    from netinspect.api import View as View
    from netinspect.api import cache as cache
    from netinspect.api import capture as capture
    from netinspect.api import cost as cost
    from netinspect.api import diff as diff
    from netinspect.api import internals as internals
    from netinspect.api import load as load
    from netinspect.api import memory as memory
    from netinspect.api import models as models
    from netinspect.api import params as params
    from netinspect.api import pickle_globals as pickle_globals
    from netinspect.api import read_checkpoint as read_checkpoint
    from netinspect.api import save as save
    from netinspect.api import source as source
    from netinspect.api import summary as summary
    from netinspect.api import trace as trace
    from netinspect.api import tree as tree

_PUBLIC = (
    "cache", "capture", "Checkpoint", "CheckpointError", "cost", "diff", "ForwardError", "internals",
    "load", "LoadError", "memory", "models", "NetinspectError", "params", "pickle_globals",
    "read_checkpoint", "save", "SavedTraceError", "source", "summary", "Trace", "trace", "tree",
    "UsageError", "View",
)  # fmt: skip

__all__ = ["__version__", *sorted(_PUBLIC)]


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(importlib.import_module("netinspect.api"), name)
    raise AttributeError(f"module 'netinspect' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
