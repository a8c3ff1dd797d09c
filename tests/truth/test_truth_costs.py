"""Tests of published GMACs and activations; `benchmarks/truth.py --costs` checks all models."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.libraries]

pytest.importorskip("timm")
pytest.importorskip("torchvision")

SAMPLE = (
    "torchvision:alexnet",
    "torchvision:mobilenet_v3_small",
    "torchvision:shufflenet_v2_x0_5",
    "torchvision:squeezenet1_1",
    "torchvision:swin_t",
    "torchvision:vit_b_16",
    "torchvision:r3d_18",
    "timm:convnext_atto",
    "timm:crossvit_9_240",
    "timm:deit_tiny_patch16_224",
    "timm:coat_lite_tiny",
    "timm:inception_next_atto",
    "timm:legacy_seresnet18",
    "timm:mobilevit_xs",
    "timm:xcit_nano_12_p16_224",
)


@pytest.fixture
def truth(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
    return importlib.import_module("truth_costs")


@pytest.mark.parametrize("target", SAMPLE)
def test_costs_of_published_models(target: str, truth: Any) -> None:
    rows = [row for row in truth.rows(target.partition(":")[0]) if row.target == target]
    if not rows:
        pytest.skip("it is in the other half of the table")
    for row in rows[:1]:
        done = truth.count(row)
        assert done.counted, done.failure
        assert done.agrees, (row.published, done.counted)


def test_costs_agree_to_published_decimals(truth: Any) -> None:
    row = truth.Row(target="timm:x", inputs="1x3x2x2", arguments=(), published=(1.81, 8.73))
    assert truth._with(row, counted=(1.8051, 8.7349)).agrees
    assert not truth._with(row, counted=(1.8049, 8.73)).agrees
    assert not truth._with(row, failure="no").agrees
    assert re.match("timm:x 1x3x2x2", row.key)
