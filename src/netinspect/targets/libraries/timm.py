"""timm: a model by its registered name, with or without the tag of its weights."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from typing import Any

from netinspect.targets.libraries.weights import without_weights


def find_builder(name: str, *, online: bool) -> Callable[..., Any]:
    """Return the function that builds a model of timm, without weights.

    Args:
        name: As `timm.list_models()` has it, or `hf-hub:org/name`.
        online: Of no matter here: a name of the hub has been let through, or not.
    """
    create = importlib.import_module("timm").create_model
    return without_weights(
        functools.partial(create, name, pretrained=False), ("pretrained", "checkpoint_path")
    )
