"""Models for `coverage.py`: names, reduced configurations, and inputs written by hand."""

from __future__ import annotations

import ast
import contextlib
import importlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from netinspect.targets.libraries.names import model_names

LIBRARIES = ("torchvision", "timm", "transformers", "diffusers")
LAYERS = re.compile(
    r"(num_(hidden_|encoder_|decoder_)?layers|(en|de)coder_layers|n_layers?|depth|num_blocks)"
)
EXPERTS = re.compile(r"(num_(local_)?experts|n_routed_experts|moe_num_experts)")
CHOSEN = re.compile(r"(num_experts_per_tok|moe_topk|moe_k|top_k_experts)")
_ROPE = {"rope_type": "default", "rope_theta": 10_000.0}
_MROPE = _ROPE | {"partial_rotary_factor": 0.5, "mrope_section": [8, 12, 12]}
_GLM = {"head_dim": 128, "rope_parameters": _MROPE}
_SERIES = {"prediction_length": 24, "num_time_features": 2}
_INDEXER = {
    "indexer_n_heads": 4,
    "indexer_kv_heads": 1,
    "indexer_head_dim": 256,
    "indexer_budget": 64,
    "indexer_compress_ratio": 16,
}
_REPVIT = {
    "model_type": "timm_wrapper",
    "architecture": "repvit_m1",
    "model_args": {"in_chans": 3, "features_only": True, "out_indices": [0, 1, 2, 3]},
}
_XDROPE = _ROPE | {"mrope_section": [16, 16, 16, 16]}
_MAMBA = {"num_hidden_layers": 2, "layer_types": ["linear_attention", "full_attention"]}
LACKING: dict[str, dict[str, Any]] = {
    "autoformer": _SERIES,
    "aya_vision": {"vision_config": {"num_attention_heads": 16}},
    "bamba": {"attn_layer_indices": [1]},
    "chameleon": {"vocabulary_map": {"<image>": 8711}},
    "dbrx": {"attn_config": {"rope_theta": 10_000.0, "clip_qkv": 8.0}},
    "deepseek_v2": {"num_experts_per_tok": 6},
    "emu3": {"vocabulary_map": {"<image>": 151_646, "<|extra_200|>": 151_846}},
    "esm": {"vocab_size": 33},
    "glm46v": {"text_config": _GLM},
    "glm4v": {"text_config": _GLM},
    "glm4v_moe": {"text_config": _GLM},
    "glm4v_moe_text": _GLM,
    "glm4v_text": _GLM,
    "glm_image": {"text_config": _GLM},
    "glm_image_text": _GLM,
    "glmga": {"text_config": _GLM},
    "granitemoehybrid": _MAMBA,
    "hunyuan_v1_dense": {"head_dim": 128},
    "hunyuan_v1_moe": {"head_dim": 128},
    "hunyuan_vl": {"text_config": {"head_dim": 128, "rope_parameters": _XDROPE}},
    "hunyuan_vl_text": {"head_dim": 128, "rope_parameters": _XDROPE},
    "informer": _SERIES,
    "lfm2_moe": {"num_hidden_layers": 2, "layer_types": ["conv", "full_attention"]},
    "ministral": {"head_dim": 128},
    "moonshine_streaming": {"num_key_value_heads": 8},
    "nemotron": {"num_key_value_heads": 48},
    "perception_lm": {
        "vision_config": {
            "architecture": "vit_pe_core_large_patch14_336",
            "model_args": {"embed_dim": 1024, "global_pool": ""},
        }
    },
    "t5gemma2_encoder": {"text_config": {"dropout_rate": 0.0}},
    "time_series_transformer": _SERIES,
    "blip-2": {"image_token_index": 50_264},
    "instructblip": {"image_token_index": 31_999},
    "dots1": {"n_routed_experts": 16, "n_shared_experts": 1, "num_experts_per_tok": 4},
    "diffusion_gemma": {
        "text_config": {"num_experts": 4, "top_k_experts": 2, "moe_intermediate_size": 704}
    },
    "cohere_compass_text": {"rope_parameters": {"full_attention": _ROPE}},
    "cohere_compass": {"text_config": {"rope_parameters": {"full_attention": _ROPE}}},
    "deepseek_ocr2": {
        "text_config": {
            "num_hidden_layers": 2,
            "mlp_layer_types": ["dense", "sparse"],
            "num_experts_per_tok": 2,
        }
    },
    "qwen4_exp_text": _INDEXER,
    "qwen4_exp": {"text_config": _INDEXER},
    "edgetam": {"vision_config": {"backbone_config": _REPVIT}},
    "edgetam_vision_model": {"backbone_config": _REPVIT},
    "timm_backbone": {"backbone": "resnet18"},
}
"""Values that the default configuration of a type lacks, without which the library builds no model."""

