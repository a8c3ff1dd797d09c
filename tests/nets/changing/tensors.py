"""Models that change wrapped, sparse, nested, quantized and other unusual tensors of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from tests.tracing.counting.counted import Calls


class Wrapped(torch.Tensor):
    """8-bit weights with their scale, as in quantization libraries."""

    packed: Tensor
    scale: Tensor

    @staticmethod
    def __new__(cls, packed: Tensor, scale: Tensor) -> Wrapped:
        return torch.Tensor._make_wrapper_subclass(
            cls, packed.shape, dtype=torch.float32, requires_grad=False
        )

    def __init__(self, packed: Tensor, scale: Tensor) -> None:
        self.packed, self.scale = packed, scale

    def __repr__(self) -> str:  # type: ignore[override]
        return "Wrapped"

    def __tensor_flatten__(self) -> tuple[list[str], None]:
        return ["packed", "scale"], None

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]
        cls, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        if func is torch.ops.aten.detach.default:
            return Wrapped(args[0].packed, args[0].scale)
        if func is torch.ops.aten.mul_.Tensor:
            args[0].scale.mul_(args[1])
            return args[0]
        plain = [each.packed * each.scale if isinstance(each, Wrapped) else each for each in args]
        return func(*plain, **(kwargs or {}))


def _wrapped(net: Any, x: Tensor) -> Tensor:
    net.weight.packed.add_(1)
    net.weight.mul_(2)
    net.weight.scale = net.weight.scale + 1
    net.weight.note = "seen"
    net.table.scale.zero_()
    return x + net.weight.scale


def _wrapped_net() -> nn.Module:
    net: Any = Calls(_wrapped)
    packed = Wrapped(torch.ones(3, dtype=torch.int8), torch.ones(3))
    net.weight = nn.Parameter(packed, requires_grad=False)
    net.register_buffer("table", Wrapped(torch.ones(3, dtype=torch.int8), torch.ones(3)))
    return net


def _coo() -> Tensor:
    indices = torch.tensor([[0, 0, 1], [1, 1, 2]])
    return torch.sparse_coo_tensor(indices, torch.tensor([1.0, 2.0, 3.0]), (3, 3))


def _sparse(net: Any, x: Tensor) -> Tensor:
    net.coo.mul_(2)
    net.coo.add_(torch.sparse_coo_tensor(torch.tensor([[2], [2]]), torch.ones(1), (3, 3)))
    net.flag._coalesced_(True)
    net.values._values().add_(1)
    net.csr.values().mul_(3)
    net.param.data.mul_(2)
    net.replaced = net.replaced.coalesce()
    net.zeroed.zero_()
    return x


def _sparse_net() -> nn.Module:
    net: Any = Calls(_sparse)
    for name in ("coo", "flag", "values", "replaced", "zeroed"):
        net.register_buffer(name, _coo())
    net.register_buffer("csr", torch.eye(3).to_sparse_csr())
    net.param = nn.Parameter(_coo())
    return net


def _odd(net: Any, x: Tensor) -> Tensor:
    net.nested.mul_(2)
    net.quantized.copy_(torch.quantize_per_tensor(torch.zeros(3), 0.1, 0, torch.qint8))
    net.complex.mul_(1j)
    net.conjugated.add_(1)
    net.shared.add_(1)
    net.turned.t_()
    net.turned.add_(1)
    net.grown.resize_(10)
    net.pointed.set_(torch.ones(7))
    net.other_type.data = torch.zeros(2, dtype=torch.float64)
    net.other = torch.ones(1)
    net.bits.logical_not_()
    net.small.fill_(float("nan"))
    net.empty.resize_(3)
    return x


def _odd_net() -> nn.Module:
    net: Any = Calls(_odd)
    whole = torch.arange(12.0)
    tensors = {
        "nested": torch.nested.nested_tensor([torch.ones(2, 3), torch.ones(4, 3)]),
        "quantized": torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint8),
        "complex": torch.ones(3, dtype=torch.complex64),
        "conjugated": torch.ones(3, dtype=torch.complex64).conj(),
        "whole": whole,
        "shared": whole[2:8:2],
        "turned": whole.view(3, 4),
        "grown": torch.ones(3),
        "pointed": torch.ones(3),
        "other_type": torch.ones(2),
        "other": torch.ones(1),
        "bits": torch.ones(3, dtype=torch.bool),
        "small": torch.ones(3, dtype=torch.bfloat16),
        "empty": torch.empty(0),
    }
    for name, tensor in tensors.items():
        net.register_buffer(name, tensor)
    return net


MODELS: dict[str, Callable[[], nn.Module]] = {
    "wrapped": _wrapped_net,
    "sparse": _sparse_net,
    "odd tensors": _odd_net,
}
