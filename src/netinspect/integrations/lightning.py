"""Callback for Lightning that prints the summary of a module when fitting begins.

>>> from netinspect.integrations.lightning import NetinspectSummary
>>> Trainer(callbacks=[NetinspectSummary(depth=2)], enable_model_summary=False)

It works with the packages `lightning` and `pytorch_lightning`.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from netinspect.api._options import ForwardOptions

if TYPE_CHECKING:
    from netinspect.api import View

_PACKAGES = ("lightning.pytorch", "pytorch_lightning")
_INPUTS = ("input_size", "input_data", "inputs", "kwargs")


def _callback_classes() -> tuple[type, ...]:
    """Return the class `Callback` of each package that the program has imported, or else of the first.

    Raises:
        ImportError: Neither package is installed.
    """
    for names in ([name for name in _PACKAGES if sys.modules.get(name)], _PACKAGES[:1], _PACKAGES[1:]):
        try:
            modules = [importlib.import_module(name) for name in names]
        except ModuleNotFoundError as error:
            if error.name not in ("lightning", "lightning.pytorch", "pytorch_lightning"):
                raise
            continue
        if modules:
            return tuple(module.Callback for module in modules)
    raise ImportError(
        "NetinspectSummary needs Lightning: pip install lightning, or pip install pytorch-lightning",
        name="lightning",
    )


def _check(options: Mapping[str, Any]) -> None:
    """Check options by the summary of a module without layers, before training is set up.

    Raises:
        TypeError: `netinspect.summary` has no such option.
        UsageError: An option has a wrong value.
    """
    from torch import nn

    from netinspect.api import load, summary
    from netinspect.api._inputs import read_inputs

    read_inputs(**{name: value for name, value in options.items() if name in (*_INPUTS, "dtypes")})
    # No row of this module matches the patterns of another.
    left_out = {*ForwardOptions.__annotations__, "include"} - {"columns"}
    summary(
        load(nn.Identity(), run=False), **{key: options[key] for key in options if key not in left_out}
    )


_BASES: Any = _callback_classes()


class NetinspectSummary(*_BASES):  # type: ignore[misc]
    """Prints the summary of a module when fitting begins, in the process of rank zero.

    Forward is run on the module's `example_input_array`, or on inputs that are given here; without any,
    it is not run. The module is the same afterwards: its modes, weights, hooks and the random state. If
    forward fails, the summary explains it, and fitting goes on. With parameters that are sharded over
    several devices, the numbers are those of one process.

    Args:
        show: Called with the text; `print` if omitted.
        options: Options of `netinspect.summary`, such as `depth=2`, `columns=[...]` or `input_size=...`.

    Raises:
        TypeError: `netinspect.summary` has no such option.
        UsageError: An option has a wrong value. What depends on the module, such as the names of its
            inputs, is checked when fitting begins.
    """

    view: View[Any] | None
    """The summary that was shown; None before fitting begins."""

    def __init__(self, *, show: Callable[[str], object] = print, **options: Any) -> None:
        super().__init__()
        _check(options)
        self.view = None
        self._show = show
        self._options = options

    def on_fit_start(self, trainer: Any, pl_module: Any) -> None:
        """Show the summary; called by the trainer."""
        if not trainer.is_global_zero:
            return
        with trainer.precision_plugin.forward_context():
            self.view = self._summarize(trainer, pl_module)
        self._show(str(self.view))

    def _summarize(self, trainer: Any, module: Any) -> View[Any]:
        from netinspect.api import load, summary
        from netinspect.api._placement import moved

        options = dict(self._options)
        example = module.example_input_array
        if example is not None and not any(options.get(name) is not None for name in _INPUTS):
            example = moved(example, module.device)
            options["input_data"] = trainer.precision_plugin.convert_input(example)
        elif example is None and not any(options.get(name) is not None for name in _INPUTS):
            for name in ForwardOptions.__annotations__:
                if name != "columns":
                    options.pop(name, None)
            view: View[Any] = summary(load(module, run=False), **options)
            return view
        view = summary(module, **options)
        return view
