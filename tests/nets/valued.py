"""Networks whose forward or constructor needs values, or writes to its weights."""

from __future__ import annotations

import torch
from torch import Tensor, nn

LARGE = 1200
"""A square of this many rows is more than one stays real for."""


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
    """Its constructor reads values, as those with a rate of dropout for each depth do."""

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
    """Its constructor wants what it was given to hold what it wrote."""

    def __init__(self) -> None:
        super().__init__()
        nn.init.ones_(self.layer.weight)
        if self.layer.weight.sum().item() != LARGE * LARGE:
            raise ValueError("the weights are not ones")


class Singular(Item):
    """Its forward fails whatever its weights are, in words that zero-filled weights fail in too."""

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x) @ torch.linalg.inv(torch.zeros(LARGE, LARGE))
