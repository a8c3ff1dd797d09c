"""The rows of the published tables: which builder makes the model of each, and from what."""

from __future__ import annotations

import ast
import re
from typing import Any

# The table's number is without the heads for training.
WITHOUT_HEADS = "torchvision:googlenet"
# Models of segmentation have a head more where they were trained with an auxiliary loss.
AUXILIARY = re.compile(r"torchvision:(fcn|deeplabv3)_")


def arguments_of(target: str, row: dict[str, str]) -> tuple[tuple[str, Any], ...]:
    """Return what a builder has to be given to build the model of a row."""
    if target == WITHOUT_HEADS:
        return (("aux_logits", False),)
    if AUXILIARY.match(target):
        return (("aux_loss", True),)
    if ":vit_" in target and row["min_size"]:
        # Positions have parameters: weights for larger images have more of them.
        return (("image_size", ast.literal_eval(row["min_size"])[0]),)
    return ()


def target_of(row: dict[str, str]) -> str:
    """Name the builder that belongs to a row; the table names the enumeration of its weights."""
    name = row["builder"].removesuffix("_Weights").lower()
    if row["file"].startswith("quantization/"):
        name = f"quantized_{name.replace('_quantizedweights', '').removesuffix('_quantized')}"
    return f"torchvision:{name}"
