"""Checkpoint files of the sample models, changed as real ones are; identical bytes in every run."""

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


def evenly_spaced(model: nn.Module) -> State:
    """Return a state dict with evenly spaced values, which do not depend on a random generator."""
    return {
        name: torch.linspace(-1, 1, value.numel()).reshape(value.shape)
        for name, value in model.state_dict().items()
    }


def fine_tuned(state: State) -> State:
    """Wrap the names in `module.` and reduce the classes from ten to three."""
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
    """Rename as PEFT does and add adapters to each attention."""
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


def renamed(state: State) -> State:
    """Rename all tensors, add two blocks, and leave one rename that only a guess finds."""
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
    "lenet.safetensors": lambda: evenly_spaced(LeNet()),
    "tuned.safetensors": lambda: fine_tuned(evenly_spaced(LeNet())),
    "later.safetensors": lambda: trained_on(evenly_spaced(LeNet())),
    "half.safetensors": lambda: {name: each.half() for name, each in evenly_spaced(LeNet()).items()},
    "gpt.safetensors": lambda: evenly_spaced(TinyGPT()),
    "adapted.safetensors": lambda: adapted(evenly_spaced(TinyGPT())),
    "other.safetensors": lambda: renamed(evenly_spaced(TinyGPT())),
}


def write(folder: Path) -> None:
    """Write all files into a folder."""
    for name, make in FILES.items():
        save_file({key: value.clone().contiguous() for key, value in make().items()}, folder / name)
