"""Tests that only the documented parts of the user's code are called."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import netinspect
from netinspect.api import load
from netinspect.tracing.model.members import modules, named_buffers, named_modules, named_parameters
from netinspect.tracing.model.modes import set_mode
from tests.tracing import trapped_models
from tests.tracing.process_snapshot import difference, snapshot

X = torch.ones(2, 3)


def _batch() -> Any:
    return trapped_models.Batch(X.clone())


def _table() -> Any:
    return trapped_models.Table(x=X.clone())


COMMANDS: dict[str, Callable[[nn.Module], object]] = {
    "summary": lambda model: str(netinspect.summary(model, X)),
    "summary without inputs": lambda model: str(netinspect.summary(model)),
    "params": lambda model: str(netinspect.params(model, stats=True, values=True, buffers=True)),
    "tree": lambda model: str(netinspect.tree(model)),
    "trace": lambda model: str(netinspect.trace(model, X, backward=True, values=True)),
    "source": lambda model: str(netinspect.source(model, X)),
    "cost": lambda model: str(netinspect.cost(model, X)),
    "internals": lambda model: str(netinspect.internals(model)),
    "everything": lambda model: load(
        model, args=(X,), train=True, backward=True, values=True, stats=True, code=True
    ),
    "symbolic": lambda model: load(model, inputs=("x=2x3",), symbolic=("batch",)),
    "a dataclass": lambda model: load(model, args=(_batch(),), symbolic=("n=x.features:0",)),
    "a dictionary": lambda model: load(model, args=(_table(),), symbolic=("n=x.x:0",), values=True),
    "memory": lambda model: str(netinspect.memory(model, X)),
    "memory of training": lambda model: netinspect.memory(
        model, X, train=True, dtype="bf16", checkpoint_activations=True
    ),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_command_triggers_no_trap(command: str) -> None:
    model = trapped_models.Net()
    with trapped_models.armed() as marks:
        COMMANDS[command](model)
    assert marks == []


def test_failing_forward_triggers_no_trap() -> None:
    model = trapped_models.Net(fails=True)
    with trapped_models.armed() as marks:
        failures = [load(model, args=(X,)).failure, load(model).failure]
    assert marks == []
    assert None not in failures


def test_traps_record_access() -> None:
    model = trapped_models.Net()
    with trapped_models.armed() as marks:
        list(nn.Module.named_modules(model))
        isinstance(model.__dict__["settings"], dict)
        hash(type(model.__dict__["thing"]))
        repr(model.__dict__["word"])
    assert {
        "Trapped_Layer.named_modules",
        "Trapped_Config.__class__ (property)",
        "metaclass.__hash__",
        "Trapped_Word.__repr__",
    } <= {*marks}


class Heard(Tensor):
    """Tensor that records the functions called with it."""

    heard: list[str] = []  # noqa: RUF012

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        Heard.heard.append(getattr(func, "__name__", str(func)))
        return super().__torch_function__(func, types, args, kwargs or {})


class Scales(nn.Module):
    """Module that computes with such tensors, and writes to one."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3).as_subclass(Heard), requires_grad=False)
        self.register_buffer("count", torch.zeros(3).as_subclass(Heard))
        self.norm = nn.LayerNorm(3)

    def forward(self, x: Tensor) -> Tensor:
        self.count.add_(1)  # type: ignore[operator]
        out: Tensor = self.norm(x * self.weight) + self.count
        return out


@pytest.mark.parametrize("grad", [False, True])
def test_tensor_subclass_receives_only_calls_of_forward(grad: bool) -> None:
    model = Scales().eval()
    with torch.set_grad_enabled(grad):
        Heard.heard.clear()
        model(X.clone())
        plain = list(Heard.heard)
    before = snapshot(model)
    Heard.heard.clear()
    trace = load(model, args=(X.clone(),), values=True, stats=True, backward=grad)
    heard = list(Heard.heard)
    assert trace.failure is None
    assert [name for name in heard if name != "grad"] == plain  # that is torch.autograd.grad
    assert difference(before, snapshot(model)) is None


class Reads(nn.Module):
    """Module that counts the accesses to its attributes."""

    asked: list[str]

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 3)
        self.asked = []

    def __getattribute__(self, name: str) -> Any:
        if not name.startswith("__"):
            held = object.__getattribute__(self, "__dict__")
            held.get("asked", []).append(name)
        return super().__getattribute__(name)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self._modules["linear"](x)  # type: ignore[misc]
        return out


def test_static_trace_reads_no_attributes() -> None:
    model = Reads()
    asked = model.__dict__["asked"]
    asked.clear()
    load(model, run=False, values=True, stats=True, code=True)
    assert [name for name in asked if name != "extra_repr"] == []


# --- train ------------------------------------------------------------------------------------------


class _Fits(nn.Module):
    """A module with a method `train` that trains."""

    trained: int = 0

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(3)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.norm(x)
        return out


def _class(train: Any) -> type[nn.Module]:
    return type("Fits", (_Fits,), {"train": train})


