"""Models with low-rank adapters of peft."""

from __future__ import annotations

import torch
from peft import LoraConfig, get_peft_model
from torch import nn
from transformers import BertConfig, BertForSequenceClassification, GPT2Config, GPT2LMHeadModel


class Perceptron(nn.Module):
    """Two linear layers."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(20, 64)
        self.last = nn.Linear(64, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.first(x).relu())


def perceptron() -> nn.Module:
    """Build a perceptron with an adapter on its first layer."""
    return get_peft_model(Perceptron(), LoraConfig(r=4, target_modules=["first"]))


def gpt2() -> nn.Module:
    """Build a small GPT-2 with adapters on its attention."""
    config = GPT2Config(n_layer=2, n_embd=64, n_head=4)
    return get_peft_model(GPT2LMHeadModel(config), LoraConfig(r=4, task_type="CAUSAL_LM"))


def bert() -> nn.Module:
    """Build a small BERT with adapters on its attention."""
    config = BertConfig(
        num_hidden_layers=2, hidden_size=64, num_attention_heads=4, intermediate_size=128
    )
    return get_peft_model(BertForSequenceClassification(config), LoraConfig(r=4, task_type="SEQ_CLS"))