_PATCHES = {"in_channels": 4, "patch_size": 2}
_CROSS = {"in_channels": 320, "cross_attention_dim": 768}
LACKING_ARGUMENTS: dict[str, dict[str, Any]] = {
    "AutoencoderKLHunyuanImage": {
        "in_channels": 3,
        "out_channels": 3,
        "latent_channels": 64,
        "block_out_channels": [128, 256, 512, 512, 1024, 1024],
        "layers_per_block": 2,
        "spatial_compression_ratio": 32,
        "sample_size": 384,
    },
    "ControlNetUnionModel": {
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": 256,
        "projection_class_embeddings_input_dim": 2816,
        "cross_attention_dim": 2048,
    },
    "DreamLiteTransformer2DModel": _CROSS,
    "EasyAnimateTransformer3DModel": _PATCHES | {"out_channels": 4},
    "HiDreamImageTransformer2DModel": {
        "in_channels": 16,
        "patch_size": 2,
        "caption_channels": [4096, 4096],
        "llama_layers": list(range(48)),
    },
    "HunyuanDiT2DControlNetModel": _PATCHES,
    "HunyuanDiT2DModel": _PATCHES | {"attention_head_dim": 72},
    "LatteTransformer3DModel": _PATCHES | {"caption_channels": 4096, "cross_attention_dim": 1408},
    "LuminaNextDiT2DModel": {"ffn_dim_multiplier": 1.0, "num_kv_heads": 32},
    "OmniGenTransformer2DModel": {
        "rope_scaling": {"short_factor": [1.0] * 48, "long_factor": [1.0] * 48}
    },
    "Transformer2DModel": _CROSS,
    "TransformerTemporalModel": {"in_channels": 320},
}
"""Arguments that classes of diffusers lack by default, without which they build no model."""


def targets(library: str, folder: Path) -> dict[str, str]:
    """Return the target of every model of a library, by name."""
    module: Any = importlib.import_module(library)
    if library == "torchvision":
        return {name: f"torchvision:{name}" for name in module.models.list_models()}
    if library == "timm":
        return {name: f"timm:{name}" for name in module.list_models()}
    if library == "diffusers":
        # One constructor has no defaults, and the others import a part of diffusers each.
        names = model_names("diffusers")
        for name in names:
            getattr(module, name)  # imported once, before each process is forked
        for name, settings in LACKING_ARGUMENTS.items():
            write_config({"_class_name": name, **settings}, folder / name)
        return {
            name: f"diffusers:{folder / name if name in LACKING_ARGUMENTS else name}" for name in names
        }
    types = importlib.import_module("transformers.models.auto.configuration_auto").CONFIG_MAPPING_NAMES
    # Some types configure a part of another type, and have no model of their own.
    whole = {name for each in automatic_classes() for name in each._model_mapping._model_mapping}
    return {name: f"transformers:{folder / name}" for name in types if name in whole}


def automatic_classes() -> list[Any]:
    """List the auto classes of transformers, `AutoModel` first."""
    module = importlib.import_module("transformers.models.auto.modeling_auto")
    classes = [each for each in vars(module).values() if isinstance(each, type)]
    offered: list[Any] = [each for each in classes if getattr(each, "_model_mapping", None)]
    return sorted(offered, key=lambda each: each.__name__ not in ("AutoModel", "AutoModelForCausalLM"))


def reduced(values: Any, *, experts: bool = False) -> Any:
    """Reduce a configuration, and its lists with one entry per layer, to few layers and experts.

    If there are several kinds of layers, one of each kind remains.
    """
    if not isinstance(values, dict):
        return values
    changed, cut = dict(values), {}
    kinds = [each for each in values.values() if isinstance(each, list) and each]
    firsts = [max(map(each.index, each)) + 1 for each in kinds if isinstance(each[0], str)]
    layers = max([2, *firsts])
    for key, value in values.items():
        if isinstance(value, dict):
            changed[key] = reduced(value, experts=experts)
        elif type(value) is int and LAYERS.fullmatch(str(key)) and value > layers:
            changed[key] = layers
            cut[value] = layers
        elif type(value) is int and experts and EXPERTS.fullmatch(str(key)):
            changed[key] = min(value, 8)
        elif type(value) is int and experts and CHOSEN.fullmatch(str(key)):
            changed[key] = min(value, 2)
    for key, value in values.items():
        if isinstance(value, list) and len(value) in cut and key != "architectures":
            changed[key] = value[: cut[len(value)]]
    return changed


