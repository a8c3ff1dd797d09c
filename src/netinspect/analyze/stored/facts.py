"""What kind of checkpoint one is, how far it was trained, and what its names suggest.

What the file says is certain; what its names and shapes suggest is marked as that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from netinspect.analyze.stored.architectures import suggest_architecture
from netinspect.records.checkpoint import Checkpoint, Entry
from netinspect.records.reports.contents import Fact

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
"""Names of entries near the top by which trainers tell how far they are."""

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
}
_OPTIMIZER = re.compile(r"(^|\.)(optimizers?|optim|optimizer_states?(_dict)?|opt)(\.|$)")
_STATES = (
    # What torch's optimizers keep for each parameter.
    ({"exp_avg", "exp_avg_sq"}, "Adam or AdamW"),
    ({"exp_avg", "exp_inf"}, "Adamax"),
    ({"exp_avg"}, "Lion, or another that keeps one average"),
    ({"exp_avg_sq_row", "exp_avg_sq_col"}, "Adafactor"),
    ({"square_avg", "acc_delta"}, "Adadelta"),
    ({"square_avg"}, "RMSprop"),
    ({"momentum_buffer"}, "SGD with momentum"),
    ({"sum"}, "Adagrad"),
)
_NESTED = 1
"""How deep the entries that tell of the whole may stand."""


def tell_kind(checkpoint: Checkpoint) -> str:
    """Tell in a few words what kind of checkpoint one is."""
    names = {entry.name for entry in checkpoint.metadata}
    if checkpoint.format == "TorchScript":
        return _with_class("TorchScript program", checkpoint)
    if checkpoint.format == "exported program":
        return "exported program"
    if checkpoint.format == "ONNX":
        return "ONNX graph with its initializers" if checkpoint.tensors else "ONNX graph"
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
    if optimizer_sections(checkpoint) or names & {"epoch", "global_step"}:
        return "training checkpoint"
    keys = [tensor.name for tensor in checkpoint.tensors]
    if keys and all(".lora_" in key or "lora_" in key.partition(".")[0] for key in keys):
        return "adapter (LoRA)"
    return "state dict" if keys else "no tensors"


def find_facts(checkpoint: Checkpoint) -> tuple[Fact, ...]:
    """Find what is to be said of a checkpoint as a whole."""
    return (*_stated(checkpoint), *_optimizers(checkpoint), *suggest_architecture(checkpoint))


def is_optimizer(path: str) -> bool:
    """Whether a part of a path is what trainers call the state of an optimizer."""
    return _OPTIMIZER.search(path) is not None


def optimizer_sections(checkpoint: Checkpoint) -> list[str]:
    """Return the sections that hold the states of optimizers."""
    sections = dict.fromkeys(tensor.section for tensor in checkpoint.tensors)
    return [section for section in sections if is_optimizer(section)]


def _with_class(what: str, checkpoint: Checkpoint) -> str:
    root = checkpoint.modules[0].class_path if checkpoint.modules else ""
    return f"{what}, {root.removeprefix('__torch__.')}" if root else what


def _stated(checkpoint: Checkpoint) -> Iterator[Fact]:
    for entry in checkpoint.metadata:
        if label := _STATED.get(entry.name):
            yield Fact(label=label, text=entry.text.strip("\"'"), certain=True)
    for entry in checkpoint.metadata:
        *above, last = entry.name.split(".")
        if len(above) <= _NESTED and last in _PROGRESS and _is_number(entry):
            if is_optimizer(".".join(above)):
                continue
            yield Fact(label=_PROGRESS[last], text=entry.text, certain=True)


def _is_number(entry: Entry) -> bool:
    return entry.type in ("int", "float") or entry.type.startswith(("uint", "int", "float"))


def _optimizers(checkpoint: Checkpoint) -> Iterator[Fact]:
    sections = optimizer_sections(checkpoint)
    if not sections:
        return
    inside = [tensor for tensor in checkpoint.tensors if is_optimizer(tensor.section)]
    keys = {tensor.key for tensor in inside}
    kept = sum(tensor.bytes for tensor in inside)
    yield Fact(label="optimizer state", text=f"{len(inside):,} tensors, {kept:,} bytes", certain=True)
    for states, optimizer in _STATES:
        if states <= keys:
            yield Fact(label="optimizer", text=optimizer, certain=False)
            break
    for entry in checkpoint.metadata:
        if re.search(r"param_groups\.0\.lr$", entry.name):
            yield Fact(label="learning rate", text=entry.text, certain=True)
            break
