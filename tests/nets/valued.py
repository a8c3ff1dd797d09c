"""Networks whose forward or constructor reads values or writes to weights, for tests of tensor modes."""

from __future__ import annotations

import torch
from torch import Tensor, nn

LARGE = 1200
"""A square matrix with this many rows is large enough to be zero-filled."""


class Item(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(LARGE, LARGE)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x) * x.sum().item()


class Branch(Item):
    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x) if x.sum() > 0 else self.layer(self.layer(x))


class Mask(Item):
    def forward(self, x: Tensor) -> Tensor:
        y = self.layer(x)
        return y[y >= 0]


class Numpy(Item):
    def forward(self, x: Tensor) -> Tensor:
        return torch.from_numpy(self.layer(x).detach().cpu().numpy())


class Writes(Item):
    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            self.layer.weight.mul_(0.99)
        return self.layer(x)


class Inverts(Item):
    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x) @ torch.linalg.inv(self.layer.weight)


class Builds(Item):
    """Its constructor reads values, such as dropout rates by depth."""

    def __init__(self) -> None:
        super().__init__()
        self.rates = [rate.item() for rate in torch.linspace(0, 0.1, 3)]
        self.drop = nn.Dropout(self.rates[2])


class BuildsFromWeights(Item):
    """Its constructor loads and changes weights."""

    def __init__(self) -> None:
        super().__init__()
        self.load_state_dict({name: torch.ones_like(each) for name, each in self.state_dict().items()})
        nn.init.orthogonal_(self.layer.weight)
        self.layer.weight.data[0].zero_()
        self.half()
        self.float()


class Refuses(Item):
    """Its constructor checks that its weights have the values that it wrote."""

    def __init__(self) -> None:
        super().__init__()
        nn.init.ones_(self.layer.weight)
        if self.layer.weight.sum().item() != LARGE * LARGE:
            raise ValueError("the weights are not ones")


class Singular(Item):
    """Its forward always fails, with the same message as on zero-filled weights."""

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x) @ torch.linalg.inv(torch.zeros(LARGE, LARGE))
