"""Networks that take images or flattened images."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class LeNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(256, 120)
        self.fc2 = nn.Linear(120, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        return self.fc2(self.fc1(x.view(x.size(0), -1)))


class Cifar(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 6, 5)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(400, 120)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        return self.fc1(torch.flatten(x, 1))


class Mlp(nn.Sequential):
    def __init__(self) -> None:
        super().__init__(nn.Linear(784, 100), nn.ReLU(), nn.Linear(100, 10))


class Flat(nn.Sequential):
    def __init__(self) -> None:
        super().__init__(nn.Flatten(), nn.Linear(784, 100), nn.BatchNorm1d(100))


class Vit(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.patch = nn.Conv2d(3, 64, 8, 8)
        self.cls = nn.Parameter(torch.zeros(1, 1, 64))
        self.pos = nn.Parameter(torch.zeros(1, 17, 64))
        self.enc = nn.TransformerEncoder(nn.TransformerEncoderLayer(64, 4, batch_first=True), 1)
        self.head = nn.Linear(64, 10)

    def forward(self, img: Tensor) -> Tensor:
        x = self.patch(img).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls.expand(x.shape[0], -1, -1), x], 1) + self.pos
        return self.head(self.enc(x)[:, 0])


class Unet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Conv2d(3, 8, 3, padding=1)
        self.b = nn.Conv2d(8, 16, 3, padding=1)
        self.c = nn.Conv2d(16, 32, 3, padding=1)
        self.d = nn.Conv2d(32, 32, 3, padding=1)
        self.f = nn.Conv2d(32, 32, 3, padding=1)
        self.g = nn.Conv2d(32, 64, 3, 2, 1)
        self.u = nn.ConvTranspose2d(64, 32, 2, 2)
        self.o = nn.Conv2d(64, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        for layer in (self.a, self.b, self.c, self.d, self.f):
            x = F.max_pool2d(layer(x), 2)
        y = self.u(self.g(x))
        return self.o(torch.cat([x, y], 1))


class Siamese(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.f = nn.Sequential(
            nn.Conv2d(1, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 8)
        )

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        return (self.f(x1) - self.f(x2)).abs().sum(1)


class Diffusion(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.c = nn.Conv2d(4, 16, 3, padding=1)
        self.t = nn.Sequential(nn.Linear(16, 16))
        self.o = nn.Conv2d(16, 4, 3, padding=1)

    def forward(self, x: Tensor, timesteps: Tensor, context: Tensor | None = None) -> Tensor:
        h = torch.exp(-torch.arange(8, device=x.device) / 8) * timesteps[:, None].float()
        e = self.t(torch.cat([h.sin(), h.cos()], -1))
        return self.o(self.c(x) + e[:, :, None, None])


class Video(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.c = nn.Conv3d(3, 8, 3, 2, 1)
        self.o = nn.Linear(8, 5)

    def forward(self, clip: Tensor) -> Tensor:
        return self.o(self.c(clip).mean((2, 3, 4)))


class ChannelsLast(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.c = nn.Conv2d(3, 8, 3)
        self.o = nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = x.permute(0, 3, 1, 2)
        return self.o(self.c(x).mean((2, 3)))


class Vae(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.e = nn.Linear(784, 40)
        self.d = nn.Linear(20, 784)

    def forward(self, x: Tensor) -> Tensor:
        mean, deviation = self.e(x.view(-1, 784)).chunk(2, -1)
        return self.d(mean + torch.randn_like(mean) * deviation)


class Gan(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.c = nn.ConvTranspose2d(100, 64, 4, 1, 0)
        self.d = nn.ConvTranspose2d(64, 3, 4, 2, 1)

    def forward(self, z: Tensor) -> Tensor:
        return self.d(self.c(z))


class Bn(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.b = nn.BatchNorm2d(3)
        self.c = nn.Conv2d(3, 4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.c(self.b(x))


class Mixer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.p = nn.Conv2d(3, 16, 4, 4)
        self.t = nn.Linear(64, 64)
        self.o = nn.Linear(16, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.p(x).flatten(2)
        x = self.t(x).mean(-1)
        return self.o(x)


class Rect(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.c = nn.Conv2d(1, 4, 3, padding=1)
        self.l = nn.Linear(4 * 32 * 100, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.l(self.c(x).flatten(1))
