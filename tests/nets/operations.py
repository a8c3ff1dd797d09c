"""Models whose forward does more than call layers: operators, autograd, checkpoints, functions."""

from __future__ import annotations

import contextlib
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from torch.utils.checkpoint import checkpoint

from tests.nets.case import Case, rows


class Operators(nn.Module):
    """Operators, einsum, chunks of a tensor, in-place functions."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3, 3))

    def forward(self, x: Tensor) -> Tensor:
        left, right = x.chunk(2)
        a, b = (left @ self.weight).split(1)
        c, d = torch.einsum("ij,jk->ik", right, self.weight).unbind()
        y = torch.cat([a, b, -c[None], 1 - d[None]])
        y += 1
        y.relu_()
        y[0] = 0
        with torch.no_grad():
            torch.mul(y, 2, out=y)
        y.unsqueeze_(0)
        return y.mT[..., :2]


class Fallback(nn.Module):
    """Catches the error of a layer, and calls another layer instead."""

    def __init__(self) -> None:
        super().__init__()
        self.wrong = nn.Sequential(nn.Linear(5, 3))
        self.right = nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        try:
            out: Tensor = self.wrong(x)
        except RuntimeError:
            out = self.right(x)
        with contextlib.suppress(RuntimeError):
            x.view(7)
        return F.relu(out)


class Reader(nn.Module):
    """Reads values into Python, and branches on them."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.linear(x)
        count = int(x.numpy(force=True).shape[0]) + x.argmax().item()
        return x * count if x.sum() > 0 else x


class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        (x,) = ctx.saved_tensors
        return 2 * x * gradients[0]


class Custom(nn.Module):
    """Uses its own autograd function."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = Square.apply(self.linear(x))
        return out + 1


class Checkpointed(nn.Module):
    def __init__(self, reentrant: bool = False) -> None:
        super().__init__()
        self.reentrant = reentrant
        self.block = nn.Sequential(nn.Linear(3, 3), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = checkpoint(self.block, x, use_reentrant=self.reentrant)
        return out.exp()


class Packed(nn.Module):
    """An LSTM on sequences of different lengths."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(3, 4, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        packed = pack_padded_sequence(x, [3, 2], batch_first=True)
        states, _ = self.lstm(packed)
        return pad_packed_sequence(states, batch_first=True)[0]


class SelfBackward(nn.Module):
    """Computes a gradient in forward and returns it."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = x.detach().requires_grad_()
        energy = self.linear(x).square().sum()
        (force,) = torch.autograd.grad(energy, x)
        return force


class Functional(nn.Module):
    """Runs a layer with other weights."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        doubled = {name: tensor * 2 for name, tensor in self.linear.named_parameters()}
        out: Tensor = torch.func.functional_call(self.linear, doubled, (x,))
        return out


class Vectorised(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = torch.vmap(self.linear)(x)
        return out


def _encoder() -> nn.Module:
    layer = nn.TransformerEncoderLayer(4, 2, 8, batch_first=True)
    return nn.TransformerEncoder(layer, 2)


def _x() -> tuple[Tensor, ...]:
    return (rows(4, 3),)


CASES = (
    Case(name="operators", build=Operators, args=_x),
    Case(name="fallback", build=Fallback, args=_x),
    Case(name="reader", build=Reader, args=_x),
    Case(name="custom", build=Custom, args=_x),
    Case(name="checkpointed", build=Checkpointed, args=_x),
    Case(
        name="checkpointed-reentrant",
        build=lambda: Checkpointed(reentrant=True),
        args=lambda: (rows(4, 3).requires_grad_(),),
    ),
    Case(name="packed", build=Packed, args=lambda: (rows(2, 3, 3),)),
    Case(name="self-backward", build=SelfBackward, args=_x),
    Case(name="functional", build=Functional, args=_x),
    Case(name="vectorised", build=Vectorised, args=_x),
    Case(name="transformer", build=_encoder, args=lambda: (rows(2, 5, 4),)),
    Case(name="weight-norm", build=lambda: weight_norm(nn.Linear(3, 3)), args=_x),
    Case(name="data-parallel", build=lambda: nn.DataParallel(nn.Linear(3, 3)), args=_x),
)
