"""A multilayer perceptron: one nn.Sequential, nothing else.

The whole network is a list of layers, and so ``forward`` is a single call. Look at the names
(``layers.1.weight``: ``nn.Sequential`` numbers its children, and the ones without parameters count
too), and at the first linear layer, which alone holds 85 % of the parameters.
"""

from torch import Tensor, nn

MODEL = "MLP"
EXAMPLE_INPUTS = ("x=32x1x28x28",)


class MLP(nn.Module):
    """A fully connected classifier of small grey images."""

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
