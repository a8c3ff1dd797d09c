"""The public Python API, imported when it is used.

>>> from netinspect import api
>>> api.summary(model)                          # the same functions as `netinspect.summary`
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from netinspect.api._checkpoints import pickle_globals as pickle_globals
    from netinspect.api._diff import diff as diff
    from netinspect.api._load import capture as capture
    from netinspect.api._load import load as load
    from netinspect.api._load import read_checkpoint as read_checkpoint
    from netinspect.api._load import save as save
    from netinspect.api._memory import memory as memory
    from netinspect.api._view import View as View
    from netinspect.api._views import cache as cache
    from netinspect.api._views import cost as cost
    from netinspect.api._views import internals as internals
    from netinspect.api._views import models as models
    from netinspect.api._views import params as params
    from netinspect.api._views import source as source
    from netinspect.api._views import summary as summary
    from netinspect.api._views import trace as trace
    from netinspect.api._views import tree as tree
    from netinspect.errors import CheckpointError as CheckpointError
    from netinspect.errors import ForwardError as ForwardError
    from netinspect.errors import LoadError as LoadError
    from netinspect.errors import NetinspectError as NetinspectError
    from netinspect.errors import SavedTraceError as SavedTraceError
    from netinspect.errors import UsageError as UsageError
    from netinspect.records.checkpoint import Checkpoint as Checkpoint
    from netinspect.records.trace import Trace as Trace

_MODULES = {
    "netinspect.api._checkpoints": ("pickle_globals",),
    "netinspect.api._diff": ("diff",),
    "netinspect.api._load": ("capture", "load", "read_checkpoint", "save"),
    "netinspect.api._memory": ("memory",),
    "netinspect.api._view": ("View",),
    "netinspect.api._views": (
        "cache", "cost", "internals", "models", "params", "source", "summary", "trace", "tree",
    ),
    "netinspect.errors": (
        "CheckpointError", "ForwardError", "LoadError", "NetinspectError", "SavedTraceError",
        "UsageError",
    ),
    "netinspect.records.checkpoint": ("Checkpoint",),
    "netinspect.records.trace": ("Trace",),
}  # fmt: skip
MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}
"""The module that defines each public name."""

__all__ = sorted(MODULE_OF)


def __getattr__(name: str) -> Any:
    if name in MODULE_OF:
        return getattr(importlib.import_module(MODULE_OF[name]), name)
    raise AttributeError(f"module 'netinspect.api' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
