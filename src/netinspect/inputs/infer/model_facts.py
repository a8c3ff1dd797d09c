"""Facts about a model that input inference reads without running it."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from netinspect.inputs.construction import Construction
from netinspect.inputs.infer.model_settings import ModelSettings, Setting
from netinspect.inputs.signature import ForwardNames, forward_names
from netinspect.tracing.model.members import modules, named_buffers, named_modules, named_parameters
from netinspect.tracing.model.offload import all_homes_of, home_of
from netinspect.tracing.safe_access import attribute, dictionary_of, is_a, setting_of

TOKENS = 16
"""Default length of a sequence."""

_PARTS = ("text_config", "vision_config", "audio_config", "encoder", "decoder")
"""Parts of a config to search first for a missing setting."""

_SEQUENTIAL = (nn.RNNBase, nn.MultiheadAttention, nn.Transformer, nn.TransformerEncoderLayer)


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """Facts about a model for input inference."""

    model: nn.Module
    names: ForwardNames
    shapes: dict[str, tuple[int, ...]]
    """Shapes of the parameters and buffers by name."""

    float_dtype: str
    """Dtype of the first floating-point parameter or buffer."""

    sequential: bool
    """True if some layer works along a sequence, so that a Linear probably takes one too."""

    embeddings: dict[str, int]
    """Number of rows of each embedding by module path."""

    device: torch.device
    training: bool = False
    """True if forward runs in train mode."""

    config: Any = field(default=None)
    """The `config` attribute, which models of transformers have; None without one."""

    settings: ModelSettings | None = None
    """Settings in attributes, in configurations, and in arguments of the constructor."""

    def configured(self, *names: str) -> Setting | None:
        """Return the setting under one of several names, wherever the model has it; None without any."""
        return self.settings.find(*names) if self.settings is not None else None

    def setting(self, *names: str, part: str = "") -> Any:
        """Return the first setting of the model's config or of one of its parts, or else any other.

        Args:
            names: Possible names of the setting.
            part: Prefix of the name of the part to search first, such as `decoder`.
        """
        configs = sorted(self._configs(), key=lambda each: not (part and each[0].startswith(part)))
        for _, config in configs:
            for name in names:
                value = setting_of(config, name)
                if value is not None:
                    return value
        found = self.configured(*names)
        return found.value if found is not None else None

    def _configs(self) -> list[tuple[str, Any]]:
        """Return the config itself and then its parts, each with its name."""
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


def read_facts(
    model: nn.Module,
    *,
    training: bool = False,
    construction: Construction | None = None,
    call: str = "forward",
) -> ModelFacts:
    """Read the facts of a model.

    Args:
        model: The live module.
        training: Whether forward will run in train mode.
        construction: Arguments that the model was built with; None if unknown.
        call: Method of the model to run.
    """
    with torch._C.DisableTorchFunction():
        settings = ModelSettings(model, construction or Construction.of_instance(model))
        return dataclasses.replace(_read_facts(model, call), training=training, settings=settings)


def _read_facts(model: nn.Module, call: str) -> ModelFacts:
    names = forward_names(model, call)
    tensors = [*named_parameters(model), *named_buffers(model)]
    floating = (str(tensor.dtype) for _, tensor in tensors if tensor.dtype.is_floating_point)
    return ModelFacts(
        model=model,
        names=names,
        shapes={name: _shape(tensor) for name, tensor in tensors},
        float_dtype=next(floating, "float32").removeprefix("torch."),
        sequential=any(is_a(module, _SEQUENTIAL) for module in modules(model))
        or any(re.search("mask|length", name) for name in names.names),
        embeddings={
            path: attribute(module, "num_embeddings", 0)
            for path, module in named_modules(model)
            if is_a(module, (nn.Embedding, nn.EmbeddingBag))
        },
        device=device_of(model),
        config=setting_of(model, "config"),
    )


def device_of(model: nn.Module) -> torch.device:
    """Return the device of a model's first tensor; the CPU for a model without tensors.

    Tensors on the meta device that a hook loads for a call are ignored.
    """
    with torch._C.DisableTorchFunction():
        return home_of(model) or torch.device("cpu")


def devices_of(model: nn.Module) -> list[torch.device]:
    """Return the devices of a model's tensors, in the order in which they occur; see `device_of`."""
    with torch._C.DisableTorchFunction():
        return all_homes_of(model)


def _shape(tensor: torch.Tensor) -> tuple[int, ...]:
    try:
        return tuple(tensor.shape)
    except (RuntimeError, ValueError):  # a lazy parameter has none yet
        return ()
