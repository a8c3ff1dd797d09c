"""Tests that a command changes no byte that a model can reach, including state in C++."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from netinspect.api import load
from tests.nets.changing import MODELS, X
from tests.tracing.process_snapshot import difference, snapshot

pytestmark = pytest.mark.filterwarnings("ignore")

COMMANDS: dict[str, dict[str, Any]] = {
    "eval": {},
    "train": {"train": True},
    "backward": {"train": True, "backward": True, "values": True, "stats": True},
    "static": {"run": False, "values": True, "stats": True, "code": True},
}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("name", MODELS)
def test_model_after_a_command_is_unchanged(name: str, command: str) -> None:
    torch.manual_seed(0)
    model, options = MODELS[name](), COMMANDS[command]
    before = snapshot(model, X)
    trace = load(model, args=(X,) if options.get("run", True) else None, **options)
    after = snapshot(model, X)
    assert difference(before, after) is None
    assert [note for note in trace.warnings if "lost" in note] == []


class Raises(nn.Module):
    """Module that raises after it has changed the model."""

    def __init__(self, error: type[BaseException]) -> None:
        super().__init__()
        self.error = error

    def forward(self, x: Tensor) -> Tensor:
        raise self.error("on purpose")


@pytest.mark.parametrize("name", MODELS)
def test_model_after_an_interrupted_command_is_unchanged(name: str) -> None:
    torch.manual_seed(0)
    for error in (KeyboardInterrupt, ValueError):
        model = nn.Sequential(MODELS[name](), Raises(error))
        before = snapshot(model, X)
        with suppress(KeyboardInterrupt):
            load(model, args=(X,), train=True, backward=True)
        assert difference(before, snapshot(model, X)) is None


@pytest.mark.parametrize("name", sorted({*MODELS} - {"frozen", "frozen inside"}))
def test_model_run_without_netinspect_is_changed(name: str) -> None:
    torch.manual_seed(0)
    model = MODELS[name]()
    before, threads = snapshot(model, X), torch.get_num_threads()
    try:
        model.eval()
        model.train()
        with torch.no_grad():
            model(X)
    except RuntimeError:
        pass
    finally:
        changed = snapshot(model, X) != before
        _reset(threads)
    assert changed


def _reset(threads: int) -> None:
    torch.backends.cudnn.benchmark = False
    torch.backends.cuda.enable_flash_sdp(True)
    torch.use_deterministic_algorithms(False)
    torch.set_autocast_enabled("cpu", False)
    torch.set_float32_matmul_precision("highest")
    torch.set_num_threads(threads)
    torch.autograd.set_detect_anomaly(False)
