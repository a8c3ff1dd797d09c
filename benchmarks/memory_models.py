"""Functions that build library models of medium size, for `memory.py`."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests import operators

operators.declare()


def resnet50() -> Any:
    """Return a residual network of torchvision."""
    return importlib.import_module("torchvision.models").resnet50()


def mobilenet() -> Any:
    """Return a network with separable convolutions of torchvision."""
    return importlib.import_module("torchvision.models").mobilenet_v3_small()


def vit() -> Any:
    """Return a vision transformer of timm."""
    import timm

    return timm.create_model("vit_tiny_patch16_224")


def convnext() -> Any:
    """Return a convolutional network of timm."""
    import timm

    return timm.create_model("convnext_atto")


def bert() -> Any:
    """Return a BERT with four layers of transformers, with dropout in its attention."""
    from transformers import BertConfig, BertModel

    return BertModel(
        BertConfig(hidden_size=256, num_hidden_layers=4, num_attention_heads=4, intermediate_size=1024)
    )


def gpt2() -> Any:
    """Return a GPT-2 with four layers of transformers."""
    from transformers import GPT2Config, GPT2LMHeadModel

    return GPT2LMHeadModel(GPT2Config(n_embd=256, n_layer=4, n_head=4, vocab_size=8000))


def llama() -> Any:
    """Return a Llama with four layers of transformers."""
    from transformers import LlamaConfig, LlamaForCausalLM

    return LlamaForCausalLM(
        LlamaConfig(
            hidden_size=256,
            intermediate_size=688,
            num_hidden_layers=4,
            num_attention_heads=4,
            vocab_size=8000,
        )
    )
