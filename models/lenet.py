"""LeNet: two convolutions, three linear layers, 28x28 digits.

A small network from a tutorial. Note where the parameters are (most of them in ``fc1``, few in the
convolutions), and ``view``, which flattens the feature maps and thus determines the size of the
images that the network takes. The ReLU after ``fc3`` is part of the original code; most
classifiers return their scores without it.
"""

import torch.nn.functional as F
from torch import Tensor, nn

MODEL = "LeNet"
EXAMPLE_INPUTS = ("x=10x1x28x28",)


class LeNet(nn.Module):
    """A small convolutional classifier of ten digits."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(256, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Score each image for each digit."""
        x = F.max_pool2d(F.relu(self.conv1(x)), (2, 2))
        x = F.max_pool2d(F.relu(self.conv2(x)), (2, 2))
        x = x.view(x.size()[0], -1)
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        x = F.relu(self.fc3(x))
        return x
