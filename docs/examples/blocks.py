"""A network of equal blocks, whose width has no default, and a function that builds a small one."""

from torch import Tensor, nn


class Block(nn.Module):
    """A linear layer and an activation, added to the input."""

    def __init__(self, width: int, act: type[nn.Module] = nn.ReLU) -> None:
        super().__init__()
        self.linear = nn.Linear(width, width)
        self.act = act()

    def forward(self, x: Tensor) -> Tensor:
        """Return the input plus what the block makes of it."""
        return x + self.act(self.linear(x))


class Blocks(nn.Module):
    """A stem and any number of blocks."""

    def __init__(self, width: int, depth: int = 2, act: type[nn.Module] = nn.ReLU) -> None:
        super().__init__()
        self.stem = nn.Linear(8, width)
        self.blocks = nn.Sequential(*[Block(width, act) for _ in range(depth)])

    def forward(self, x: Tensor) -> Tensor:
        """Return the features of each example."""
        return self.blocks(self.stem(x))


def build_small() -> nn.Module:
    """Return a network of width 16."""
    return Blocks(16)
