"""Tests of searches that end early: faults of the model that no input avoids, each varied."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import netinspect
from tests import forked


class Faulty(nn.Module):
    """Has layers of many kinds, and a forward that is given as a function."""

    def __init__(self, compute: Callable[[Any, Tensor], Any]) -> None:
        super().__init__()
        self.image = nn.Conv2d(3, 32, 3)
        self.signal = nn.Conv1d(8, 32, 3)
        self.features = nn.Linear(10, 16)
        self.other = nn.Linear(10, 8)
        self.narrow = nn.Conv2d(3, 8, 3)
        self.sequence = nn.LSTM(12, 20, batch_first=True)
        self.words = nn.Embedding(50, 6)
        self.head = nn.Linear(30, 4)
        self.mix = nn.Conv2d(64, 4, 1)
        self.matrix = nn.Parameter(torch.ones(24, 8))
        self.block = nn.Sequential(nn.ReLU())
        self.compute = compute

    def forward(self, x: Tensor) -> Any:
        return self.compute(self, x)


FAULTS: dict[str, tuple[Callable[[Any, Tensor], Any], int]] = {
    # A Linear that does not fit what was pooled to a fixed size.
    "pooled image": (lambda m, x: m.head(F.adaptive_avg_pool2d(m.image(x), 1).flatten(1)), 8),
    "pooled map": (lambda m, x: m.head(F.adaptive_max_pool2d(m.image(x), 2).flatten(1)), 8),
    "mean over time": (lambda m, x: m.head(m.signal(x).mean(-1)), 8),
    "last state": (lambda m, x: m.head(m.sequence(x)[0][:, -1]), 8),
    # Widths that are joined.
    "joined maps": (lambda m, x: m.mix(torch.cat([m.image(x), m.narrow(x)], 1)), 8),
    "joined features": (lambda m, x: m.head(torch.cat([m.features(x), m.other(x)], -1)), 8),
    "joined words": (lambda m, x: m.head(torch.cat([m.words(x), m.words(x)], -1)), 8),
    # Products of tensors that parameters determine.
    "product of features": (lambda m, x: m.features(x) @ m.matrix, 8),
    "product of parameters": (lambda m, x: m.features(x) + m.matrix @ m.matrix, 8),
    "sum with a parameter": (lambda m, x: m.features(x) + m.head.bias, 8),
    # A constant in a reshape.
    "reshaped pool": (lambda m, x: m.head(F.adaptive_avg_pool2d(m.image(x), 4).view(-1, 100)), 10),
    "heads": (lambda m, x: m.features(x).unflatten(-1, (3, 5)), 8),
    "heads by view": (lambda m, x: m.other(x).view(*x.shape[:-1], 3, 4), 12),
    # Errors of the code.
    "name": (lambda m, x: m.features(x) * undefined, 2),  # type: ignore[name-defined]  # noqa: F821
    "attribute": (lambda m, x: m.missing(m.image(x)), 1),
    "attribute of torch": (lambda m, x: torch.solve_everything(m.image(x)), 1),  # type: ignore[attr-defined]
    "too many arguments": (lambda m, x: m.block(m.features(x), None), 2),
    "unknown keyword": (lambda m, x: F.interpolate(m.image(x), scale=2), 1),  # type: ignore[call-arg]
    "missing argument": (lambda m, x: F.linear(m.features(x)), 8),  # type: ignore[call-arg]
    "unpacked output": (lambda m, x: [*(lambda a, b, c: (a, b, c))(*m.sequence(x))], 30),
}


@pytest.mark.parametrize("name", FAULTS)
def test_search_ends_at_fault_of_the_model(name: str) -> None:
    compute, most = FAULTS[name]
    trace = netinspect.load(Faulty(compute))
    assert trace.failure is not None
    assert len(trace.attempts) <= most, [attempt.outcome for attempt in trace.attempts]
    assert not [warning for warning in trace.warnings if "stopped after" in warning]
    failure = netinspect.summary(trace).record.header.failure
    assert failure is not None
    if most <= 12:
        assert not any("--input" in remedy for remedy in failure.remedies), failure.remedies


class Clip(nn.Module):
    """Needs a number of frames that only the last of its dimensions to be varied changes."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv3d(3, 4, (3, 3, 3))
        self.head = nn.Linear(4 * 10, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.conv(x).mean((-2, -1)).flatten(1))


class Steps(nn.Module):
    """Needs a number of dimensions that its own code unpacks."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(6, 6)

    def forward(self, x: Tensor) -> Tensor:
        batch, steps, nodes, _ = x.shape
        return self.layer(x).view(batch, steps * nodes, 6)


class Classes(nn.Module):
    """Needs values in a range: the size that fails does not depend on the sizes of the input."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(9, 4)
        self.head = nn.Linear(4, 3)

    def forward(self, ids: Tensor, mask: Tensor | None = None) -> Tensor:
        if mask is None:
            raise ValueError("mask is needed")
        return self.head(self.words(ids) * mask[..., None])


class Wrapped(nn.Module):
    """Passes on whatever it gets, so that the number of arguments depends on the input."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Bilinear(4, 4, 2)

    def forward(self, *args: Tensor) -> Tensor:
        return self.inner(*args)


@pytest.mark.parametrize("net", [Clip, Steps, Classes])
def test_search_goes_on_while_inputs_matter(net: type[nn.Module]) -> None:
    assert netinspect.load(net()).failure is None


def test_search_goes_on_for_unpacked_arguments() -> None:
    trace = netinspect.load(Wrapped())
    assert trace.failure is None or len(trace.attempts) > 1


def test_fault_names_the_number_of_attempts() -> None:
    trace = netinspect.load(Faulty(FAULTS["joined maps"][0]))
    assert trace.failure is not None
    assert trace.failure.repeats > 1
    failure = netinspect.summary(trace).record.header.failure
    assert failure is not None
    assert f"{trace.failure.repeats} attempts with other input sizes" in " ".join(failure.remedies)


def test_fault_of_code_in_the_command_line(tmp_path: Any) -> None:
    (tmp_path / "net.py").write_text(
        "from torch import nn\n"
        "class Net(nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.conv = nn.Conv2d(3, 8, 3)\n"
        "    def forward(self, x):\n"
        "        return self.norm(self.conv(x))\n"
    )
    ran = forked.run("summary", "net.py:Net", cwd=tmp_path)
    assert ran.code == 4
    assert "correct the code of Net" in ran.err + ran.out
    assert "--input" not in ran.err
