"""Models that change their own state in unusual places, to test that a trace restores every byte."""

from tests.nets.changing import objects, tensors, torchscript
from tests.nets.changing.torchscript import X

__all__ = ["MODELS", "X"]

MODELS = {**torchscript.MODELS, **tensors.MODELS, **objects.MODELS}
"""Functions that build the models, by name."""
