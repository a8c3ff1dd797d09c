"""Tests of hooks of installed packages that provide the weights of a layer."""

from __future__ import annotations

import functools
import importlib.util
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import netinspect
from netinspect.api import load

_PACKAGE = """
class Loader:
    def __init__(self, table):
        self.table = table


class Prefixed:
    def __init__(self, loader):
        self.loader = loader


class Chain:
    def __init__(self, hooks):
        self.hooks = hooks


class Hook:
    def __init__(self, weights):
        self.weights = weights
        self.last = ()

    def before(self, module, args):
        self.last = args
        self.away = dict(module._buffers)
        module._buffers.update(self.weights.loader.table)

    def after(self, module, args, output):
        module._buffers.update(self.away)
"""


@pytest.fixture
def package(tmp_path: Path) -> Any:
    """Import a module from a folder of installed packages."""
    file = tmp_path / "site-packages" / "mover.py"
    file.parent.mkdir()
    file.write_text(_PACKAGE)
    spec = importlib.util.spec_from_file_location("mover", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_hooks_with_buffers_are_restored(package: Any) -> None:
    layer: Any = nn.BatchNorm1d(3)
    table = {name: buffer.clone() for name, buffer in layer.named_buffers()}
    before = {name: buffer.clone() for name, buffer in table.items()}
    for name, buffer in list(layer.named_buffers()):
        layer._buffers[name] = torch.empty_like(buffer, device="meta")
    hook = package.Hook(package.Prefixed(package.Loader(table)))
    layer.chain = package.Chain([hook])
    layer.register_forward_pre_hook(hook.before)
    layer.register_forward_hook(hook.after)
    assert load(layer, args=(torch.randn(4, 3),), train=True).failure is None
    assert all(torch.equal(table[name], before[name]) for name in before)
    assert hook.last == ()
    assert not hasattr(hook, "away")


def test_hooks_bound_to_objects_are_restored(package: Any) -> None:
    layer = nn.BatchNorm1d(3)
    hook = package.Hook(package.Prefixed(package.Loader({})))
    layer.register_forward_pre_hook(hook.before)
    layer.register_forward_hook(hook.after)
    load(layer, args=(torch.randn(4, 3),))
    assert hook.last == ()


def _filling(model: nn.Module) -> list[Any]:
    recorded: list[Any] = []
    total = 0

    def keep(module: nn.Module, args: Any, output: Any) -> None:
        nonlocal total
        total += 1
        recorded.append(output)

    def keep_default(module: nn.Module, args: Any, output: Any, recorded: list[Any] = recorded) -> None:
        recorded.append(total)

    class Keeper:
        def __init__(self) -> None:
            self.outputs = recorded

        def keep(self, module: nn.Module, args: Any, output: Any) -> None:
            self.outputs.append(output)

    model.register_forward_hook(keep)
    model.register_forward_hook(keep_default)
    model.register_forward_hook(Keeper().keep)
    model.register_forward_hook(functools.partial(Keeper.keep, Keeper()))
    model(torch.ones(2, 3))
    return recorded


def test_memory_restores_variables_filled_by_hooks() -> None:
    model = nn.Linear(3, 3)
    recorded = _filling(model)
    before = list(recorded)
    assert before[1] == 1
    netinspect.memory(model, torch.ones(2, 3))
    assert list(map(id, recorded)) == list(map(id, before))
