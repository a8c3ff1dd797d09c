"""Adapter for timm: models by registered name, with or without a tag of weights."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from typing import Any

from netinspect.targets.libraries.weights import without_weights


def find_builder(name: str, *, online: bool) -> Callable[..., Any]:
    """Return the function that builds a timm model without pretrained weights.

    Args:
        name: A name of `timm.list_models()`, or `hf-hub:org/name`.
        online: Unused: `check_name` refuses names of the hub before.
    """
    create = importlib.import_module("timm").create_model
    return without_weights(
        functools.partial(create, name, pretrained=False), ("pretrained", "checkpoint_path")
    )
