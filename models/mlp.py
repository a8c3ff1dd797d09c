"""A multilayer perceptron: a single nn.Sequential.

The whole network is a sequence of layers, so ``forward`` is a single call. Note the names
(``layers.1.weight``: ``nn.Sequential`` numbers all its children, also those without parameters),
and the first linear layer, which has 85 % of the parameters.
"""

from torch import Tensor, nn

MODEL = "MLP"
EXAMPLE_INPUTS = ("x=32x1x28x28",)


class MLP(nn.Module):
    """A fully connected classifier of small gray images."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Flatten(),
            nn.Linear(28 * 28, 256),
            nn.ReLU(),
            nn.Dropout(0.2),
            nn.Linear(256, 128),
            nn.ReLU(),
            nn.Dropout(0.2),
            nn.Linear(128, 10),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Score each image for each of ten classes."""
        scores: Tensor = self.layers(x)
        return scores
