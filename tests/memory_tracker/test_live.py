"""Tests of memory of live models: a copy runs, and the model is unchanged."""

from __future__ import annotations

import dataclasses
import math
import threading
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import netinspect

X = torch.ones(2, 3)


class Passes(nn.Module):
    """Module that returns a product of its input."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.linear(x)
        return out


def test_memory_restores_list_filled_by_hooks() -> None:
    model = Passes()
    model.features = features = []  # type: ignore[assignment]
    model.linear.register_forward_hook(lambda module, args, output: features.append(output))
    netinspect.memory(model, X, train=True)
    assert features == []


def test_memory_of_compiled_module_leaves_gradients() -> None:
    model = Passes()
    model._compiled_call_impl = model._call_impl  # as `Module.compile` does
    netinspect.memory(model, X, train=True)
    assert model.linear.weight.grad is None
    assert model._compiled_call_impl == model._call_impl


def test_memory_copies_model_with_locks_and_modules() -> None:
    model = Passes()
    held = threading.Lock()
    model.guards = {"one": held, "again": [threading.RLock()]}  # type: ignore[assignment]
    model.mathematics = math  # type: ignore[assignment]
    with held:
        report = netinspect.memory(model, X, allocator="cpu").record
    assert report.peak.amounts.parameters == 4 * (9 + 3)


class Copied:
    """Object that copies itself."""

    copies = 0

    def __deepcopy__(self, memo: Any) -> Any:
        Copied.copies += 1
        return self


@dataclasses.dataclass
class Settings(Copied):
    """Dataclass with generated methods only."""

    width: int = 3


def test_memory_does_not_call_inherited_deepcopy() -> None:
    model = Passes()
    model.settings = Settings()  # type: ignore[assignment]
    netinspect.memory(model, X)
    assert Copied.copies == 0


def test_memory_uses_own_copy_after_torch_compile(monkeypatch: pytest.MonkeyPatch) -> None:
    # torch.compile replaces this method of all modules, for the rest of the process.
    library = {"original": nn.Module.__setstate__}
    code = "def restore(self, state): original(self, state)"
    exec(compile(code, "/lib/site-packages/compiler.py", "exec"), library)
    monkeypatch.setattr(nn.Module, "__setstate__", library["restore"])

    class Fresh(Passes):
        pass

    model = Fresh()
    model.settings = Settings()  # type: ignore[assignment]
    Copied.copies = 0
    netinspect.memory(model, X)
    assert Copied.copies == 0


class Closes:
    """Object that frees something in its finalizer."""

    ended = 0

    def __del__(self) -> None:
        if Closes is not None:  # as Python leaves it at the very end
            Closes.ended += 1


class ClosesWithSlots(Closes):
    """Such an object with slots."""

    __slots__ = ("handle",)


class ClosesToo(Passes):
    """Module with a finalizer that contains such objects."""

    def __init__(self) -> None:
        super().__init__()
        self.things = [Closes(), ClosesWithSlots()]
        self.table = ClosesTable(a=1)

    def __del__(self) -> None:
        if Closes is not None:  # as Python leaves it at the very end
            Closes.ended += 1


class ClosesTable(dict[str, int]):
    """Dictionary with a finalizer."""

    def __del__(self) -> None:
        if Closes is not None:  # as Python leaves it at the very end
            Closes.ended += 1


def test_memory_does_not_call_del_of_copies() -> None:
    model = ClosesToo()
    Closes.ended = 0
    netinspect.memory(model, X, train=True, device_memory="1GiB")
    assert Closes.ended == 0
    assert type(model) is ClosesToo
    del model
    assert Closes.ended == 4


class Switches(Passes):
    """Module that changes settings of the process."""

    def forward(self, x: Tensor) -> Tensor:
        torch.set_default_dtype(torch.float64)
        torch.use_deterministic_algorithms(True)
        return super().forward(x)


def test_memory_restores_flags() -> None:
    netinspect.memory(Switches(), X)
    assert torch.get_default_dtype() is torch.float32
    assert not torch.are_deterministic_algorithms_enabled()


class Keeps(Copied):
    """Object with a method that is a hook."""

    def hook(self, module: nn.Module, args: Any, output: Any) -> None:
        self.output = output


def test_memory_does_not_call_deepcopy_of_bound_object() -> None:
    model, keeps = Passes(), Keeps()
    model.linear.register_forward_hook(keeps.hook)
    Copied.copies = 0
    netinspect.memory(model, X)
    assert Copied.copies == 0
    assert not hasattr(keeps, "output")


def test_memory_refuses_trace_of_live_model() -> None:
    trace = netinspect.capture(nn.Linear(3, 2), torch.ones(2, 3))
    with pytest.raises(netinspect.UsageError, match="cannot build Linear again") as caught:
        netinspect.memory(trace)
    assert caught.value.hint == "give the model itself: netinspect.memory(model, *inputs)"