def configurations(name: str) -> Iterator[dict[str, Any]]:
    """Yield the default configuration of a model type, reduced and then whole: some cannot be reduced.

    Some run with few experts only: otherwise they are too large for any device but meta.
    """
    from transformers import CONFIG_MAPPING

    config_class = CONFIG_MAPPING[name]
    lacking = LACKING.get(name, {})
    plain = {key: value for key, value in lacking.items() if not isinstance(value, dict)}
    settings = merged(config_class(**plain).to_dict(), lacking)
    settings["model_type"] = name
    yield merged(reduced(settings), lacking)
    if (fewer := reduced(settings, experts=True)) != reduced(settings):
        yield merged(fewer, lacking)
    yield settings


def merged(values: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Change values of a configuration, nested ones included."""
    return values | {
        key: merged(values.get(key) or {}, value) if isinstance(value, dict) else value
        for key, value in changes.items()
    }


def write_config(settings: dict[str, Any], folder: Path) -> None:
    """Write a configuration to a folder that a target can name."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(settings, default=str), encoding="utf-8")


def class_of(config: Any, name: str) -> Any:
    """Return the model class of a configuration: the named one, or else that of the library."""
    library = importlib.import_module("transformers")
    module = importlib.import_module(type(config).__module__.replace("configuration_", "modeling_"))
    found = getattr(module, name, None) or getattr(library, name, None) if name else None
    if found is not None:
        return found
    for each in automatic_classes():
        if type(config) in each._model_mapping:
            entry = each._model_mapping[type(config)]
            return entry[0] if isinstance(entry, (list, tuple)) else entry
    raise LookupError(f"no model for {type(config).__name__} alone")


def build(library: str, name: str, target: str, device: str, class_name: str = "") -> Any:
    """Build a model with the library's own functions, without weights.

    Args:
        library: One of `LIBRARIES`.
        name: Name of the model.
        target: Target of its configuration.
        device: Device to build it on.
        class_name: Class that netinspect chose, if a configuration has several.
    """
    import torch

    with torch.device(device):
        if library == "timm":
            return importlib.import_module("timm").create_model(name, pretrained=False).eval()
        if library == "torchvision":
            builder = importlib.import_module("torchvision.models").get_model_builder(name)
            with contextlib.suppress(TypeError):
                return builder(weights=None, weights_backbone=None).eval()
            return builder(weights=None).eval()
        if library == "diffusers":
            model_class = getattr(importlib.import_module("diffusers"), name)
            return model_class(**LACKING_ARGUMENTS.get(name, {})).eval()
        from transformers import AutoConfig

        config = AutoConfig.from_pretrained(target.partition(":")[2])
        return class_of(config, class_name)._from_config(config).eval()


def made_by_hand(library: str, name: str, model: Any, device: str) -> list[tuple[str | None, Any]]:
    """Return an input for a model whose inputs could not be inferred."""
    import torch

    def image(*shape: int) -> Any:
        return torch.rand(*shape, device=device)

    if library == "timm":
        return [(None, image(1, *model.default_cfg.get("input_size", (3, 224, 224))))]
    if library == "torchvision":
        if "rcnn" in name or name.startswith(("ssd", "retinanet", "fcos")):
            return [(None, [image(3, 320, 320)])]
        if name.startswith("raft"):
            return [(None, image(1, 3, 128, 128)), (None, image(1, 3, 128, 128))]
        if re.match(r"(r3d|mc3|r2plus1d|s3d|mvit|swin3d)", name):
            return [(None, image(1, 3, 16, 224, 224))]
        return [
            (None, image(1, 3, 299 if "inception" in name else 224, 299 if "inception" in name else 224))
        ]
    key = getattr(model, "main_input_name", "input_ids")
    if key == "pixel_values":
        size = getattr(model.config, "image_size", 224)
        height, width = size if isinstance(size, (list, tuple)) else (size, size)
        return [(key, image(1, getattr(model.config, "num_channels", 3), height, width))]
    if key == "input_ids":
        return [(key, torch.ones(1, 32, dtype=torch.int64, device=device))]
    return [(key, image(1, 80, 3000))]


def made_again(argument: dict[str, Any], device: str) -> Any:
    """Return an argument from a report: from its spec with its values, or else one of the same sizes."""
    import torch

    from netinspect.inputs.spec import parse_spec
    from netinspect.inputs.tensors import build_value

    specs = argument.get("spec", "").split()
    if len(specs) == 1:
        return build_value(parse_spec(specs[0]), torch.Generator().manual_seed(0), device)
    return _alike(argument["value"], device)


def _alike(value: dict[str, Any], device: str) -> Any:
    import torch

    if value.get("kind") == "tensor":
        dtype = getattr(torch, value["dtype"])
        if dtype.is_floating_point:
            return torch.rand(value["shape"], device=device).to(dtype)
        return torch.ones(value["shape"], dtype=dtype, device=device)
    if value.get("kind") == "literal":
        return ast.literal_eval(value["text"])
    entries = {item["key"]: _alike(item["value"], device) for item in value["items"]}
    return entries if value["type"] == "dict" else list(entries.values())
