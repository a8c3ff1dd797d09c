"""Tests of indices, of one id per example, and of inputs that are concatenated."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import netinspect


class Linear(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 3)


class Added(Linear):
    def forward(self, x: Tensor, group: Tensor) -> Tensor:
        return torch.zeros(5, 3).index_add_(0, group, self.fc(x))


class Copied(Linear):
    def forward(self, x: Tensor, where: Tensor) -> Tensor:
        return torch.zeros(6, 3).index_copy(0, where, self.fc(x))


class Scattered(Linear):
    def forward(self, x: Tensor, places: Tensor) -> Tensor:
        return torch.zeros(1, 7).scatter_add(1, places, self.fc(x))


class ScatteredRows(Linear):
    """The vector is expanded to the shape of the source, as in pooling of graphs."""

    def forward(self, x: Tensor, graph: Tensor) -> Tensor:
        y = self.fc(x)
        return torch.zeros(4, 3).scatter_reduce(0, graph[:, None].expand_as(y), y, "mean")


class Gathered(Linear):
    def forward(self, x: Tensor, action: Tensor) -> Tensor:
        return self.fc(x).gather(1, action)


class Selected(Linear):
    def forward(self, x: Tensor, which: Tensor) -> Tensor:
        return torch.index_select(self.fc(x), 1, which)


class Indexed(Linear):
    def forward(self, x: Tensor, which: Tensor) -> Tensor:
        return self.fc(x)[which]


class Encoded(Linear):
    def forward(self, x: Tensor, kind: Tensor) -> Tensor:
        return self.fc(x) * F.one_hot(kind, 3)


class Recommender(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.user_rows, self.item_rows = nn.Embedding(100, 8), nn.Embedding(50, 8)
        self.out = nn.Linear(16, 1)

    def forward(self, user: Tensor, item: Tensor) -> Tensor:
        return self.out(torch.cat([self.user_rows(user), self.item_rows(item)], 1))


class Unnamed(Recommender):
    """No name shows that there is one id per example: the join of the embeddings does."""

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        return super().forward(first, second)


class LabelledNoise(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.kinds = nn.Embedding(10, 10)
        self.net = nn.Linear(110, 20)

    def forward(self, noise: Tensor, labels: Tensor) -> Tensor:
        return self.net(torch.cat([noise, self.kinds(labels)], 1))


class LabelledMaps(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 8, 3, padding=1)
        self.kinds = nn.Embedding(10, 8)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return self.conv(x) + self.kinds(y)[:, :, None, None]


class Tagger(nn.Module):
    """Has a label for each token."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.out = nn.Embedding(30, 8), nn.Linear(8, 5)

    def forward(self, tokens: Tensor, labels: Tensor) -> Tensor:
        return F.cross_entropy(self.out(self.words(tokens)).view(-1, 5), labels.view(-1) % 5)


class Critic(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Linear(23, 1)

    def forward(self, state: Tensor, action: Tensor) -> Tensor:
        return self.net(torch.cat([state, action], 1))


class Conditional(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Linear(60 + 10, 4)

    def forward(self, x: Tensor, c: Tensor) -> Tensor:
        return self.net(torch.cat([x.view(-1, 60), c], 1))


class Pair(nn.Module):
    def __init__(self, channels: int = 6) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, 8, 4, 2, 1)

    def forward(self, image: Tensor, other: Tensor) -> Tensor:
        return self.conv(torch.cat((image, other), 1))


class Masked(Pair):
    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        return self.conv(torch.cat((mask, image), 1))


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (Added(), "x=16x4 group=16:int64:0..4"),
        (Copied(), "x=1x4 where=1:int64:0..5"),
        (Scattered(), "x=1x4 places=1x3:int64:0..6"),
        (ScatteredRows(), "x=16x4 graph=16:int64:0..3"),
        (Gathered(), "x=1x4 action=1x1:int64:0..2"),
        (Selected(), "x=1x4 which=3:int64:0..2"),
        (Indexed(), "x=1x4 which=1:int64:0..0"),
        (Encoded(), "x=1x4 kind=1:int64:0..2"),
        (Recommender(), "user=1:int64:0..99 item=1:int64:0..49"),
        (Unnamed(), "first=1:int64:0..99 second=1:int64:0..49"),
        (LabelledNoise(), "noise=1x100 labels=1:int64:0..9"),
        (LabelledMaps(), "x=1x1x28x28 y=1:int64:0..9"),
        (Tagger(), "tokens=1x16:int64:0..29 labels=1x16:int64:0..29"),
        (Critic(), "state=1x12 action=1x11"),
        (Conditional(), "x=1x60 c=1x10"),
        (Pair(), "image=1x3x224x224 other=1x3x224x224"),
        (Pair(4), "image=1x3x224x224 other=1x1x224x224"),
        (Masked(4), "image=1x3x224x224 mask=1x1x224x224:int64:1..1"),
    ],
)
def test_indices_and_joins(model: nn.Module, expected: str) -> None:
    trace = netinspect.load(model)
    assert trace.failure is None
    assert " ".join(each.spec for each in trace.inputs) == expected
    assert len(trace.attempts) < 20


def test_indices_reason() -> None:
    assert netinspect.load(Gathered()).inputs[1].origin == "gather takes it as index"
