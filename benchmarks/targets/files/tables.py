"""Nets on rows of tables, on pairs of ids, and on graphs."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import nn


class NumbersAndCategories(nn.Module):
    """Row with four numbers and three categories."""

    def __init__(self, sizes: tuple[int, ...] = (10, 4, 6), numbers: int = 4, width: int = 8) -> None:
        super().__init__()
        self.cont_embeddings = nn.Linear(numbers, width)
        self.cat_embeddings = nn.ModuleList(nn.Embedding(size, width) for size in sizes)
        self.head = nn.Linear(width * (1 + len(sizes)), 1)

    def forward(self, x_cont: torch.Tensor, x_cat: torch.Tensor) -> torch.Tensor:
        parts = [self.cont_embeddings(x_cont)]
        parts += [layer(x_cat[:, place]) for place, layer in enumerate(self.cat_embeddings)]
        return self.head(torch.cat(parts, 1))


class Recommender(nn.Module):
    """Score of one item for one user, of which each example has one."""

    def __init__(self, users: int = 40, items: int = 70) -> None:
        super().__init__()
        self.users = nn.Embedding(users, 8)
        self.items = nn.Embedding(items, 8)
        self.layers = nn.Sequential(nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 1))

    def forward(self, user: torch.Tensor, item: torch.Tensor) -> torch.Tensor:
        return self.layers(torch.cat([self.users(user), self.items(item)], 1))


class DenseGraph(nn.Module):
    """Two graph convolutions with a dense matrix of neighbours."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(12, 16)
        self.last = nn.Linear(16, 3)

    def forward(self, x: torch.Tensor, adj: torch.Tensor) -> torch.Tensor:
        x = torch.mm(adj, self.first(x)).relu()
        return torch.mm(adj, self.last(x))


class EdgeList(nn.Module):
    """Sum over the neighbours that a list of edges names."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(12, 16)
        self.last = nn.Linear(16, 3)

    def forward(self, x: torch.Tensor, edge_index: torch.Tensor) -> torch.Tensor:
        x = self.first(x)
        source, target = edge_index
        return self.last(torch.zeros_like(x).index_add(0, target, x[source]))


class GraphObject(nn.Module):
    """The same on an object with the graph's parts as attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.net = EdgeList()

    def forward(self, data: Any) -> torch.Tensor:
        return self.net(data.x, data.edge_index)


class Transition(NamedTuple):
    """What an agent has seen, and what it did."""

    state: torch.Tensor
    action: torch.Tensor


class Critic(nn.Module):
    """Value of a state and a continuous action."""

    def __init__(self, state_size: int = 6, action_size: int = 2) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(state_size + action_size, 16), nn.ReLU(), nn.Linear(16, 1))

    def forward(self, state: torch.Tensor, action: torch.Tensor) -> torch.Tensor:
        return self.layers(torch.cat([state, action], dim=-1))


class Replay(nn.Module):
    """Critic of a named tuple."""

    def __init__(self) -> None:
        super().__init__()
        self.critic = Critic()

    def forward(self, transition: Transition) -> torch.Tensor:
        return self.critic(transition.state, transition.action)
