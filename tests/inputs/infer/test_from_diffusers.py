"""Tests of inputs for models of diffusers: each passes at once, with the sizes of its configuration."""

from __future__ import annotations

from typing import Any

import pytest
from torch import nn

import netinspect
from netinspect.inputs.infer.unpacked_shapes import unpacked_shape

pytestmark = pytest.mark.libraries

diffusers = pytest.importorskip("diffusers")

BLOCKS = {
    "block_out_channels": (32, 32),
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
    "layers_per_block": 1,
    "cross_attention_dim": 24,
    "attention_head_dim": 4,
    "norm_num_groups": 8,
}
UNET = {**BLOCKS, "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"), "in_channels": 4}
SMALL = {"num_layers": 1, "num_attention_heads": 2, "attention_head_dim": 8}
TEXT = "encoder_hidden_states="
STEP = "timestep=1:int64:0..999"

MODELS: list[tuple[str, dict[str, Any], list[str]]] = [
    (
        "UNet2DModel",
        {
            "sample_size": (16, 24),
            "block_out_channels": (32, 32),
            "down_block_types": ("DownBlock2D", "DownBlock2D"),
            "up_block_types": ("UpBlock2D", "UpBlock2D"),
            "num_class_embeds": 7,
        },
        ["sample=1x3x16x24", STEP, "class_labels=1:int64:0..6"],
    ),
    ("UNet2DConditionModel", {**UNET, "sample_size": 8}, ["sample=1x4x8x8", STEP, TEXT + "1x16x24"]),
    (
        "UNet2DConditionModel",
        {
            **UNET,
            "addition_embed_type": "text_time",
            "addition_time_embed_dim": 8,
            "projection_class_embeddings_input_dim": 80,
        },
        ["added_cond_kwargs.text_embeds=1x32", "added_cond_kwargs.time_ids=1x6"],
    ),
    (
        "ControlNetModel",
        {
            **BLOCKS,
            "conditioning_embedding_out_channels": (16, 32),
            "projection_class_embeddings_input_dim": 8,
        },
        ["sample=1x4x64x64", "controlnet_cond=1x3x128x128"],
    ),
    ("AutoencoderKL", {"sample_size": 16, "in_channels": 5}, ["sample=1x5x16x16"]),
    ("AutoencoderTiny", {}, ["sample=1x3x256x256"]),
    ("T2IAdapter", {"channels": [32, 32], "num_res_blocks": 1}, ["x=1x3x512x512"]),
    (
        "DiTTransformer2DModel",
        {**SMALL, "num_embeds_ada_norm": 9},
        ["hidden_states=1x4x32x32", "class_labels=1:int64:0..8"],
    ),
    (
        "PixArtTransformer2DModel",
        {**SMALL, "attention_head_dim": 12, "cross_attention_dim": 24, "caption_channels": 12},
        [TEXT + "1x16x12", "added_cond_kwargs.resolution=1x2", "added_cond_kwargs.aspect_ratio=1x1"],
    ),
    (
        "SD3Transformer2DModel",
        {**SMALL, "sample_size": 16, "caption_projection_dim": 16, "joint_attention_dim": 12},
        ["hidden_states=1x16x16x16", TEXT + "1x16x12", "pooled_projections=1x2048", STEP],
    ),
    (
        "FluxTransformer2DModel",
        {
            **SMALL,
            "num_single_layers": 1,
            "attention_head_dim": 16,
            "axes_dims_rope": (4, 6, 6),
            "in_channels": 12,
            "joint_attention_dim": 20,
            "pooled_projection_dim": 28,
            "guidance_embeds": True,
        },
        [
            "hidden_states=1x256x12",
            TEXT + "1x16x20",
            "pooled_projections=1x28",
            "img_ids=256x3:float32:0..255",
            "txt_ids=16x3:float32:0..15",
            "guidance=1:float32:1..5",
        ],
    ),
    (
        "QwenImageTransformer2DModel",
        {**SMALL, "attention_head_dim": 16, "axes_dims_rope": (4, 6, 6), "joint_attention_dim": 20},
        ["hidden_states=1x256x64", "img_shapes:=[(4, 8, 8)]"],
    ),
    (
        "CogVideoXTransformer3DModel",
        {**SMALL, "sample_width": 8, "sample_height": 6, "sample_frames": 9, "text_embed_dim": 20},
        ["hidden_states=1x3x16x6x8", TEXT + "1x226x20"],
    ),
    (
        "WanTransformer3DModel",
        {**SMALL, "attention_head_dim": 12, "text_dim": 20, "ffn_dim": 16},
        ["hidden_states=1x16x5x32x32", TEXT + "1x16x20"],
    ),
    (
        "LTXVideoTransformer3DModel",
        {**SMALL, "cross_attention_dim": 16, "caption_channels": 20, "in_channels": 12},
        ["hidden_states=1x256x12", TEXT + "1x16x20", "num_frames:=4", "height:=8", "width:=8"],
    ),
    (
        "StableAudioDiTModel",
        {**SMALL, "sample_size": 32, "num_key_value_attention_heads": 1, "cross_attention_dim": 16}
        | {"cross_attention_input_dim": 12, "in_channels": 6, "global_states_input_dim": 10},
        ["hidden_states=1x6x32", TEXT + "1x16x12", "global_hidden_states=1x1x10"],
    ),
    (
        "UNetMotionModel",
        {
            "block_out_channels": (32, 32),
            "down_block_types": ("CrossAttnDownBlockMotion", "DownBlockMotion"),
            "up_block_types": ("UpBlockMotion", "CrossAttnUpBlockMotion"),
            "cross_attention_dim": 16,
            "num_attention_heads": 2,
            "motion_num_attention_heads": 2,
            "layers_per_block": 1,
            "norm_num_groups": 8,
            "sample_size": 16,
        },
        # The text is repeated for each frame.
        ["sample=1x4x5x16x16", TEXT + "5x16x16"],
    ),
    (
        "BriaFiboTransformer2DModel",
        {
            **SMALL,
            "num_single_layers": 1,
            "attention_head_dim": 16,
            "axes_dims_rope": (4, 6, 6),
            "in_channels": 12,
            "joint_attention_dim": 32,
            "text_encoder_dim": 16,
        },
        ["text_encoder_layers=1x16x16:list2"],
    ),
    (
        "PriorTransformer",
        {**SMALL, "embedding_dim": 12, "num_embeddings": 5},
        ["hidden_states=1x12", "proj_embedding=1x12", TEXT + "1x5x12"],
    ),
]


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize(("name", "settings", "expected"), MODELS)
def test_inputs_of_diffusers_model(name: str, settings: dict[str, Any], expected: list[str]) -> None:
    if not hasattr(diffusers, name):
        pytest.skip(f"this version of diffusers has no {name}")
    trace = netinspect.load(getattr(diffusers, name)(**settings))
    assert trace.failure is None, trace.failure
    specs = {each.spec for each in trace.inputs}
    found = {spec for text in specs for spec in text.split(" ")} | specs
    assert {*expected} <= found
    assert len(trace.attempts) == 1


def test_inputs_of_class_that_inherits_diffusers_model() -> None:
    class Own(diffusers.AutoencoderKL):  # type: ignore[misc, name-defined]
        pass

    trace = netinspect.load(Own(sample_size=8, in_channels=6))
    assert [each.spec for each in trace.inputs] == ["sample=1x6x8x8"]


class Net(nn.Module):
    """A model with unpacked shapes."""

    def forward(self, x: Any, y: Any, z: Any) -> Any:
        batch, _, length = x.shape
        width = y.shape[-1]
        rows, columns = y.size()[:2]
        first, *others = z.shape
        return batch, length, width, rows, columns, first, others


def test_unpacked_shape() -> None:
    assert unpacked_shape(Net(), "x") == ("batch", "_", "length")
    assert unpacked_shape(Net(), "y") == ("rows", "columns")
    assert unpacked_shape(Net(), "z") == ()
    assert unpacked_shape(Net(), "x", "gone") == ()
