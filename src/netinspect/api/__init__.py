"""The public Python API, imported when it is used.

>>> from netinspect import api
>>> api.summary(model)                          # the same functions as `netinspect.summary`
"""

import importlib
from typing import TYPE_CHECKING, Any

from netinspect.api.command_names import COMMANDS as _COMMANDS

if TYPE_CHECKING:
    from netinspect.api._checkpoints import pickle_globals as pickle_globals
    from netinspect.api._diff import diff as diff
    from netinspect.api._graph import graph as graph
    from netinspect.api._installation import config as config
    from netinspect.api._installation import doctor as doctor
    from netinspect.api._load import capture as capture
    from netinspect.api._load import load as load
    from netinspect.api._load import read_checkpoint as read_checkpoint
    from netinspect.api._load import save as save
    from netinspect.api._memory import memory as memory
    from netinspect.api._page import page as page
    from netinspect.api._view import View as View
    from netinspect.api._views import *  # noqa: F403
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
    "netinspect.api._installation": ("config", "doctor"),
    "netinspect.api._load": ("capture", "load", "read_checkpoint", "save"),
    "netinspect.api._memory": ("memory",),
    "netinspect.api._graph": ("graph",),
    "netinspect.api._page": ("page",),
    "netinspect.api._view": ("View",),
    "netinspect.errors": (
        "CheckpointError", "ForwardError", "LoadError", "NetinspectError", "SavedTraceError",
        "UsageError",
    ),
    "netinspect.records.checkpoint": ("Checkpoint",),
    "netinspect.records.trace": ("Trace",),
}  # fmt: skip

# The function of a command is in `_views`, unless it is listed above. `globals` has another name in
# Python, which has a builtin of that name.
_MODULE_OF = {
    **{name: "netinspect.api._views" for name in _COMMANDS if name != "globals"},
    **{name: module for module, names in _MODULES.items() for name in names},
}


if not TYPE_CHECKING:  # a type checker would accept any name

    def __getattr__(name: str) -> Any:
        if name == "__all__":
            return sorted(_MODULE_OF)
        if name in _MODULE_OF:
            return getattr(importlib.import_module(_MODULE_OF[name]), name)
        raise AttributeError(f"module 'netinspect.api' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULE_OF})
