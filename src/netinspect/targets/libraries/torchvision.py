"""Adapter for torchvision: models by registered name."""

from __future__ import annotations

import functools
import importlib
import inspect
from collections.abc import Callable
from typing import Any

from netinspect.targets.libraries.weights import without_weights

# Arguments for weights; detection models load the weights of a backbone by default.
_WEIGHTS = ("weights", "weights_backbone")


def find_builder(name: str, *, online: bool) -> Callable[..., Any]:
    """Return the function that builds a torchvision model without pretrained weights.

    Args:
        name: A name of `torchvision.models.list_models()`.
        online: Unused: torchvision only downloads weights.
    """
    builder = importlib.import_module("torchvision.models").get_model_builder(name)
    parameters = inspect.signature(builder).parameters
    settings: dict[str, Any] = {key: None for key in _WEIGHTS if key in parameters}
    if name in ("googlenet", "inception_v3"):
        # The default, which warns that it may change unless it is set.
        settings["init_weights"] = True
    return without_weights(functools.partial(builder, **settings), (*_WEIGHTS, "pretrained"))
