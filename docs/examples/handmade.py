"""LeNet with the shapes written by hand next to each line of forward; one of them is wrong."""

import torch.nn.functional as F
from torch import Tensor, nn


class LeNet(nn.Module):
    """A classifier of ten digits, for images of 28x28 pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(256, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Score each image for each digit."""
        # x is a batch of ten images: (10, 1, 28, 28)
        x = F.max_pool2d(F.relu(self.conv1(x)), (2, 2))
        # after the first pooling: (10, 6, 12, 12)
        x = F.max_pool2d(F.relu(self.conv2(x)), (2, 2))
        # after the second pooling: (10, 6, 4, 4)
        x = x.view(x.size()[0], -1)
        # one row per image: (10, 256)
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        x = F.relu(self.fc3(x))
        return x
