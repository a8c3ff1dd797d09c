"""Options that public functions share: those of `load`, checked before anything runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from models.lenet import LeNet

import netinspect
from netinspect import LoadError, UsageError

NET = """
import torch

class Net(torch.nn.Module):
    def __init__(self, channels, classes):
        super().__init__()
        self.conv = torch.nn.Conv2d(channels, 4, 3)
        self.head = torch.nn.Linear(4 * 6 * 6, classes)

    def forward(self, x):
        return self.head(self.conv(x).flatten(1))
"""
MODEL_ARGS = {"channels": 3, "classes": 10}


@pytest.fixture
def target(tmp_path: Path) -> str:
    (tmp_path / "net.py").write_text(NET)
    return f"{tmp_path / 'net.py'}:Net"


@pytest.mark.parametrize("name", ["summary", "params", "tree", "cost", "trace", "source", "memory"])
def test_hint_of_missing_arguments_works(name: str, target: str) -> None:
    function: Any = getattr(netinspect, name)
    with pytest.raises(LoadError) as raised:
        function(target)
    assert "model_args={'channels': VALUE, 'classes': VALUE}" in str(raised.value)
    assert "Net" in str(function(target, model_args=MODEL_ARGS))
    assert netinspect.internals(target, model_args=MODEL_ARGS).record is not None


def test_model_args_of_diff(target: str, tmp_path: Path) -> None:
    model = torch.nn.Sequential()
    assert netinspect.diff(model, target, model_args=MODEL_ARGS).record.added
    torch.save({"conv.weight": torch.zeros(4, 3, 3, 3)}, tmp_path / "a.pt")
    assert netinspect.diff(tmp_path / "a.pt", target, model_args=MODEL_ARGS).record.added


def test_options_of_load() -> None:
    assert netinspect.summary(LeNet(), batch=4).layers[0].output_shapes == ((4, 10),)
    assert netinspect.trace("lenet", tensors="meta").record.header.tensor_mode == "meta"
    symbolic = netinspect.summary(LeNet(), symbolic="batch")
    assert symbolic.layers[0].output_shapes == (("N", 10),)


@pytest.mark.parametrize("name", ["summary", "params", "load"])
def test_model_args_of_live_model(name: str) -> None:
    with pytest.raises(UsageError) as raised:
        getattr(netinspect, name)(LeNet(), model_args={"classes": 3})
    assert str(raised.value).startswith("model_args is for a model that netinspect builds: LeNet is")


@pytest.mark.parametrize("options", [{"batch": 4}, {"model_args": {"a": 1}}, {"symbolic": "height"}])
def test_trace_refuses_options_of_a_run(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="cannot be run again"):
        netinspect.summary(netinspect.capture(LeNet()), **options)


def test_checkpoint_refuses_options_of_models(tmp_path: Path) -> None:
    torch.save(LeNet().state_dict(), tmp_path / "a.pt")
    for name, value in {"batch": 4, "model_args": {"a": 1}, "tensors": "meta"}.items():
        with pytest.raises(UsageError, match=f"^{name} is for models"):
            netinspect.summary(tmp_path / "a.pt", **{name: value})  # type: ignore[call-overload]
    assert netinspect.params(tmp_path / "a.pt", online=True, cache=True).record.rows


def test_unknown_options_have_advice() -> None:
    calls: dict[str, tuple[Any, dict[str, Any]]] = {
        "params() does not run forward": (netinspect.params, {"input_size": (1, 1, 28, 28)}),
        "summary(netinspect.load(model, backward=...)) takes it": (
            netinspect.summary,
            {"backward": True},
        ),
        "did you mean 'model_args'": (netinspect.tree, {"model_arg": {}}),
    }
    for advice, (function, options) in calls.items():
        with pytest.raises(TypeError) as raised:
            function(LeNet(), **options)
        assert advice in str(raised.value)


def test_capture_refuses_options_of_load() -> None:
    with pytest.raises(UsageError) as raised:
        netinspect.capture(LeNet(), input_size=(1, 1, 28, 28), batch=2)
    assert str(raised.value) == (
        "forward of LeNet has no argument 'input_size'\n"
        "hint: capture passes its arguments to forward: "
        "use netinspect.load(model, input_size=..., batch=...)"
    )

    class Batched(torch.nn.Module):
        def forward(self, batch: torch.Tensor) -> torch.Tensor:
            return batch + 1

    assert netinspect.capture(Batched(), batch=torch.ones(2)).failure is None


def test_numbers_are_checked() -> None:
    for name in ("depth", "top", "batch"):
        with pytest.raises(UsageError) as raised:
            netinspect.summary(LeNet(), **{name: "2"})  # type: ignore[call-overload]
        assert str(raised.value) == (
            f"expected a whole number as {name}, got '2'\nhint: write it like {name}=2"
        )
    assert len(netinspect.summary(LeNet(), include="fc*").record.rows) < 6


class Sum(torch.nn.Module):
    def forward(self, left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
        return left + right


def test_container_of_the_inputs_has_advice() -> None:
    left, right = torch.ones(2, 3), torch.ones(2, 3)
    for data, advice in (
        ({"left": left, "right": right}, "model(**inputs), or input_data=inputs"),
        ((left, right), "model(*inputs), or input_data=inputs"),
        (left, "model(left, right)"),
    ):
        view = netinspect.summary(Sum(), data)
        assert view.failed
        assert view.failure is not None
        assert advice in view.failure.remedies[0]
        assert advice in str(view)
    passed = netinspect.summary(Sum(), input_data={"left": left, "right": right})
    assert (passed.failed, passed.failure) == (False, None)


def test_values_that_are_not_models_have_advice() -> None:
    for value, advice in {None: "returned nothing", "state": "name the file"}.items():
        model: Any = LeNet().state_dict() if value else None
        with pytest.raises(LoadError, match=advice):
            netinspect.summary(model)


@pytest.mark.skipif(torch.cuda.is_available(), reason="tests torch without a GPU")
def test_device_without_gpu() -> None:
    with pytest.raises(UsageError, match=r"^cannot run on cuda: (torch finds|this torch is built)"):
        netinspect.summary(LeNet(), device="cuda")
