"""Models with shared, tied, uncalled or unregistered layers and tensors."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from tests.nets.case import Case, rows


class Reused(nn.Module):
    """One layer called three times, on two shapes."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(2):
            x = self.linear(x)
        return self.linear(x[:1])


class Containers(nn.Module):
    """Layers and parameters in torch's containers."""

    def __init__(self) -> None:
        super().__init__()
        self.several = nn.ModuleList([nn.Linear(3, 3), nn.Linear(3, 3)])
        self.named = nn.ModuleDict({"relu": nn.ReLU(), "last": nn.Linear(3, 2)})
        self.scales = nn.ParameterList([torch.ones(3), torch.ones(3)])
        self.shifts = nn.ParameterDict({"one": torch.zeros(3)})

    def forward(self, x: Tensor) -> Tensor:
        for layer, scale in zip(self.several, self.scales, strict=True):
            x = self.named["relu"](layer(x) * scale + self.shifts["one"])
        out: Tensor = self.named["last"](x)
        return out


class Uncalled(nn.Module):
    """An uncalled layer, an uncalled branch, and a layer whose `forward` is called directly."""

    def __init__(self) -> None:
        super().__init__()
        self.used = nn.Linear(3, 3)
        self.direct = nn.Linear(3, 3)
        self.idle = nn.Linear(3, 3)
        self.idle_branch = nn.Sequential(nn.Linear(3, 3), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        return self.direct.forward(self.used(x))


class TiedObject(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(5, 3)
        self.head = nn.Linear(3, 5, bias=False)
        self.head.weight = self.embedding.weight

    def forward(self, tokens: Tensor) -> Tensor:
        out: Tensor = self.head(self.embedding(tokens))
        return out


class TiedStorage(nn.Module):
    """Parameters that share memory: created again from `.data`, and transposed."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(3, 4, bias=False)
        self.again = nn.Linear(3, 4, bias=False)
        self.turned = nn.Linear(4, 3, bias=False)
        self.again.weight = nn.Parameter(self.first.weight.data)
        self.turned.weight = nn.Parameter(self.first.weight.data.t())

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.again(self.turned(self.first(x)))
        return out


class Halves(nn.Module):
    """Parameters on one storage that share no element, and thus are not tied."""

    def __init__(self) -> None:
        super().__init__()
        whole = torch.randn(2, 4)
        self.even = nn.Parameter(whole[:, ::2])
        self.odd = nn.Parameter(whole[:, 1::2])
        self.first = nn.Parameter(whole[:1])  # starts with `even`, and has as many elements

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.even + x @ self.odd + self.first.sum()


class Aliased(nn.Module):
    """One module under two parents."""

    def __init__(self) -> None:
        super().__init__()
        shared = nn.Sequential(nn.Linear(3, 3), nn.ReLU())
        self.left = nn.Sequential(shared, nn.Linear(3, 3))
        self.right = nn.Sequential(nn.Linear(3, 3), shared)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.right(self.left(x))
        return out


class Child(nn.Module):
    def __init__(self, parent: nn.Module) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 3)
        self.parent = parent

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.linear(x)
        return out


class Circular(nn.Module):
    """A child that registers its parent as a submodule."""

    def __init__(self) -> None:
        super().__init__()
        self.child = Child(self)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.child(x)
        return out


class Hidden(nn.Module):
    """Layers in a plain list, which are not registered."""

    def __init__(self) -> None:
        super().__init__()
        self.known = nn.Linear(3, 3)
        self.plain = [nn.Linear(3, 3), nn.BatchNorm1d(3)]

    def forward(self, x: Tensor) -> Tensor:
        x = self.known(x)
        for layer in self.plain:
            x = layer(x)
        return x


class OnTheSpot(nn.Module):
    """Creates layers without parameters in forward."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        return nn.Softmax(dim=1)(nn.ReLU()(self.linear(x)))


class Tricky(nn.Module):
    """Attributes from a property and `__getattr__`, and a forward patched on the instance."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 3)
        self.forward = self.patched

    @property
    def layer(self) -> nn.Module:
        return self.linear

    def __getattr__(self, name: str) -> Any:
        return 7 if name == "seven" else super().__getattr__(name)

    def patched(self, x: Tensor) -> Tensor:
        out: Tensor = self.layer(x) * self.seven
        return out


class Deep(nn.Sequential):
    """Three thousand layers."""

    def __init__(self) -> None:
        super().__init__(*(nn.Linear(2, 2, bias=False) for _ in range(3000)))


def _x() -> tuple[Tensor, ...]:
    return (rows(4, 3),)


CASES = (
    Case(name="reused", build=Reused, args=_x),
    Case(name="containers", build=Containers, args=_x),
    Case(name="uncalled", build=Uncalled, args=_x),
    Case(name="tied-object", build=TiedObject, args=lambda: (torch.tensor([1, 2]),)),
    Case(name="tied-storage", build=TiedStorage, args=_x),
    Case(name="halves", build=Halves, args=lambda: (rows(3, 2),)),
    Case(name="aliased", build=Aliased, args=_x),
    Case(name="circular", build=Circular, args=_x),
    Case(name="hidden", build=Hidden, args=_x),
    Case(name="on-the-spot", build=OnTheSpot, args=_x),
    Case(name="tricky", build=Tricky, args=_x),
)