def _fit(*_: Any, **__: Any) -> None:
    _Fits.trained += 1


FOREIGN: dict[str, Any] = {
    "trainer": lambda self, trainer=None: _fit(),
    "epochs": lambda self, epochs=3: _fit(),
    "required": lambda self, loader: _fit(),
    "nothing": lambda self: _fit(),
    "anything": lambda self, *args, **kwargs: _fit(),
    "another default": lambda self, mode="fast": _fit(),
    "one more": lambda self, mode=True, epochs=3: _fit(),
    "a keyword more": lambda self, mode=True, *, epochs=3: _fit(),
    "property": property(lambda self: _fit()),
    "static": staticmethod(lambda mode=True: _fit()),
    "class": classmethod(lambda cls, mode=True: _fit()),
    "partial": functools.partialmethod(_fit),
    "callable": functools.partial(_fit),
    "number": 3,
    "flag": None,
}


class Freezes(nn.Module):
    """Module that leaves its normalization in eval mode by its own `train`, with a submodule."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(3)
        self.inner = inner

    def train(self, mode: bool = True) -> Freezes:
        super().train(mode)
        self.norm.eval()
        return self

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.inner(self.norm(x))
        return out


@pytest.fixture(autouse=True)
def _untrained() -> Iterator[None]:
    _Fits.trained = 0
    yield
    _Fits.trained = 0


@pytest.mark.parametrize("around", [lambda inner: inner, nn.Sequential, Freezes])
@pytest.mark.parametrize("name", FOREIGN)
def test_train_with_another_signature_is_not_called(
    name: str, around: Callable[[nn.Module], nn.Module]
) -> None:
    fits = _class(FOREIGN[name])()
    model = around(fits)
    before = snapshot(model)
    for training in (True, False):
        trace = load(model, args=(X,), train=training)
        assert trace.failure is None
        assert {step.module for step in trace.steps} >= {""}
    assert _Fits.trained == 0
    assert difference(before, snapshot(model)) is None
    set_mode(model, True)
    assert fits.__dict__["training"]
    assert fits.norm.training  # type: ignore[union-attr]
    assert "train" not in fits.__dict__


@pytest.mark.parametrize("name", ["trainer", "number"])
def test_train_in_the_instance_is_not_called_and_stays(name: str) -> None:
    model = Freezes(_Fits())
    model.inner.__dict__["train"] = FOREIGN[name]
    before = snapshot(model)
    assert load(model, args=(X,), train=True).failure is None
    assert _Fits.trained == 0
    assert difference(before, snapshot(model)) is None


@pytest.mark.parametrize("on", ["fake", "meta", "zeros"])
def test_train_that_trains_is_not_called_on_other_tensors(on: Any, tmp_path: Path) -> None:
    file = tmp_path / "net.py"
    file.write_text(
        "from torch import nn\n"
        "class Net(nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.norm = nn.BatchNorm1d(3)\n"
        "    def train(self, trainer=None):\n"
        "        raise SystemExit('trained')\n"
        "    def forward(self, x):\n"
        "        return self.norm(x)\n"
    )
    assert load(f"{file}:Net", inputs=("x=2x3",), tensors=on).failure is None


def test_train_with_torchs_signature_is_called() -> None:
    model = nn.Sequential(Freezes(_class(FOREIGN["trainer"])()))
    set_mode(model, True)
    modes = {path: module.training for path, module in named_modules(model)}
    assert modes == {"": True, "0": True, "0.norm": False, "0.inner": True, "0.inner.norm": True}
    assert _Fits.trained == 0


def test_train_disabled_in_the_instance_is_respected() -> None:
    def disabled(self: nn.Module, mode: bool = True) -> nn.Module:
        return self

    model = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3).eval())
    model[1].train = disabled  # type: ignore[assignment,method-assign]
    set_mode(model, True)
    assert [module.training for module in model] == [True, False]


# --- walks ------------------------------------------------------------------------------------------


def _deep(levels: int) -> nn.Module:
    model: nn.Module = nn.Linear(1, 1)
    for _ in range(levels):
        model = nn.Sequential(model)
    return model


def test_walks_agree_with_torch() -> None:
    shared = nn.BatchNorm1d(3)
    model = nn.Sequential(shared, nn.Sequential(nn.Linear(3, 3), shared), nn.LSTM(3, 3))
    model.register_module("none", None)
    model[2].weight_hh_l0 = model[2].weight_ih_l0
    assert list(named_modules(model)) == list(model.named_modules())
    for ours, theirs in (
        (named_parameters(model), model.named_parameters()),
        (named_buffers(model), model.named_buffers()),
    ):
        assert [(name, id(each)) for name, each in ours] == [(name, id(each)) for name, each in theirs]


def test_walks_reach_any_depth() -> None:
    model = _deep(3000)
    assert sum(1 for _ in modules(model)) == 3001
    set_mode(model, False)
    assert not any(module.training for module in modules(model))
    nn.Module.__dict__["__dict__"].__get__(model)["_modules"].clear()
