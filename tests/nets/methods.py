"""A model with methods next to `forward`, for tests of `--call`."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class Autoencoder(nn.Module):
    """Has halves that are called alone, and methods that call the whole."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 3))
        self.decoder = nn.Linear(3, 12)
        self.calls: list[str] = []
        self.register_forward_hook(self._note)

    def _note(self, module: nn.Module, args: Any, output: Any) -> None:
        self.calls.append("forward")

    @property
    def size(self) -> int:
        raise AssertionError("a property was evaluated")

    def encode(self, image: Tensor) -> Tensor:
        return self.encoder(image)

    def decode(self, code: Tensor, *, scale: float = 1.0) -> Tensor:
        return self.decoder(code) * scale

    @torch.no_grad()
    def predict(self, x: Tensor) -> Tensor:
        return self(x).argmax(-1)

    def direct(self, x: Tensor) -> Tensor:
        return self.forward(x) + 1

    @staticmethod
    def rescale(x: Tensor) -> Tensor:
        return x * 2

    def generate(self, x: Tensor) -> Any:
        for _ in range(2):
            x = self(x)
            yield x

    def forward(self, x: Tensor) -> Tensor:
        return self.decode(self.encode(x))


class Refusing(Autoencoder):
    """Has no forward of its own."""

    def forward(self, *args: Any) -> Tensor:
        raise NotImplementedError("use encode or decode")


class Keyed(nn.Module):
    """Takes a dictionary in another method than forward."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(50, 6)

    def forward(self, ids: Tensor) -> Tensor:
        return self.words(ids)

    def score(self, batch: dict[str, Tensor]) -> Tensor:
        return self.words(batch["ids"]).sum()
