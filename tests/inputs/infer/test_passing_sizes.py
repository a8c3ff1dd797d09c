"""Tests of the search for passing sizes near a size that failed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import netinspect
from tests.support import Outcome
from tests.tracing.process_snapshot import snapshot


class UNet(nn.Module):
    """Stages that halve the size, then as many that double it and join the earlier maps."""

    def __init__(
        self, depth: int = 3, dimensions: int = 2, down: str = "stride", up: str = "resize", by: int = 2
    ) -> None:
        super().__init__()
        convolution = getattr(nn, f"Conv{dimensions}d")
        transposed = getattr(nn, f"ConvTranspose{dimensions}d")
        stages = range(depth)
        self.first = convolution(1, 2, 3, padding=1)
        self.pool = getattr(nn, f"MaxPool{dimensions}d")(by) if down == "pool" else nn.Identity()
        self.down = nn.ModuleList(
            convolution(2, 2, 3, padding=1, stride=1 if down == "pool" else by) for _ in stages
        )
        self.up = nn.ModuleList(
            transposed(2, 2, by, stride=by) if up == "transpose" else nn.Upsample(scale_factor=by)
            for _ in stages
        )
        self.join = nn.ModuleList(convolution(4, 2, 3, padding=1) for _ in stages)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        skips = []
        for down in self.down:
            skips.append(x)
            x = down(self.pool(x))
        for up, join in zip(self.up, self.join, strict=True):
            x = self.joined(join, up(x), skips.pop())
        return x

    def joined(self, join: nn.Module, x: Tensor, skip: Tensor) -> Tensor:
        out: Tensor = join(torch.cat([x, skip], 1))
        return out


class Summed(UNet):
    def joined(self, join: nn.Module, x: Tensor, skip: Tensor) -> Tensor:
        return x + skip


class Timed(UNet):
    """UNet with a time step, as denoisers have."""

    def forward(self, sample: Tensor, timestep: Tensor) -> Tensor:  # type: ignore[override]
        return super().forward(sample) * timestep


class Masked(UNet):
    """UNet with a mask of the size of the image."""

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:  # type: ignore[override]
        return super().forward(image * mask)


class Odd(UNet):
    """Grows to 2 n - 1, so that no multiple of 2 passes."""

    def joined(self, join: nn.Module, x: Tensor, skip: Tensor) -> Tensor:
        out: Tensor = join(torch.cat([x[..., 1:, 1:], skip], 1))
        return out


def unit_and_specs(model: nn.Module, *inputs: str, **options: Any) -> tuple[int, tuple[str, ...]]:
    trace = netinspect.load(model, inputs=inputs, **options)
    assert trace.failure is not None
    return trace.failure.working_unit, trace.failure.working_inputs


@pytest.mark.parametrize(
    ("options", "given", "unit", "passing"),
    [
        ({"depth": 2}, "1x1x30x30", 4, ("1x1x28x28", "1x1x32x32")),
        ({"depth": 3}, "1x1x45x45", 8, ("1x1x40x40", "1x1x48x48")),
        ({"depth": 4}, "1x1x28x28", 16, ("1x1x16x16", "1x1x32x32")),
        ({"depth": 2, "down": "pool", "up": "transpose"}, "2x1x13x13", 4, ("2x1x12x12", "2x1x16x16")),
        ({"depth": 2, "down": "pool", "up": "transpose", "by": 3}, "1x1x28x28", 9,
         ("1x1x27x27", "1x1x36x36")),
        ({"depth": 3, "dimensions": 1}, "1x1x99", 8, ("1x1x96", "1x1x104")),
        ({"depth": 2, "dimensions": 3}, "1x1x10x10x10", 4, ("1x1x8x8x8", "1x1x12x12x12")),
        # Only the side that is not a multiple is changed.
        ({"depth": 2}, "1x1x30x32", 4, ("1x1x28x32", "1x1x32x32")),
        ({"depth": 2}, "1x1x27x33", 4, ("1x1x24x32", "1x1x28x36")),
    ],
)  # fmt: skip
def test_passing_sizes_multiples(
    options: dict[str, Any], given: str, unit: int, passing: tuple[str, ...]
) -> None:
    model = UNet(**options)
    assert unit_and_specs(model, given) == (unit, passing)
    shape = [int(size) for size in passing[0].split("x")]
    assert model(torch.zeros(shape)).shape[2:] == torch.Size(shape[2:])


def test_passing_sizes_added_maps() -> None:
    assert unit_and_specs(Summed(), "1x1x28x28") == (8, ("1x1x24x24", "1x1x32x32"))


def test_passing_sizes_keeps_other_inputs() -> None:
    found = unit_and_specs(Timed(), "sample=1x1x28x28", "timestep=1:int64:0..999")
    assert found == (8, ("sample=1x1x24x24", "sample=1x1x32x32"))


def test_passing_sizes_other_inputs_inferred() -> None:
    trace = netinspect.load(Timed(), inputs=["sample=1x1x28x28"])
    assert trace.failure is not None
    assert trace.failure.working_unit == 8
    diagnosis = netinspect.summary(trace).record.header.failure
    assert diagnosis is not None
    assert not any("could not be inferred" in each for each in diagnosis.remedies)


def test_passing_sizes_inputs_of_same_size_change_together() -> None:
    found = unit_and_specs(Masked(), "image=1x1x28x28", "mask=1x1x28x28")
    assert found == (8, ("image=1x1x24x24 mask=1x1x24x24", "image=1x1x32x32 mask=1x1x32x32"))


def test_passing_sizes_not_multiples() -> None:
    unit, passing = unit_and_specs(Odd(depth=1), "1x1x28x28")
    assert (unit, passing) == (0, ("1x1x27x27",))


class NeverFits(nn.Module):
    """Fails at every size."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, F.pad(x, (0, 1))], 1)


def test_passing_sizes_none_pass() -> None:
    assert unit_and_specs(NeverFits(), "1x1x28x28") == (0, ())


def test_passing_sizes_hint_names_image(cli: Callable[..., Outcome]) -> None:
    outcome = cli("summary", f"{__name__}:UNet", "--input", "1x1x28x28")
    assert outcome.code == 4
    assert (
        "hint: use an input whose sides are multiples of 8; these pass: --input 1x1x24x24 and "
        "--input 1x1x32x32"
    ) in outcome.err
    assert "8 instead of 7" in outcome.err or "7 instead of 8" in outcome.err
    assert "as in the first tensor" not in outcome.err


def test_passing_sizes_leaves_model_unchanged() -> None:
    model = UNet()
    before, state = snapshot(model), torch.get_rng_state()
    unit_and_specs(model, "1x1x28x28", train=True)
    assert snapshot(model) == before
    assert torch.equal(torch.get_rng_state(), state)
