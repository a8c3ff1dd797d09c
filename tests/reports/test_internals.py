"""Tests of the `internals` report against the module itself and a real call."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import nn

import netinspect
from netinspect.reports.internals.compute import build_internals
from netinspect.reports.internals.record import Internals
from tests.nets.case import capture_trace


def inside(model: nn.Module, path: str = "") -> Internals:
    return build_internals(netinspect.load(model, run=False), path=path)


@pytest.fixture
def heard() -> list[str]:
    return []


@pytest.fixture
def hooked(heard: list[str]) -> Iterator[nn.Module]:
    """Yield a layer with hooks of every kind, each of which appends its name to `heard` when it runs."""

    def recording_hook(name: str, result: Any = None) -> Callable[..., Any]:
        def hook(*_: Any, **__: Any) -> Any:
            heard.append(name)
            return result

        hook.__qualname__ = name
        return hook

    layer = nn.Linear(4, 2)
    glob = nn.modules.module
    handles = [
        glob.register_module_forward_pre_hook(recording_hook("global pre")),
        glob.register_module_forward_hook(recording_hook("global after")),
    ]
    layer.register_forward_pre_hook(recording_hook("pre 1"))
    layer.register_forward_pre_hook(recording_hook("pre 2"), with_kwargs=True)
    layer.register_forward_pre_hook(recording_hook("pre 0"), prepend=True)
    layer.register_forward_hook(recording_hook("after 1"))
    layer.register_forward_hook(recording_hook("after 2"), with_kwargs=True, always_call=True)
    layer.register_full_backward_pre_hook(recording_hook("backward pre"))
    layer.register_full_backward_hook(recording_hook("backward"))
    yield layer
    for handle in handles:
        handle.remove()


def test_internals_call_order_matches_execution(hooked: nn.Module, heard: list[str]) -> None:
    order = [stage.name for stage in inside(hooked).call_order]
    hooked(torch.randn(3, 4, requires_grad=True)).sum().backward()
    expected = list(heard)
    expected.insert(expected.index("global after"), "Linear.forward")
    assert order == expected


def test_internals_hooks_have_place_and_flags(hooked: nn.Module) -> None:
    hooks = {hook.name: hook for hook in inside(hooked).hooks}
    assert hooks["pre 1"].flags == ()
    assert hooks["pre 2"].flags == ("_forward_pre_hooks_with_kwargs",)
    assert set(hooks["after 2"].flags) == {"_forward_hooks_with_kwargs", "_forward_hooks_always_called"}
    assert hooks["backward"].dictionary == "_backward_hooks"
    assert hooks["backward"].flags == ("_is_full_backward_hook",)
    assert not any(hook.library for hook in hooks.values())
    assert {hook.file for hook in hooks.values()} == {__file__}


def test_internals_runs_no_hook(hooked: nn.Module, heard: list[str]) -> None:
    inside(hooked)
    assert heard == []
    capture_trace(hooked, torch.randn(3, 4))
    assert heard == [
        "global pre", "pre 0", "pre 1", "pre 2", "global after", "after 1", "after 2",
    ]  # fmt: skip


@pytest.mark.parametrize("build", [lambda: nn.Linear(2, 2), lambda: nn.BatchNorm2d(3)])
def test_internals_dictionaries_match_the_module(build: Callable[[], nn.Module]) -> None:
    module = build()
    report = inside(module)
    listed = {dictionary.name for dictionary in report.dictionaries}
    present = {name for name, value in vars(module).items() if isinstance(value, (dict, set))}
    assert listed == present
    attributes = {attribute.name for attribute in report.attributes}
    assert attributes == set(vars(module)) - set(vars(nn.Module()))
    assert report.training is module.training


def test_internals_entries_describe_tensors_and_children() -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3, bias=False), nn.BatchNorm2d(2))
    model.register_buffer("scratch", torch.zeros(3), persistent=False)
    entries = {
        dictionary.name: {entry.key: entry.text for entry in dictionary.entries}
        for dictionary in inside(model).dictionaries
    }
    assert entries["_modules"]["0"].startswith("Conv2d(1, 2, kernel_size=(3, 3)")
    assert entries["_buffers"] == {"scratch": "(3) float32 not persistent"}
    assert list(entries["_non_persistent_buffers_set"]) == ["scratch"]
    inner = {dictionary.name: dictionary for dictionary in inside(model, "0").dictionaries}
    assert [entry.key for entry in inner["_parameters"].entries] == ["weight"]
    assert [entry.key for entry in inner["registered as None"].entries] == ["bias"]
