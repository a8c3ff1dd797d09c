"""Rows of the published tables, with the builder of each model and its arguments."""

from __future__ import annotations

import ast
import re
from typing import Any

# The number in the table excludes the heads for training.
WITHOUT_HEADS = "torchvision:googlenet"
# Segmentation models that were trained with an auxiliary loss have one more head.
AUXILIARY = re.compile(r"torchvision:(fcn|deeplabv3)_")


def arguments_of(target: str, row: dict[str, str]) -> tuple[tuple[str, Any], ...]:
    """Return the arguments with which a builder makes the model of a row."""
    if target == WITHOUT_HEADS:
        return (("aux_logits", False),)
    if AUXILIARY.match(target):
        return (("aux_loss", True),)
    if ":vit_" in target and row["min_size"]:
        # Position embeddings are parameters: models for larger images have more of them.
        return (("image_size", ast.literal_eval(row["min_size"])[0]),)
    return ()


def target_of(row: dict[str, str]) -> str:
    """Return the builder of a row; the table names the enumeration of its weights."""
    name = row["builder"].removesuffix("_Weights").lower()
    if row["file"].startswith("quantization/"):
        name = f"quantized_{name.replace('_quantizedweights', '').removesuffix('_quantized')}"
    return f"torchvision:{name}"
