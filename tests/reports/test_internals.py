"""Tests of the `internals` report against the module itself and a real call."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import nn
from torch.ao.quantization import get_default_qconfig, prepare
from torch.nn.utils import prune

import netinspect
from netinspect.rendering.formats import Format, Style
from netinspect.reports.internals.compute import build_internals
from netinspect.reports.internals.record import Internals
from netinspect.reports.render import render
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


class UsersPruning(prune.BasePruningMethod):
    """Pruning method of a user, whose `__call__` is torch's."""

    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t: Any, default_mask: Any) -> Any:
        return default_mask


def _quantized() -> nn.Module:
    model = nn.Sequential(nn.Linear(3, 3)).eval()
    model.qconfig = get_default_qconfig("x86")
    return prepare(model)[0]


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning", "ignore::UserWarning")
@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (lambda: nn.utils.weight_norm(nn.Linear(3, 3)), {"WeightNorm"}),
        (
            lambda: nn.utils.spectral_norm(nn.Linear(3, 3)),
            {"SpectralNorm", "SpectralNormStateDictHook", "SpectralNormLoadStateDictPreHook"},
        ),
        (
            lambda: nn.utils.parametrizations.weight_norm(nn.Linear(3, 3)),
            {"weight_norm.<locals>._weight_norm_compat_hook"},
        ),
        (lambda: prune.l1_unstructured(nn.Linear(3, 3), "weight", 0.5), {"L1Unstructured"}),
        (
            lambda: nn.LazyLinear(3),
            {"LazyModuleMixin._infer_parameters", "LazyModuleMixin._lazy_load_hook"},
        ),
        (_quantized, {"_observer_forward_hook"}),
    ],
)
def test_internals_hooks_of_torch_are_marked(build: Callable[[], nn.Module], expected: set[str]) -> None:
    layer = build()
    assert {hook.name for hook in inside(layer).hooks if hook.library} == expected
    assert {hook.name for hook in inside(layer).hooks} == expected
    layer.register_forward_hook(functools.partial(_users_hook))
    layer.register_state_dict_pre_hook(_users_hook)
    assert {hook.name for hook in inside(layer).hooks if not hook.library} == {"_users_hook"}


def _users_hook(*_: Any) -> None:
    return None


def test_internals_users_subclass_of_torch_hook_is_not_torchs() -> None:
    layer = nn.Linear(3, 3)
    UsersPruning.apply(layer, "weight")
    (hook,) = inside(layer).hooks
    assert (hook.name, hook.library) == ("UsersPruning", False)


def test_internals_folds_hooks_of_torch_for_people() -> None:
    layer = prune.l1_unstructured(nn.Linear(3, 3), "weight", 0.5)
    layer.register_forward_pre_hook(_users_hook)
    report = netinspect.internals(layer)
    (row,) = [line for line in report.text(width=120).splitlines() if "of torch" in line]
    assert row.split() == ["1", "hook", "of", "torch:", "L1Unstructured"]
    assert "L1Unstructured\t" in report.text("plain")
    order = [(stage.name, stage.library) for stage in report.record.call_order]
    assert order == [("L1Unstructured", True), ("_users_hook", False), ("Linear.forward", False)]


def test_internals_attributes_omit_those_that_torch_declares() -> None:
    layer = nn.Linear(3, 3)
    # As `nn.Module.compile` does.
    vars(layer).update(_compiled_call_impl=len, scale=2)
    assert {each.name for each in inside(layer).attributes} == {"in_features", "out_features", "scale"}


def test_internals_names_identical_submodules_and_empty_dictionaries_once() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4))
    report = inside(model)
    text = render(report, Style(width=80))
    assert "0..2  x3" in text
    assert [line.split()[:1] for line in text.splitlines() if "Linear(" in line] == [["_modules"], ["4"]]
    (empty,) = [line for line in text.splitlines() if line.startswith("empty: ")]
    assert empty.startswith("empty: _parameters, _buffers, _non_persistent_buffers_set, ")
    assert "{}" not in text
    modules = next(each for each in report.dictionaries if each.name == "_modules")
    assert [entry.repeat_of for entry in modules.entries] == [None, "0", "0", None, None]
    assert len(render(report, Style(format=Format.CSV)).split("_modules")) == 6
