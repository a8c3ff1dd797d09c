"""Models with all kinds of arguments and results: nested containers, objects, no result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from tests.nets.case import Case, rows


class Pair(NamedTuple):
    left: Tensor
    right: Tensor


@dataclass
class Batch:
    values: Tensor
    label: str = "none"


class Box:
    """An object of an unknown class that contains tensors."""

    def __init__(self, value: Tensor) -> None:
        self.value = value
        self.more = [value, {"twice": value * 2}]
        self.name = "box"


class Hostile:
    """An object whose attributes cannot be read."""

    @property
    def __dict__(self) -> Any:  # type: ignore[override]
        raise RuntimeError("do not read")


class Nested(nn.Module):
    """Nested containers as argument and result."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 2)

    def forward(self, data: dict[str, Any]) -> dict[str, Any]:
        first, (second, pair) = data["list"]
        out = self.linear(first + second + pair.left + pair.right + data["batch"].values)
        return {"pair": Pair(out, out), "batch": Batch(out), "list": [out, (out, None)], "size": 3}


class KeywordOnly(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 2)

    def forward(self, *, x: Tensor, scale: float = 2.0, mask: Tensor | None = None) -> Tensor:
        out: Tensor = self.linear(x) * scale
        return out if mask is None else out * mask


class AnyNumber(nn.Module):
    """Takes `*args` and `**kwargs`."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 2)

    def forward(self, *tensors: Tensor, **named: Tensor) -> list[Tensor]:
        return [self.linear(x) for x in (*tensors, *named.values())]


class Nothing(nn.Module):
    """Returns None, like a layer that only logs."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 2)

    def forward(self, x: Tensor) -> None:
        self.linear(x)


class Boxed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 2)

    def forward(self, x: Tensor) -> tuple[Box, Hostile]:
        return Box(self.linear(x)), Hostile()


class Distributed(nn.Module):
    """Returns a distribution that wraps another one."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 2)

    def forward(self, x: Tensor) -> torch.distributions.Distribution:
        normal = torch.distributions.Normal(self.linear(x), 1.0, validate_args=False)
        return torch.distributions.Independent(normal, 1, validate_args=False)


class Scalar(nn.Module):
    """A 0-d input and a 0-d parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(2.0))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.scale


class Dtypes(nn.Module):
    """Complex, half and bfloat16 in one forward."""

    def __init__(self) -> None:
        super().__init__()
        self.low = nn.Linear(3, 3).to(torch.bfloat16)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        wave = torch.fft.fft(x)
        return self.low(x.bfloat16()), wave, wave.real.half()


class Yielding(nn.Module):
    """Runs its layers from a generator."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(3, 3) for _ in range(3))

    def states(self, x: Tensor) -> Any:
        for layer in self.layers:
            x = layer(x)
            yield x

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack(list(self.states(x)))


def _nested_input() -> tuple[Any, ...]:
    x = rows(4, 3)
    return ({"list": [x, (x, Pair(x, x))], "batch": Batch(x), "note": "text"},)


CASES = (
    Case(name="nested", build=Nested, args=_nested_input),
    Case(name="keyword-only", build=KeywordOnly, args=tuple, kwargs=lambda: {"x": rows(4, 3)}),
    Case(
        name="any-number",
        build=AnyNumber,
        args=lambda: (rows(4, 3), rows(2, 3)),
        kwargs=lambda: {"third": rows(1, 3)},
    ),
    Case(name="nothing", build=Nothing, args=lambda: (rows(4, 3),)),
    Case(name="boxed", build=Boxed, args=lambda: (rows(4, 3),)),
    Case(name="distributed", build=Distributed, args=lambda: (rows(4, 3),)),
    Case(name="scalar", build=Scalar, args=lambda: (torch.tensor(3.0),)),
    Case(name="dtypes", build=Dtypes, args=lambda: (rows(4, 3),)),
    Case(name="yielding", build=Yielding, args=lambda: (rows(4, 3),)),
)
