"""Nets on pictures and volumes, which state their sizes in different places."""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import nn


class SmallPictureNet(nn.Module):
    """Classifier of pictures of 32x32 pixels: no stride before the first block, and ten classes."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, stride=1, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(16)
        self.down = nn.ModuleList(nn.Conv2d(16, 16, 3, stride=2, padding=1) for _ in range(3))
        self.head = nn.Linear(16, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.norm(self.stem(x)).relu()
        for layer in self.down:
            x = layer(x).relu()
        return self.head(x.mean((2, 3)))


class CheckedSize(nn.Module):
    """Net that refuses pictures of another size than its own."""

    def __init__(self, image_size: int = 48, channels: int = 3) -> None:
        super().__init__()
        self.image_size, self.channels = image_size, channels
        self.features = nn.Conv2d(channels, 8, 4, stride=4)
        self.head = nn.Linear(8, 5)

    def forward(self, img: torch.Tensor) -> torch.Tensor:
        assert img.shape[1:] == (self.channels, self.image_size, self.image_size)
        return self.head(self.features(img).mean((2, 3)))


class PositionedPatches(nn.Module):
    """Transformer with one learnt position for each patch."""

    def __init__(self, img_size: tuple[int, int] = (96, 64), patch: int = 16, width: int = 32) -> None:
        super().__init__()
        self.img_size = img_size
        self.patches = nn.Conv2d(3, width, patch, stride=patch)
        count = (img_size[0] // patch) * (img_size[1] // patch)
        self.positions = nn.Parameter(torch.zeros(1, count, width))
        self.block = nn.TransformerEncoderLayer(width, 4, 64, batch_first=True)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        x = self.patches(images).flatten(2).transpose(1, 2)
        return self.block(x + self.positions).mean(1)


class FlattenedPicture(nn.Module):
    """Perceptron that flattens grey pictures of 28x28 pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(784, 32), nn.ReLU(), nn.Linear(32, 10))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x)


class VolumeSegmenter(nn.Module):
    """Encoder and decoder of volumes, whose sides are halved three times."""

    def __init__(self) -> None:
        super().__init__()
        widths = (1, 4, 8, 16)
        self.down = nn.ModuleList(nn.Conv3d(a, b, 3, stride=2, padding=1) for a, b in pairwise(widths))
        self.up = nn.ModuleList(nn.ConvTranspose3d(b, b // 2, 2, stride=2) for b in (16, 8, 4))
        self.head = nn.Conv3d(2, 3, 1)

    def forward(self, volume: torch.Tensor) -> torch.Tensor:
        for layer in self.down:
            volume = layer(volume).relu()
        for layer in self.up:
            volume = layer(volume).relu()
        return self.head(volume)


class TwoViews(nn.Module):
    """Discriminator of two pictures, joined by their channels."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(6, 8, 4, stride=2, padding=1), nn.LeakyReLU(0.2), nn.Conv2d(8, 1, 4, padding=1)
        )

    def forward(self, left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
        return self.layers(torch.cat([left, right], 1))


class ConditionalGenerator(nn.Module):
    """Makes pictures from noise and the label of each."""

    def __init__(self, latent: int = 16, classes: int = 10) -> None:
        super().__init__()
        self.labels = nn.Embedding(classes, classes)
        self.layers = nn.Sequential(nn.Linear(latent + classes, 32), nn.ReLU(), nn.Linear(32, 784))

    def forward(self, noise: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        x = self.layers(torch.cat([noise, self.labels(labels)], 1))
        return x.view(-1, 1, 28, 28)


class NoisePredictor(nn.Module):
    """Step of a diffusion model: a picture and the number of the step."""

    def __init__(self, steps: int = 1000, width: int = 16) -> None:
        super().__init__()
        self.steps = nn.Embedding(steps, width)
        self.first = nn.Conv2d(3, width, 3, padding=1)
        self.down = nn.Conv2d(width, width, 3, stride=2, padding=1)
        self.up = nn.ConvTranspose2d(width, width, 2, stride=2)
        self.last = nn.Conv2d(2 * width, 3, 1)

    def forward(self, x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        x = self.first(x) + self.steps(t)[:, :, None, None]
        return self.last(torch.cat([x, self.up(self.down(x).relu())], 1))


class Points(nn.Module):
    """Classifier of clouds of points, with the coordinates first."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv1d(3, 16, 1), nn.ReLU(), nn.Conv1d(16, 32, 1))
        self.head = nn.Linear(32, 4)

    def forward(self, points: torch.Tensor) -> torch.Tensor:
        return F.log_softmax(self.head(self.layers(points).max(2).values), dim=1)
