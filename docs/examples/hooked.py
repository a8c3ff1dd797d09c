"""A small network with one of everything that an nn.Module holds."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Scaled(nn.Module):
    """A linear layer whose result is shifted by a parameter and divided by a buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 3)
        self.shift = nn.Parameter(torch.zeros(3))
        self.register_buffer("scale", torch.full((3,), 2.0))
        self.register_forward_pre_hook(report_input)
        self.register_forward_hook(report_output)
        self.register_full_backward_hook(report_gradient)

    def forward(self, x: Tensor) -> Tensor:
        """Return the layer's result, shifted and scaled."""
        return F.relu(self.linear(x) + self.shift) / self.scale


def report_input(module: nn.Module, args: tuple[Tensor, ...]) -> None:
    """Print the shape of the input, before forward runs."""
    print("forward gets", tuple(args[0].shape))


def report_output(module: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> None:
    """Print the shape of the output, after forward has run."""
    print("forward returned", tuple(output.shape))


def report_gradient(module: nn.Module, grad_input: object, grad_output: tuple[Tensor, ...]) -> None:
    """Print the shape of the gradient that backward brings."""
    print("backward brings", tuple(grad_output[0].shape))
