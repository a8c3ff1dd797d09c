"""Networks that describe their inputs in docstrings, annotations or error messages."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Documented(nn.Module):
    """No layer takes the arguments directly; the docstring of forward has their shapes."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(5, 7))
        self.table = nn.Parameter(torch.randn(9, 7))

    def forward(self, signal: Tensor, marks: Tensor, levels: Tensor) -> Tensor:
        """Mix them.

        Args:
            signal (`torch.FloatTensor` of shape `(batch_size, sequence_length, 5)`):
                The measurements.
            marks (`torch.LongTensor` of shape `(batch_size, sequence_length)`, *optional*):
                The kind of each, one of nine.
            levels: a tensor of shape [batch_size, sequence_length, 2 * 3 + 1].

        Returns:
            A tensor of shape (batch_size, 1).
        """
        batch, _, features = signal.shape
        if features != 5:
            raise ValueError("wrong number of sensors")
        mixed = signal @ self.weight + self.table[marks] * levels
        return mixed.reshape(batch, -1).sum(1)


class Annotated(nn.Module):
    """Its annotations have the sizes, in the form of jaxtyping."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(4))

    def forward(self, field: Tensor, steps: Tensor) -> Tensor:
        """Scale each of the four channels."""
        batch, channels, _, _ = field.shape
        if channels != 4 or steps.is_floating_point():
            raise ValueError("the inputs do not match the annotations")
        return field * self.scale.view(1, 4, 1, 1) * steps.view(batch, 1, 1, 1)


# Set here, since linters do not know the annotations of that library.
Annotated.forward.__annotations__.update(
    field='Float[Tensor, "batch 4 height width"]', steps='Int[Tensor, "batch"]'
)


class Strict(nn.Module):
    """It takes whole frames only; its error message has the unit."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(96, 8))

    def forward(self, waveform: Tensor) -> Tensor:
        """Encode each frame."""
        if waveform.shape[-1] % 96:
            raise ValueError(f"length {waveform.shape[-1]} is not a multiple of 96: pad it")
        return waveform.unflatten(-1, (-1, 96)) @ self.weight


class Exact(nn.Module):
    """It takes one length only; its error message has the length."""

    def __init__(self) -> None:
        super().__init__()
        self.mix = nn.Linear(3, 8)

    def forward(self, past_values: Tensor) -> Tensor:
        """Project each past value."""
        if past_values.shape[1] != 36:
            raise ValueError(f"Input length ({past_values.shape[1]}) doesn't match configuration (36).")
        return self.mix(past_values)


class Pairs(nn.Module):
    """It takes two images at a time; its error message names the dimensions."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, pixel_values: Tensor) -> Tensor:
        """Compare two images."""
        if pixel_values.ndim != 5:
            raise ValueError("expected images of shape (batch_size, 2, num_channels, height, width)")
        return self.conv(pixel_values[:, 0]) - self.conv(pixel_values[:, 1])


class Missed(nn.Module):
    """An argument is optional in the signature, but required by the code."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Embedding(40, 8)
        self.decoder = nn.Embedding(30, 8)

    def forward(
        self, input_ids: Tensor, labels: Tensor | None = None, decoder_input_ids: Tensor | None = None
    ) -> Tensor:
        """Encode, and decode."""
        length = decoder_input_ids.shape[1]  # type: ignore[union-attr]
        return self.encoder(input_ids)[:, :length] + self.decoder(decoder_input_ids)


class Patches(nn.Module):
    """It takes images as rows of patches, with the sizes of their grids."""

    def __init__(self) -> None:
        super().__init__()
        self.patch_embedding = nn.Linear(48, 8)

    def forward(self, patches: Tensor, spatial_shapes: Tensor) -> Tensor:
        """Embed each image."""
        height, width = spatial_shapes[0].tolist()
        return self.patch_embedding(patches).view(-1, height, width, 8)
