"""One layer run four times, a bare parameter and two buffers.

The same linear layer refines its own output: the tree shows it once, a trace shows four calls, and
its parameters count once. The model also has other kinds of state: ``step_sizes`` is learned
outside of any layer, ``input_mean`` is saved but not learned, and ``decay`` is neither: it moves
with the model to another device, but is not in ``state_dict()``.
"""

import torch
from torch import Tensor, nn

MODEL = "SharedLayer"
EXAMPLE_INPUTS = ("x=8x32",)


class SharedLayer(nn.Module):
    """Refines a vector in steps that all use the same layer.

    Args:
        width: Features of the vector.
        steps: Number of calls of the layer.
    """

    input_mean: Tensor
    decay: Tensor

    def __init__(self, width: int = 32, steps: int = 4) -> None:
        super().__init__()
        self.mixing = nn.Linear(width, width)
        self.step_sizes = nn.Parameter(torch.ones(steps))
        self.register_buffer("input_mean", torch.zeros(width))
        # Derived from the arguments: a saved value could contradict them.
        self.register_buffer("decay", 0.5 ** torch.arange(steps), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Center the input, then take steps of decreasing size."""
        if self.training:
            self.input_mean.lerp_(x.detach().mean(dim=0), 0.1)
        x = x - self.input_mean
        for step_size in self.step_sizes * self.decay:
            x = x + step_size * torch.tanh(self.mixing(x))
        return x
