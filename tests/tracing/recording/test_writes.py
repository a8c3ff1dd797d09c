"""Tests of writes to weights in forward."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from netinspect.api import load
from tests.tracing.counting.counted import Calls
from tests.tracing.process_snapshot import difference, snapshot

WRITES: dict[str, Callable[[Tensor], object]] = {
    "nn.init.normal_": nn.init.normal_,
    "nn.init.uniform_": nn.init.uniform_,
    "nn.init.constant_": lambda weight: nn.init.constant_(weight, 3.0),
    "nn.init.kaiming_uniform_": nn.init.kaiming_uniform_,
    "nn.init.trunc_normal_": nn.init.trunc_normal_,
    "nn.init.orthogonal_": nn.init.orthogonal_,
    "torch.ops.aten.add_": lambda weight: torch.ops.aten.add_(weight, 1.0),
    "torch.ops.aten.mul.out": lambda weight: torch.ops.aten.mul.out(weight, weight, out=weight),
    "torch._foreach_add_": lambda weight: torch._foreach_add_([weight], 1.0),
    "vector_to_parameters": lambda weight: nn.utils.vector_to_parameters(torch.ones(9), [weight]),
    "relu_": lambda weight: torch.relu_(weight),
}


@pytest.mark.parametrize("write", WRITES)
def test_write_to_weight_is_undone(write: str) -> None:
    def forward(net: nn.Module, x: Tensor) -> Tensor:
        WRITES[write](net.linear.weight)  # type: ignore[arg-type, union-attr]
        out: Tensor = net.linear(x)  # type: ignore[operator]
        return out

    model = Calls(forward, linear=nn.Linear(3, 3))
    before = snapshot(model)
    trace = load(model, args=(torch.ones(2, 3),))
    assert trace.failure is None
    assert trace.warnings == ()
    assert difference(before, snapshot(model)) is None
