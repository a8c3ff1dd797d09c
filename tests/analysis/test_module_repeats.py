"""Tests of what identical modules of a trace have in common."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

import netinspect
from netinspect.analysis.module_index import Structure
from netinspect.analysis.module_repeats import find_repeats


def _freeze(block: nn.Module) -> None:
    block.requires_grad_(False)


def _hook(block: nn.Module) -> None:
    block[0].register_forward_hook(lambda *_: None)  # type: ignore[index]


def _keep(block: nn.Module) -> None:
    block.register_buffer("scale", torch.ones(1))


def _keep_unsaved(block: nn.Module) -> None:
    block.register_buffer("scale", torch.ones(1), persistent=False)


def _convert(block: nn.Module) -> None:
    block.double()


def _evaluate(block: nn.Module) -> None:
    block.eval()


@pytest.mark.parametrize("change", [_freeze, _hook, _keep, _keep_unsaved, _convert, _evaluate])
@pytest.mark.parametrize("calls", [False, True])
def test_find_repeats_separates_a_block_that_differs(
    change: Callable[[nn.Module], None], calls: bool
) -> None:
    blocks = [nn.Sequential(nn.Linear(4, 4), nn.Dropout()) for _ in range(4)]
    if change is _keep_unsaved:
        for block in blocks:
            _keep(block)
    change(blocks[2])
    structure = Structure(netinspect.capture(nn.ModuleList(blocks)))
    runs = find_repeats(structure, calls=calls).runs("")
    assert runs == [("0", "1"), ("2",), ("3",)]
