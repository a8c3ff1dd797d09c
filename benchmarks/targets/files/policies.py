"""Networks of stable-baselines3, which take a space of observations."""

import gymnasium
from stable_baselines3.common.policies import ActorCriticCnnPolicy, ActorCriticPolicy
from stable_baselines3.common.torch_layers import NatureCNN

PICTURES = gymnasium.spaces.Box(0, 255, (4, 84, 84), "uint8")
VECTORS = gymnasium.spaces.Box(-1.0, 1.0, (8,))
ACTIONS = gymnasium.spaces.Discrete(4)


def features() -> NatureCNN:
    """Build the features of four grey pictures."""
    return NatureCNN(PICTURES)


def policy() -> ActorCriticPolicy:
    """Build a policy on vectors."""
    return ActorCriticPolicy(VECTORS, ACTIONS, lambda progress: 3e-4)


def picture_policy() -> ActorCriticCnnPolicy:
    """Build a policy on four grey pictures."""
    return ActorCriticCnnPolicy(PICTURES, ACTIONS, lambda progress: 3e-4)
