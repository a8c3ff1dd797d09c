"""Actor and critic on observations, and a function that builds them as the training does."""

from __future__ import annotations

import torch
from torch import nn
from torch.distributions import Categorical


class ActorCritic(nn.Module):
    """Policy and value of an observation."""

    def __init__(self, observation_size: int, actions: int, hidden: int = 64) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(observation_size, hidden), nn.Tanh())
        self.actor = nn.Linear(hidden, actions)
        self.critic = nn.Linear(hidden, 1)

    def forward(
        self, observation: torch.Tensor, action: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        features = self.body(observation)
        policy = Categorical(logits=self.actor(features))
        if action is None:
            action = policy.sample()
        return action, policy.log_prob(action), self.critic(features)


def build():
    return ActorCritic(observation_size=8, actions=4)
