"""Models whose sizes stand in patterns of einops."""

from __future__ import annotations

import torch
from einops import rearrange
from einops.layers.torch import Rearrange, Reduce
from torch import nn


class PatchMixer(nn.Module):
    """Mixes the patches of a picture, then their channels."""

    def __init__(self, image_size: int = 128, patch: int = 16, width: int = 64) -> None:
        super().__init__()
        count = (image_size // patch) ** 2
        self.embed = nn.Sequential(
            Rearrange("b c (h p) (w q) -> b (h w) (p q c)", p=patch, q=patch),
            nn.Linear(patch * patch * 3, width),
        )
        self.tokens = nn.Conv1d(count, count, 1)
        self.head = nn.Sequential(Reduce("b n d -> b d", "mean"), nn.Linear(width, 10))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.tokens(self.embed(x)))


class VideoPatches(nn.Module):
    """Embeds the tubes of a clip."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.embed = nn.Linear(3 * 2 * 8 * 8, width)

    def forward(self, video: torch.Tensor) -> torch.Tensor:
        tubes = rearrange(video, "b c (t f) (h p) (w q) -> b (t h w) (c f p q)", f=2, p=8, q=8)
        return self.embed(tubes).mean(1)


class SpectrogramBands(nn.Module):
    """Attends to the bands of a spectrogram."""

    def __init__(self, bands: int = 8, band_size: int = 10, width: int = 32) -> None:
        super().__init__()
        self.bands = bands
        self.embed = nn.Linear(band_size, width)
        self.attention = nn.MultiheadAttention(width, 4, batch_first=True)

    def forward(self, spectrogram: torch.Tensor) -> torch.Tensor:
        x = rearrange(spectrogram, "b t (k f) -> (b t) k f", k=self.bands)
        x = self.embed(x)
        return self.attention(x, x, x)[0].mean(1)


class PixelShuffleNet(nn.Module):
    """Doubles the sides of a picture."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(16, 4, 3, padding=1),
            Rearrange("b (p q) h w -> b 1 (h p) (w q)", p=2, q=2),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x)
