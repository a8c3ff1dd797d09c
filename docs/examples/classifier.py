"""A classifier that a checkpoint of docs/diff.md was fine-tuned from."""

from torch import Tensor, nn


class Classifier(nn.Module):
    """A perceptron with one hidden layer."""

    def __init__(self, num_classes: int = 10) -> None:
        super().__init__()
        self.hidden = nn.Linear(8, 16)
        self.head = nn.Linear(16, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return a score for each class."""
        return self.head(self.hidden(x).relu())
