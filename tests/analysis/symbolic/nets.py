"""Models with sizes that are expressions of the batch or have no expression."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Merged(nn.Module):
    """Merge batch and sequence: `4*N`."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        flat = self.linear(x.reshape(-1, 6))
        return flat.reshape(x.shape[0], 4, 5)


class Doubled(nn.Module):
    """Concatenate two batches, and add one row: `2*N` and `N + 1`."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(6, 5)
        self.token = nn.Parameter(torch.zeros(1, 6))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.linear(torch.cat([x, x])), torch.cat([self.token, x])


class Reduced(nn.Module):
    """Return the same size for any batch."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x).mean(dim=0)


class Fixed(nn.Module):
    """Accept only a batch of 4."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(24, 5)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.linear(x.reshape(24))
        return y


class Picked(nn.Module):
    """Select the rows whose sum is positive: a size that depends on values."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.linear(x)
        return F.relu(y[x.sum(dim=1) > 0.3])


class Looped(nn.Module):
    """Run one step for each example."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([self.linear(row) for row in x])


class Branched(nn.Module):
    """Compute something else for few examples, in the same number of steps."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(x) if len(x) < 6 else torch.sigmoid(x)


class Halved(nn.Module):
    """Select every second example: a rounded half."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.linear(x[::2])
        return y


class Pairs(nn.Module):
    """Compute all ordered and unordered pairs of examples: `N^2` and `(N^2 - N)/2`."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(6, 5)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        ones, others = torch.tril_indices(len(x), len(x), -1, device=x.device)
        return self.linear((x[:, None] - x[None]).reshape(-1, 6)), x[ones] * x[others]


class Cubed(nn.Module):
    """Compute all triples of examples, which no polynomial of degree 2 describes."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(2, 5)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.linear((x[:, None, None] + x[None, :, None] + x[None, None]).reshape(-1, 2))
        return y


class Attention(nn.Module):
    """Attention written out: quadratic in the sequence."""

    def __init__(self) -> None:
        super().__init__()
        self.keys = nn.Linear(8, 8)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        keys = self.keys(x)
        scores = x @ keys.transpose(1, 2)
        if mask is not None:
            scores = scores.masked_fill(mask, -1e9)
        return scores.softmax(-1) @ x


class SequenceFirst(nn.Module):
    """Recurrent layer with the default layout of torch: the batch is the second dimension."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(6, 7)
        self.head = nn.Linear(7, 2)

    def forward(self, x: Tensor, state: tuple[Tensor, Tensor] | None = None) -> Tensor:
        y, _ = self.lstm(x, state)
        z: Tensor = self.head(y)
        return z


class Named(nn.Module):
    """Model of a dictionary, with a mask that has the sequence twice."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(20, 8)
        self.attention = Attention()

    def forward(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        return {"scores": self.attention(self.embedding(batch["ids"]), batch["mask"])}
