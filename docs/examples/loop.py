"""A network whose forward has a loop and a print, and whose layers are in a plain list."""

import torch.nn.functional as F
from torch import Tensor, nn


class Loop(nn.Module):
    """Three hidden layers in a Python list, where nn.Module does not see them."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = [nn.Linear(8, 8) for _ in range(3)]
        self.head = nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        """Score each example."""
        for number, layer in enumerate(self.hidden):
            x = F.relu(layer(x))
            print("hidden", number, tuple(x.shape))
        return self.head(x)
