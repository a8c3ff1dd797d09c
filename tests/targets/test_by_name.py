"""Tests of a fixed selection of library models, each summarized by name alone.

`benchmarks/coverage.py` does the same for all models of the libraries; its table is in
docs/measurements/coverage.md.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import netinspect
from netinspect.records.trace import Trace
from tests.tracing.invariants import check_steps

pytestmark = [pytest.mark.slow, pytest.mark.libraries]

TORCHVISION = [
    "alexnet",
    "convnext_tiny",
    "deeplabv3_mobilenet_v3_large",
    "densenet121",
    "efficientnet_b0",
    "googlenet",
    "inception_v3",
    "maxvit_t",
    "mc3_18",
    "mnasnet0_5",
    "mobilenet_v3_small",
    "mvit_v2_s",
    "raft_small",
    "regnet_x_400mf",
    "resnet18",
    "s3d",
    "shufflenet_v2_x0_5",
    "squeezenet1_1",
    "ssdlite320_mobilenet_v3_large",
    "swin_v2_t",
    "vgg11",
    "vit_b_16",
]

TIMM = [
    "beit_base_patch16_224",
    "cait_xxs24_224",
    "coat_tiny",
    "convnextv2_atto",
    "davit_tiny",
    "deit3_small_patch16_224",
    "eva02_tiny_patch14_224",
    "ghostnet_100",
    "hrnet_w18_small",
    "levit_128",
    "maxvit_nano_rw_256",
    "mixer_b16_224",
    "mobilevit_xxs",
    "naflexvit_base_patch16_gap",
    "nfnet_f0",
    "pit_ti_distilled_224",
    "res2net50_26w_4s",
    "tnt_s_patch16_224",
    "vit_tiny_patch16_224",
    "xcit_nano_12_p8_224",
]

TRANSFORMERS: dict[str, dict[str, Any]] = {
    "albert": {},
    "autoformer": {"prediction_length": 24, "num_time_features": 2},
    "bart": {"encoder_layers": 1, "decoder_layers": 1},
    "bert": {"num_hidden_layers": 2},
    "bloom": {"n_layer": 2},
    "clip": {},
    "deberta-v2": {"num_hidden_layers": 2},
    "dia": {},
    "funnel": {"block_sizes": [1, 1]},
    "gemma3_text": {"num_hidden_layers": 2},
    "glm4v_vision": {"depth": 1},
    "gpt2": {"n_layer": 2},
    "gpt_oss": {"num_hidden_layers": 2, "num_local_experts": 4},
    "llama": {"num_hidden_layers": 2},
    "mamba": {"num_hidden_layers": 2},
    "mixtral": {"num_hidden_layers": 2},
    "phi3": {"num_hidden_layers": 2},
    "qwen3": {"num_hidden_layers": 2},
    "segformer": {},
    "siglip2_vision_model": {"num_hidden_layers": 1},
    "superglue": {},
    "t5": {"num_layers": 2},
    "vit": {"num_hidden_layers": 2},
    "wav2vec2": {"num_hidden_layers": 2},
    "whisper": {"encoder_layers": 1, "decoder_layers": 1},
    "xlnet": {"n_layer": 2},
}


def check(trace: Trace) -> None:
    assert trace.failure is None, trace.failure
    assert trace.output is not None
    check_steps(trace)
    assert all(each.spec and each.origin for each in trace.inputs)
    total = netinspect.summary(trace).record.totals.parameters
    assert total == sum({each.identity: each.spec.elements for each in trace.parameters}.values()) > 0


@pytest.mark.parametrize("name", TORCHVISION)
def test_summary_torchvision_model(name: str) -> None:
    check(netinspect.load(f"torchvision:{name}"))


@pytest.mark.parametrize("name", TIMM)
def test_summary_timm_model(name: str) -> None:
    check(netinspect.load(f"timm:{name}"))


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_summary_transformers_model(name: str, tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text(json.dumps({"model_type": name, **TRANSFORMERS[name]}), encoding="utf-8")
    check(netinspect.load(f"transformers:{tmp_path}"))
