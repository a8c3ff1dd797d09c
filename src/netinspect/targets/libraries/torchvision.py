"""torchvision: a builder by its registered name."""

from __future__ import annotations

import functools
import importlib
import inspect
from collections.abc import Callable
from typing import Any

from netinspect.targets.libraries.weights import without_weights

# What a builder takes weights by; those of detection would fetch a backbone if it were left out.
_WEIGHTS = ("weights", "weights_backbone")


def find_builder(name: str, *, online: bool) -> Callable[..., Any]:
    """Return the function that builds a model of torchvision, without weights.

    Args:
        name: As `torchvision.models.list_models()` has it.
        online: Of no matter here: weights are all that torchvision would fetch.
    """
    builder = importlib.import_module("torchvision.models").get_model_builder(name)
    parameters = inspect.signature(builder).parameters
    settings: dict[str, Any] = {key: None for key in _WEIGHTS if key in parameters}
    if name in ("googlenet", "inception_v3"):
        # What they do by default too, but then with a warning that this may change.
        settings["init_weights"] = True
    return without_weights(functools.partial(builder, **settings), (*_WEIGHTS, "pretrained"))
