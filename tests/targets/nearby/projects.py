"""Projects of a few files, for the tests of arguments that are read nearby."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from netinspect.targets.model_factory import ModelFactory

NET = """\
from torch import nn


class Net(nn.Module):
    def __init__(self, channels, classes, deep=False):
        super().__init__()
        self.layer = nn.Linear(channels, classes)
        self.deep = deep

    def forward(self, x):
        return self.layer(x)
"""
CONFIGURED = """\
from torch import nn


class Net(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.layer = nn.Linear(config.width, config["classes"])
        self.config = config

    def forward(self, x):
        return self.layer(x)
"""

Project = Callable[..., ModelFactory]
"""Writes files, and finds `Net` in net.py."""


def sizes(factory: ModelFactory) -> tuple[int, int]:
    layer: Any = factory.build()[0].get_submodule("layer")
    return layer.in_features, layer.out_features
