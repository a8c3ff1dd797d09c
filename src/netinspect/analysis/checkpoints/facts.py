"""Facts about a checkpoint: its kind, progress of the training, suggested architecture.

Facts that the file states are certain; facts from names and shapes are marked as not certain.
"""

from __future__ import annotations

from collections.abc import Iterator

from netinspect.analysis.checkpoints.architectures import suggest_architecture
from netinspect.analysis.checkpoints.optimizer_states import (
    optimizer_facts,
    optimizer_paths,
    within,
)
from netinspect.records.checkpoint import Checkpoint, Entry
from netinspect.records.checkpoint_header import Fact

_PROGRESS = {
    "epoch": "epoch",
    "epochs": "epochs",
    "current_epoch": "epoch",
    "step": "step",
    "steps": "steps",
    "global_step": "step",
    "num_updates": "updates",
    "iteration": "iteration",
    "iter": "iteration",
    "iter_num": "iteration",
    "best_val_loss": "best validation loss",
    "best_acc": "best accuracy",
    "best_acc1": "best accuracy",
    "best_score": "best score",
    "loss": "loss",
}
"""Metadata entries, at most one level deep, in which trainers save their progress."""

_STATED = {
    "pytorch-lightning_version": "Lightning",
    "general.name": "name",
    "general.architecture": "architecture",
    "general.size_label": "size",
    "general.license": "license",
    "config.model_type": "model type",
    "config.architectures": "architecture",
    "producer_name": "produced by",
    "producer_version": "version of the producer",
    "format": "metadata format",
    "adapter_config.base_model_name_or_path": "base model",
    "adapter_config.r": "rank",
    "adapter_config.lora_alpha": "alpha",
    "adapter_config.target_modules": "modules",
    "ss_base_model_version": "base model",
    "ss_sd_model_name": "base model",
    "ss_network_module": "made by",
    "ss_network_dim": "rank",
    "ss_network_alpha": "alpha",
}
_ADAPTER = "adapter_config.peft_type"
_EXTRA_STATE = "_extra_state"
"""Key of the extra state of a module; a step in it is not that of the training."""

_NESTED = 1
"""Deepest level of metadata entries that describe the whole checkpoint."""


def describe_kind(checkpoint: Checkpoint) -> str:
    """Describe in a few words what kind of checkpoint this is."""
    names = {entry.name for entry in checkpoint.metadata}
    if checkpoint.format == "TorchScript":
        return _with_class("TorchScript program", checkpoint)
    if checkpoint.format == "exported program":
        return "exported program"
    if checkpoint.format == "ONNX":
        return "ONNX graph with its tensors" if checkpoint.tensors else "ONNX graph"
    if checkpoint.format == "npy":
        return "one array"
    if checkpoint.format == "npz":
        return "arrays"
    if checkpoint.format == "GGUF":
        return "GGUF model"
    if checkpoint.modules:
        return _with_class("pickled model", checkpoint)
    if "pytorch-lightning_version" in names:
        return "Lightning checkpoint"
    optimizers = optimizer_paths(checkpoint)
    if "" in optimizers:
        return "state of an optimizer"
    if optimizers or names & {"epoch", "global_step"}:
        return "training checkpoint"
    keys = [tensor.name for tensor in checkpoint.tensors]
    adapter = next((each.text for each in checkpoint.metadata if each.name == _ADAPTER), None)
    if adapter is not None:
        return f"adapter ({_listed(adapter)})"
    if keys and all(".lora_" in key or "lora_" in key.partition(".")[0] for key in keys):
        return "adapter (LoRA)"
    if keys == [""]:
        return "one tensor"
    if keys and all(key.isdecimal() for key in keys):
        return "numbered tensors"
    return "state dict" if keys else "no tensors"


def find_facts(checkpoint: Checkpoint) -> tuple[Fact, ...]:
    """Return the facts about a checkpoint as a whole."""
    found = (*_stated(checkpoint), *optimizer_facts(checkpoint), *suggest_architecture(checkpoint))
    return tuple(dict.fromkeys(found))  # two entries may state one fact, such as the epoch


def _with_class(what: str, checkpoint: Checkpoint) -> str:
    root = checkpoint.modules[0].class_path if checkpoint.modules else ""
    return f"{what}, {root.removeprefix('__torch__.')}" if root else what


def _stated(checkpoint: Checkpoint) -> Iterator[Fact]:
    is_optimizer = within(optimizer_paths(checkpoint))
    for entry in checkpoint.metadata:
        if label := _STATED.get(entry.name):
            yield Fact(label=label, text=_listed(entry.text), certain=True)
    for entry in checkpoint.metadata:
        *above, last = entry.name.split(".")
        if len(above) <= _NESTED and last in _PROGRESS and _is_number(entry):
            if is_optimizer(".".join(above)) or _EXTRA_STATE in above:
                continue
            yield Fact(label=_PROGRESS[last], text=entry.text, certain=True)


def _listed(text: str) -> str:
    """Return a text without quotes, and a list separated by commas."""
    return text.strip("\"'[]").replace('", "', ", ")


def _is_number(entry: Entry) -> bool:
    return entry.type in ("int", "float") or entry.type.startswith(("uint", "int", "float"))
