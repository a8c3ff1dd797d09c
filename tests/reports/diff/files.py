"""Checkpoints of the samples, changed in the ways in which real ones are; the same bytes at each run."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import torch
from models.lenet import LeNet
from models.tiny_gpt import TinyGPT
from safetensors.torch import save_file
from torch import Tensor, nn

State = dict[str, Tensor]


def counted(model: nn.Module) -> State:
    """A state dict whose values are told by their place: no random numbers of any version of torch."""
    return {
        name: torch.linspace(-1, 1, value.numel()).reshape(value.shape)
        for name, value in model.state_dict().items()
    }


def fine_tuned(state: State) -> State:
    """Wrapped, with three classes instead of ten."""
    made = {f"module.{name}": value for name, value in state.items()}
    made["module.fc3.weight"] = state["fc3.weight"][:3].clone()
    made["module.fc3.bias"] = state["fc3.bias"][:3].clone()
    return made


def trained_on(state: State) -> State:
    made = {name: value.clone() for name, value in state.items()}
    made["fc1.weight"] += 0.25 * torch.linspace(-1, 1, 120 * 256).reshape(120, 256) ** 3
    made["fc3.bias"][2] = 4.0
    made["conv1.bias"] = -made["conv1.bias"]
    return made


def adapted(state: State) -> State:
    """As PEFT has it: adapters at each attention."""
    made: State = {}
    for name, value in state.items():
        if "query_key_value" in name:
            start, _, leaf = name.rpartition(".")
            made[f"base_model.model.{start}.base_layer.{leaf}"] = value
            made[f"base_model.model.{start}.lora_A.default.weight"] = torch.zeros(4, 64)
            made[f"base_model.model.{start}.lora_B.default.weight"] = torch.zeros(192, 4)
        else:
            made[f"base_model.model.{name}"] = value
    return made


def of_another_hand(state: State) -> State:
    """Other names for everything, two blocks more, and one guess."""
    made: State = {}
    for name, value in state.items():
        name = re.sub(r"^blocks", "transformer.h", name)
        name = name.replace("attention_norm", "ln_1").replace("perceptron_norm", "ln_2")
        name = name.replace("query_key_value", "qkv").replace("token_embedding", "wte")
        made[name] = value
        if ".h.2." in name:
            made[name.replace(".2.", ".3.", 1)] = made[name.replace(".2.", ".4.", 1)] = value
    return made


FILES: dict[str, Callable[[], State]] = {
    "lenet.safetensors": lambda: counted(LeNet()),
    "tuned.safetensors": lambda: fine_tuned(counted(LeNet())),
    "later.safetensors": lambda: trained_on(counted(LeNet())),
    "half.safetensors": lambda: {name: each.half() for name, each in counted(LeNet()).items()},
    "gpt.safetensors": lambda: counted(TinyGPT()),
    "adapted.safetensors": lambda: adapted(counted(TinyGPT())),
    "other.safetensors": lambda: of_another_hand(counted(TinyGPT())),
}


def write(folder: Path) -> None:
    """Write all files."""
    for name, make in FILES.items():
        save_file({key: value.clone().contiguous() for key, value in make().items()}, folder / name)
