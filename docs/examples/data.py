"""A batch for docs/examples/photos.py, as a data loader would yield it."""

import torch


def batch() -> torch.Tensor:
    """Return four images with values from 0 to 1."""
    return torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))
