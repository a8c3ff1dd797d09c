"""Facts about a model that input inference uses."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import nn

from netinspect.inputs.signature import ForwardNames, forward_names
from netinspect.tracing.model.members import modules, named_buffers, named_modules, named_parameters
from netinspect.tracing.model.offload import home_of
from netinspect.tracing.safe_access import attribute, dictionary_of, is_a, setting_of

TOKENS = 16
"""Default length of a sequence."""

_PARTS = ("text_config", "vision_config", "audio_config", "encoder", "decoder")
"""Parts of a config to search first for a missing setting."""

_SEQUENTIAL = (nn.RNNBase, nn.MultiheadAttention, nn.Transformer, nn.TransformerEncoderLayer)


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """Facts about a model that can be read without running it."""

    model: nn.Module
    names: ForwardNames
    shapes: dict[str, tuple[int, ...]]
    """Of the parameters and buffers, by name."""

    float_dtype: str
    """Of the parameters."""

    sequential: bool
    """Whether some layer works along a sequence, so that a Linear is likely to see one."""

    embeddings: dict[str, int]
    """Rows of each embedding, by the path of the module."""

    device: torch.device
    training: bool = False
    """Whether forward runs in train mode."""

    config: Any = field(default=None)
    """The `config` attribute of a model that has one, as those of transformers do."""

    def setting(self, *names: str, part: str = "") -> Any:
        """Return the first of some settings that the model's config holds, in it or in a part of it.

        Args:
            names: What the setting may be called.
            part: Begin of the name of the part to ask first, such as `decoder`.
        """
        configs = sorted(self._configs(), key=lambda each: not (part and each[0].startswith(part)))
        for _, config in configs:
            for name in names:
                value = setting_of(config, name)
                if value is not None:
                    return value
        return None

    def _configs(self) -> list[tuple[str, Any]]:
        """The config itself, then the parts that it is made of, each with its name."""
        if self.config is None:
            return []
        found = {
            name: part
            for name, part in (dictionary_of(self.config) or {}).items()
            if (name in ("encoder", "decoder") or name.endswith("_config"))
            and dictionary_of(part) is not None
        }
        first = [name for name in _PARTS if name in found]
        names = [*first, *(name for name in found if name not in first)]
        return [("", self.config), *((name, found[name]) for name in names)]


def read_facts(model: nn.Module, *, training: bool = False) -> ModelFacts:
    """Read a model, which will run in train mode or not."""
    with torch._C.DisableTorchFunction():
        return replace(_read_facts(model), training=training)


def _read_facts(model: nn.Module) -> ModelFacts:
    tensors = [*named_parameters(model), *named_buffers(model)]
    floating = (str(tensor.dtype) for _, tensor in tensors if tensor.dtype.is_floating_point)
    return ModelFacts(
        model=model,
        names=forward_names(model),
        shapes={name: _shape(tensor) for name, tensor in tensors},
        float_dtype=next(floating, "float32").removeprefix("torch."),
        sequential=any(is_a(module, _SEQUENTIAL) for module in modules(model))
        or any(re.search("mask|length", name) for name in forward_names(model).names),
        embeddings={
            path: attribute(module, "num_embeddings", 0)
            for path, module in named_modules(model)
            if is_a(module, (nn.Embedding, nn.EmbeddingBag))
        },
        device=device_of(model),
        config=setting_of(model, "config"),
    )


def device_of(model: nn.Module) -> torch.device:
    """Return the device of a model's first tensor; the CPU where it has none.

    Tensors that are absent until a hook brings them say nothing: they are on the meta device.
    """
    with torch._C.DisableTorchFunction():
        return home_of(model) or torch.device("cpu")


def _shape(tensor: torch.Tensor) -> tuple[int, ...]:
    try:
        return tuple(tensor.shape)
    except (RuntimeError, ValueError):  # a lazy parameter has none yet
        return ()
