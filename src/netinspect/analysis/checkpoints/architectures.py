"""Architectures that the names of a checkpoint's tensors suggest.

The facts are marked as not certain, since names are a convention that nothing checks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from netinspect.records.checkpoint import Checkpoint
from netinspect.records.checkpoint_header import Fact

_START = r"^(?:.*\.)?"
_BLOCKS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    # Label, pattern of the name of a numbered block, and patterns that other names must match.
    ("a decoder of experts such as Mixtral", r"layers\.(\d+)\.block_sparse_moe\.gate\.weight", ()),
    ("a decoder of experts such as Qwen-MoE", r"layers\.(\d+)\.mlp\.gate\.weight", (r"mlp\.experts\.",)),
    ("a decoder such as Llama", r"layers\.(\d+)\.mlp\.gate_proj\.weight", (r"self_attn\.q_proj\.",)),
    ("Llama, as its makers saved it", r"layers\.(\d+)\.feed_forward\.w1\.weight", ()),
    ("Phi-3", r"layers\.(\d+)\.mlp\.gate_up_proj\.weight", ()),
    ("GPT-2", r"h\.(\d+)\.attn\.c_attn\.weight", ()),
    ("GPT-NeoX", r"layers\.(\d+)\.attention\.query_key_value\.weight", ()),
    ("BLOOM or Falcon", r"h\.(\d+)\.self_attention\.query_key_value\.weight", ()),
    ("Whisper", r"decoder\.layers\.(\d+)\.encoder_attn\.q_proj\.weight", (r"encoder\.conv1\.weight",)),
    ("BART", r"decoder\.layers\.(\d+)\.encoder_attn\.q_proj\.weight", ()),
    ("CLIP", r"vision_model\.encoder\.layers\.(\d+)\.mlp\.fc1\.weight", (r"text_model\.encoder\.",)),
    ("OPT", r"decoder\.layers\.(\d+)\.fc1\.weight", (r"decoder\.embed_positions\.",)),
    ("T5", r"encoder\.block\.(\d+)\.layer\.0\.SelfAttention\.q\.weight", ()),
    ("BERT", r"layer\.(\d+)\.attention\.self\.query\.weight", ()),
    ("a ViT of transformers", r"layer\.(\d+)\.attention\.attention\.query\.weight", ()),
    ("DistilBERT", r"transformer\.layer\.(\d+)\.attention\.q_lin\.weight", ()),
    ("Mamba", r"layers\.(\d+)\.mixer\.A_log", ()),
    ("Swin", r"layers\.(\d+)\.blocks\.\d+\.attn\.relative_position_bias_table", ()),
    ("a ViT of timm", r"blocks\.(\d+)\.attn\.qkv\.weight", (r"patch_embed\.",)),
    ("a ViT of torchvision", r"encoder\.layers\.encoder_layer_(\d+)\.ln_1\.weight", ()),
    ("a ConvNeXt of timm", r"stages\.(\d+)\.blocks\.\d+\.conv_dw\.weight", ()),
    ("an EfficientNet of timm", r"blocks\.(\d+)\.\d+\.conv_pw\.weight", ()),
    ("a ResNet with bottlenecks", r"layer([1-4])\.0\.conv3\.weight", (r"layer4\.0\.conv1\.weight",)),
    ("a ResNet", r"layer([1-4])\.0\.conv2\.weight", (r"layer4\.0\.conv1\.weight",)),
    ("a U-Net of diffusers", r"down_blocks\.(\d+)\.", (r"up_blocks\.\d+\.",)),
    ("YOLO", r"model\.(\d+)\.cv1\.conv\.weight", ()),
    ("an encoder of torch.nn", r"layers\.(\d+)\.self_attn\.in_proj_weight", (r"linear1\.weight",)),
    (
        "features and a classifier, such as VGG",
        r"features\.(\d+)\.weight",
        (r"classifier\.\d+\.weight",),
    ),
)
_OF_STAGES = (
    *("a ResNet", "a ResNet with bottlenecks", "Swin", "a ConvNeXt of timm"),
    *("an EfficientNet of timm", "a U-Net of diffusers"),
)
"""Architectures whose numbered parts are stages with several blocks."""

_EMBEDDING = re.compile(
    r"(?:^|\.)(?:embed_tokens|wte|word_embeddings|tok_embeddings|token_embd|shared)\.weight$"
)


def suggest_architecture(checkpoint: Checkpoint) -> Iterator[Fact]:
    """Yield the architecture that the names suggest, its number of blocks and its sizes."""
    names = "\n".join(tensor.name for tensor in checkpoint.tensors if "\n" not in tensor.name)
    for label, block, others in _BLOCKS:
        numbers = set(re.findall(rf"{_START}{block}", names, re.MULTILINE))
        if not numbers or not all(
            re.search(rf"{_START}{other}", names, re.MULTILINE) for other in others
        ):
            continue
        yield Fact(label="names like those of", text=label, certain=False)
        noun = "stages" if label in _OF_STAGES else "blocks"
        yield Fact(label=f"numbered {noun}", text=str(len(numbers)), certain=False)
        break
    for tensor in checkpoint.tensors:
        if len(tensor.shape) == 2 and _EMBEDDING.search(tensor.name):
            words, width = tensor.shape
            yield Fact(
                label="vocabulary and width",
                text=f"{words:,} x {width:,}, from {tensor.name}",
                certain=False,
            )
            break
