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
    from netinspect.api import *  # noqa: F403

if not TYPE_CHECKING:  # a type checker would accept any name

    def __getattr__(name: str) -> Any:
        api = importlib.import_module("netinspect.api")
        if name == "__all__":
            return ["__version__", *api.__all__]
        if name.startswith("__") or name not in api.__all__:
            raise AttributeError(f"module 'netinspect' has no attribute {name!r}")
        return getattr(api, name)


def load_ipython_extension(shell: Any) -> None:
    """Register the magic `%netinspect`, for `%load_ext netinspect`."""
    importlib.import_module("netinspect.integrations.ipython.magic").load(shell)


def __dir__() -> list[str]:
    return sorted({*globals(), *importlib.import_module("netinspect.api").__all__})
