"""Common mistakes in a forward, by family of diagnoses; one line each, which a diagnosis quotes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn, zeros
from torch.nn import functional as F

from netinspect.records.request import TraceRequest
from netinspect.records.trace import Trace
from tests.nets.case import capture_trace, rows


class Acting(nn.Module):
    """A module whose forward is a function of the module and its arguments."""

    def __init__(self, act: Callable[..., Any], layers: dict[str, nn.Module]) -> None:
        super().__init__()
        self.act = act
        for name, layer in layers.items():
            self.add_module(name, layer)

    def forward(self, *args: Any) -> Any:
        return self.act(self, *args)


class Child(nn.Module):
    def forward(self, x: Tensor, scale: Tensor | None = None) -> Tensor:
        return x


@dataclass(frozen=True)
class Mistake:
    """A model with a mistake, and its inputs."""

    act: Callable[..., Any]
    args: tuple[Any, ...]
    layers: dict[str, nn.Module]
    training: bool = False

    def capture(self) -> Trace:
        options = TraceRequest(train=self.training)
        return capture_trace(Acting(self.act, self.layers), *self.args, options=options)


def on(*args: Any, training: bool = False, **layers: nn.Module) -> Callable[..., Mistake]:
    """Return a decorator that builds a mistake from a forward, with inputs and layers."""
    return lambda act: Mistake(act, args, layers, training)


def whole(*sizes: int) -> Tensor:
    return torch.ones(sizes, dtype=torch.int64)


def unpack_three(s: Any, x: Tensor) -> Tensor:
    first, second, third = x.chunk(2, 1)
    return first + second + third


def assert_width(s: Any, x: Tensor) -> Tensor:
    x = s.fc(x)
    assert x.shape[1] == 4, "the width is not 4"
    return x


attention = nn.MultiheadAttention(8, 2, batch_first=True)
lstm = nn.LSTM(4, 5, batch_first=True)

FAMILIES: dict[str, dict[str, Mistake]] = {
    "linear": {
        "flattened": on(rows(2, 3, 4, 4), fc=nn.Linear(40, 2))(lambda s, x: s.fc(x.flatten(1))),
        "features elsewhere": on(rows(2, 3, 4), fc=nn.Linear(3, 2))(lambda s, x: s.fc(x)),
        "bias": on(rows(2, 3))(lambda s, x: F.linear(x, zeros(5, 3), zeros(4))),
        "bilinear": on(rows(2, 6), both=nn.Bilinear(6, 4, 2))(lambda s, x: s.both(x, zeros(2, 5))),
    },
    "convolution": {
        "1d": on(rows(2, 4, 9), conv=nn.Conv1d(3, 5, 3))(lambda s, x: s.conv(x)),
        "3d": on(rows(2, 4, 5, 5, 5), conv=nn.Conv3d(3, 5, 3))(lambda s, x: s.conv(x)),
        "transposed": on(rows(2, 5, 9, 9), conv=nn.ConvTranspose2d(6, 4, 3, groups=2))(
            lambda s, x: s.conv(x)
        ),
        "depthwise": on(rows(2, 5, 9, 9), conv=nn.Conv2d(6, 6, 3, groups=6))(lambda s, x: s.conv(x)),
        "channels last": on(rows(2, 9, 9, 3), conv=nn.Conv2d(3, 6, 3))(lambda s, x: s.conv(x)),
        "channels last unbatched": on(rows(9, 8, 3), conv=nn.Conv2d(3, 6, 3))(lambda s, x: s.conv(x)),
        "kernel": on(rows(2, 3, 2, 9), conv=nn.Conv2d(3, 6, 5, padding=1))(lambda s, x: s.conv(x)),
        "dilated kernel": on(rows(2, 3, 6, 9), conv=nn.Conv2d(3, 6, 4, dilation=2))(
            lambda s, x: s.conv(x)
        ),
        "rank": on(rows(2, 3), conv=nn.Conv2d(3, 6, 3))(lambda s, x: s.conv(x)),
        "bias": on(rows(2, 3, 9, 9))(lambda s, x: F.conv2d(x, zeros(5, 3, 3, 3), zeros(4))),
        "pixel shuffle": on(rows(2, 6, 3, 3), up=nn.PixelShuffle(2))(lambda s, x: s.up(x)),
    },
    "pooling": {
        "max": on(rows(2, 3, 1, 1), pool=nn.MaxPool2d(2))(lambda s, x: s.pool(x)),
        "average": on(rows(2, 3, 1, 4), pool=nn.AvgPool2d(2))(lambda s, x: s.pool(x)),
        "1d": on(rows(2, 3, 1), pool=nn.MaxPool1d(2))(lambda s, x: s.pool(x)),
        "3d": on(rows(2, 3, 1, 1, 1), pool=nn.MaxPool3d(2))(lambda s, x: s.pool(x)),
        "rank": on(rows(2, 3), pool=nn.MaxPool2d(2))(lambda s, x: s.pool(x)),
    },
    "products": {
        "matmul": on(rows(2, 3))(lambda s, x: x @ zeros(7, 7)),
        "transposed": on(rows(2, 3))(lambda s, x: x @ zeros(7, 3)),
        "mm": on(rows(2, 3))(lambda s, x: torch.mm(x, zeros(7, 7))),
        "mm of batches": on(rows(2, 3, 4))(lambda s, x: torch.mm(x, zeros(4, 7))),
        "bmm": on(rows(2, 3, 3))(lambda s, x: torch.bmm(x, zeros(2, 7, 7))),
        "bmm batches": on(rows(2, 3, 3))(lambda s, x: torch.bmm(x, zeros(3, 3, 7))),
        "matmul batches": on(rows(2, 3, 3))(lambda s, x: x @ zeros(3, 3, 7)),
        "vector": on(rows(2, 3))(lambda s, x: torch.mv(x, zeros(5))),
        "dot": on(rows(3))(lambda s, x: torch.dot(x, zeros(5))),
        "addmm": on(rows(2, 3))(lambda s, x: torch.addmm(zeros(5), x, zeros(7, 5))),
        "addmm sum": on(rows(2, 3))(lambda s, x: torch.addmm(zeros(4), x, zeros(3, 5))),
        "baddbmm": on(rows(2, 3, 4))(lambda s, x: torch.baddbmm(zeros(2, 3, 3), x, zeros(2, 5, 3))),
        "einsum": on(rows(2, 3, 4))(lambda s, x: torch.einsum("bij,bjk->bik", x, zeros(2, 5, 3))),
        "einsum rank": on(rows(2, 3, 4))(lambda s, x: torch.einsum("bij,bjk->bik", x, zeros(5, 3))),
        "einsum ellipsis": on(rows(2, 3, 4))(
            lambda s, x: torch.einsum("...ij,jk->...ik", x, zeros(5, 3))
        ),
    },
    "broadcasting": {
        "add": on(rows(2, 3))(lambda s, x: x + zeros(2, 5)),
        "subtract": on(rows(4, 2, 3))(lambda s, x: x - zeros(5, 1, 3)),
        "rows": on(rows(2, 3))(lambda s, x: x * zeros(2)),
        "divide": on(rows(2, 3))(lambda s, x: x / zeros(3, 2)),
        "where": on(rows(2, 3))(lambda s, x: torch.where(x > 0, x, zeros(4))),
        "masked fill": on(rows(2, 3))(lambda s, x: x.masked_fill(zeros(4, 4) == 0, 0.0)),
        "skip": on(rows(2, 3, 8, 8), conv=nn.Conv2d(3, 3, 3))(lambda s, x: x + s.conv(x)),
        "in place": on(rows(2, 3))(lambda s, x: x.clone().add_(zeros(4, 2, 3))),
        "expand": on(rows(2, 3))(lambda s, x: x.expand(4, 2, 5)),
    },
    "joining": {
        "cat": on(rows(2, 3))(lambda s, x: torch.cat([x, x, zeros(3, 5)], dim=1)),
        "cat elsewhere": on(rows(2, 3))(lambda s, x: torch.cat((x, zeros(2, 5)))),
        "cat rank": on(rows(2, 3))(lambda s, x: torch.cat([x, zeros(2, 3, 1)], 1)),
        "cat dimension": on(rows(2, 3))(lambda s, x: torch.cat([x, x], 2)),
        "stack": on(rows(2, 3))(lambda s, x: torch.stack([x, x, zeros(2, 5)])),
        "split": on(rows(2, 6))(lambda s, x: x.split([2, 3], dim=1)),
    },
    "reshaping": {
        "view": on(rows(10, 16, 5, 5))(lambda s, x: x.view(x.size(0), 256)),
        "view open": on(rows(10, 16, 5, 4))(lambda s, x: x.view(-1, 256)),
        "view of a turned tensor": on(rows(10, 16, 5))(lambda s, x: x.transpose(1, 2).view(10, -1)),
        "two open": on(rows(10, 16))(lambda s, x: x.view(-1, -1)),
        "reshape": on(rows(4, 6))(lambda s, x: torch.reshape(x, (4, 2, 4))),
        "unflatten": on(rows(10, 16))(lambda s, x: x.unflatten(1, (2, 5))),
        "layer": on(rows(10, 16), split=nn.Unflatten(1, (3, 5)))(lambda s, x: s.split(x)),
        "heads": on(rows(2, 5, 10))(lambda s, x: x.view(2, 5, 3, 10 // 3)),
        "permute": on(rows(10, 16))(lambda s, x: x.permute(0, 2, 1)),
        "dimension": on(rows(10, 16))(lambda s, x: x.softmax(dim=4)),
        "unsqueeze": on(rows(10, 16))(lambda s, x: x.unsqueeze(4)),
        "repeat": on(rows(2, 6))(lambda s, x: x.repeat(2)),
    },
    "lookups": {
        "embedding": on(torch.tensor([1, 12]), table=nn.Embedding(10, 4))(lambda s, x: s.table(x)),
        "embedding of floats": on(rows(3), table=nn.Embedding(10, 4))(lambda s, x: s.table(x)),
        "bag": on(torch.tensor([[1, 12]]), table=nn.EmbeddingBag(10, 4))(lambda s, x: s.table(x)),
        "index": on(rows(2, 6))(lambda s, x: x[:, 9]),
        "too many": on(rows(2, 6))(lambda s, x: x[0, 0, 0]),
        "tensor": on(rows(2, 6))(lambda s, x: x[torch.tensor([1, 7])]),
        "mask": on(rows(2, 6))(lambda s, x: x[torch.tensor([True, False, True])]),
        "floats": on(rows(2, 6))(lambda s, x: x[torch.tensor([1.0, 0.0])]),
        "gather": on(rows(2, 6))(lambda s, x: x.gather(1, x)),
        "float mask": on(rows(2, 6))(lambda s, x: x.masked_fill(x, 0.0)),
        "condition": on(rows(2, 6))(lambda s, x: torch.where(x + 1, x, 0.0)),
        "one hot": on(torch.tensor([5]))(lambda s, x: F.one_hot(x, 3)),
    },
    "attention": {
        "width": on(rows(2, 5, 12), heads=attention)(lambda s, x: s.heads(x, x, x)),
        "keys and values": on(rows(2, 5, 8), heads=attention)(
            lambda s, x: s.heads(x, zeros(2, 7, 8), x)
        ),
        "mask": on(rows(2, 5, 8), heads=attention)(lambda s, x: s.heads(x, x, x, attn_mask=zeros(4, 4))),
        "mask of heads": on(rows(2, 5, 8), heads=attention)(
            lambda s, x: s.heads(x, x, x, attn_mask=zeros(2, 5, 5))
        ),
        "padding": on(rows(2, 5, 8), heads=attention)(lambda s, x: s.heads(x, x, x, zeros(5, 2).bool())),
        "rank": on(rows(2, 5, 3, 8), heads=attention)(lambda s, x: s.heads(x, x, x)),
        "batch second": on(rows(2, 3, 8), heads=nn.MultiheadAttention(8, 2))(
            lambda s, x: s.heads(x, zeros(2, 5, 8), zeros(2, 5, 8))
        ),
        "inside a layer": on(rows(2, 5, 12), layer=nn.TransformerEncoderLayer(8, 2, batch_first=True))(
            lambda s, x: s.layer(x)
        ),
        "function": on(rows(2, 4, 5, 8))(
            lambda s, x: F.scaled_dot_product_attention(x, zeros(2, 4, 5, 6), x)
        ),
        "function heads": on(rows(2, 4, 5, 8))(
            lambda s, x: F.scaled_dot_product_attention(x, zeros(2, 3, 6, 8), zeros(2, 3, 6, 8))
        ),
        "function mask": on(rows(2, 4, 5, 8))(
            lambda s, x: F.scaled_dot_product_attention(x, x, x, attn_mask=zeros(2, 5))
        ),
    },
    "normalization": {
        "one value": on(rows(1, 4), training=True, norm=nn.BatchNorm1d(4))(lambda s, x: s.norm(x)),
        "one pixel": on(rows(2, 4, 1, 1), training=True, norm=nn.InstanceNorm2d(4))(
            lambda s, x: s.norm(x)
        ),
        "rank": on(rows(2, 4), norm=nn.BatchNorm2d(4))(lambda s, x: s.norm(x)),
        "another rank": on(rows(2, 4, 3, 3), norm=nn.BatchNorm1d(4))(lambda s, x: s.norm(x)),
        "channels": on(rows(2, 5, 3, 3), norm=nn.BatchNorm2d(4))(lambda s, x: s.norm(x)),
        "instances": on(rows(2, 5, 3, 3), norm=nn.InstanceNorm2d(4, affine=True))(
            lambda s, x: s.norm(x)
        ),
        "group channels": on(rows(2, 6, 3, 3), norm=nn.GroupNorm(2, 4))(lambda s, x: s.norm(x)),
        "groups": on(rows(2, 5, 3, 3))(lambda s, x: F.group_norm(x, 3)),
        "layer": on(rows(2, 6, 3), norm=nn.LayerNorm(6))(lambda s, x: s.norm(x)),
        "layer of two": on(rows(2, 6, 3), norm=nn.LayerNorm((3, 6)))(lambda s, x: s.norm(x)),
        "no batch": on(rows(3, 9, 9), net=nn.Sequential(nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6)))(
            lambda s, x: s.net(x)
        ),
    },
    "recurrent": {
        "input": on(rows(2, 6, 3), rnn=lstm)(lambda s, x: s.rnn(x)),
        "rank": on(rows(2, 6, 3, 4), rnn=nn.GRU(4, 5))(lambda s, x: s.rnn(x)),
        "state": on(rows(2, 6, 4), rnn=lstm)(lambda s, x: s.rnn(x, (zeros(1, 3, 5), zeros(1, 2, 5)))),
        "cell state": on(rows(2, 6, 4), rnn=lstm)(
            lambda s, x: s.rnn(x, (zeros(1, 2, 5), zeros(1, 3, 5)))
        ),
        "state by batch": on(rows(2, 6, 4), rnn=nn.GRU(4, 5, batch_first=True))(
            lambda s, x: s.rnn(x, zeros(2, 1, 5))
        ),
        "one state": on(rows(2, 6, 4), rnn=lstm)(lambda s, x: s.rnn(x, zeros(1, 2, 5))),
        "two layers": on(rows(2, 6, 4), rnn=nn.RNN(4, 5, 2, bidirectional=True))(
            lambda s, x: s.rnn(x, zeros(2, 6, 5))
        ),
        "cell": on(rows(2, 3), cell=nn.LSTMCell(4, 5))(lambda s, x: s.cell(x)),
        "cell batch": on(rows(2, 4), cell=nn.GRUCell(4, 5))(lambda s, x: s.cell(x, zeros(3, 5))),
        "cell of a sequence": on(rows(2, 3, 4), cell=nn.GRUCell(4, 5))(lambda s, x: s.cell(x)),
        "tuple": on(rows(2, 6, 4), rnn=lstm, fc=nn.Linear(5, 5))(lambda s, x: s.fc(s.rnn(x))),
    },
    "kinds": {
        "half": on(rows(2, 4).half(), fc=nn.Linear(4, 5))(lambda s, x: s.fc(x)),
        "double model": on(rows(2, 4), fc=nn.Linear(4, 5).double())(lambda s, x: s.fc(x)),
        "whole numbers": on(whole(2, 4), fc=nn.Linear(4, 5))(lambda s, x: s.fc(x)),
        "image of bytes": on(whole(2, 3, 5, 5).byte(), conv=nn.Conv2d(3, 5, 3))(lambda s, x: s.conv(x)),
        "product": on(rows(2, 3))(lambda s, x: x @ zeros(3, 3).double()),
        "recurrent": on(rows(2, 6, 4).double(), rnn=lstm)(lambda s, x: s.rnn(x)),
        "unknown": on(whole(2, 3))(lambda s, x: x.softmax(-1)),
    },
    "devices": {
        "layer": on(rows(2, 4).to("meta"), fc=nn.Linear(4, 5))(lambda s, x: s.fc(x)),
        "operands": on(rows(2, 4).to("meta"))(lambda s, x: x + zeros(2, 4)),
    },
    "calling": {
        "too many": on(rows(2, 6), child=Child())(lambda s, x: s.child(x, x, x)),
        "too few": on(rows(2, 6), child=Child())(lambda s, x: s.child()),
        "unknown name": on(rows(2, 6), child=Child())(lambda s, x: s.child(x, mask=x)),
        "sequential": on(rows(2, 6), net=nn.Sequential(nn.Linear(6, 6)))(lambda s, x: s.net(x, x)),
        "nothing": on(rows(2, 6), fc=nn.Linear(6, 6))(lambda s, x: s.fc(None)),
        "a list": on(rows(2, 3, 9, 9), conv=nn.Conv2d(3, 3, 3))(lambda s, x: s.conv([x])),
        "a dict": on(rows(2, 6), fc=nn.Linear(6, 6))(lambda s, x: s.fc({"x": x, "y": x})),
        "sizes": on((2, 6), fc=nn.Linear(6, 6))(lambda s, x: s.fc(x)),
        "a list of sizes": on([1, 3, 9, 9], conv=nn.Conv2d(3, 3, 3))(lambda s, x: s.conv(x)),
        "unpacking": on(rows(2, 6))(unpack_three),
        "condition": on(rows(2, 6))(lambda s, x: x if x > 0 else -x),
        "item": on(rows(2, 6))(lambda s, x: x.item()),
    },
    "python": {
        "key": on(rows(2, 6), fc=nn.Linear(6, 3))(lambda s, x: {"a": s.fc(x)}["b"]),
        "attribute": on(rows(2, 6), fc=nn.Linear(6, 3))(lambda s, x: s.fc(x).width),
        "missing layer": on(rows(2, 6))(lambda s, x: s.fc(x)),
        "index": on(rows(2, 6))(lambda s, x: x.chunk(2)[2]),
        "assertion": on(rows(2, 6), fc=nn.Linear(6, 3))(assert_width),
    },
    "losses": {
        "batch": on(rows(2, 6))(lambda s, x: F.cross_entropy(x, whole(3))),
        "no target": on(rows(2, 6))(lambda s, x: F.cross_entropy(x, None)),  # type: ignore[arg-type]
        "classes": on(rows(2, 6))(lambda s, x: F.cross_entropy(x, whole(2) * 6)),
        "floats": on(rows(2, 6))(lambda s, x: F.cross_entropy(x, zeros(2))),
        "int32": on(rows(2, 6))(lambda s, x: F.cross_entropy(x, whole(2).int())),
        "column": on(rows(2, 6))(lambda s, x: F.cross_entropy(x, whole(2, 1))),
        "classes last": on(rows(2, 5, 6))(lambda s, x: F.cross_entropy(x, whole(2, 5))),
        "probabilities": on(rows(2, 6))(lambda s, x: F.cross_entropy(x, zeros(2, 5))),
        "weights": on(rows(2, 6))(lambda s, x: F.cross_entropy(x, whole(2), weight=zeros(5))),
        "negative log": on(rows(2, 6), loss=nn.NLLLoss())(lambda s, x: s.loss(x, whole(3))),
        "binary": on(rows(2, 1))(lambda s, x: F.binary_cross_entropy_with_logits(x, zeros(2))),
    },
}
