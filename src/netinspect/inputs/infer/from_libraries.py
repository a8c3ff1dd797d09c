"""Guesses from the metadata of torchvision, timm, transformers and diffusers for their own models."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from typing import Any

from torch import nn

from netinspect._utils.classes import defining_module, plain_name
from netinspect.inputs.infer.argument_names import Meaning, meaning_of
from netinspect.inputs.infer.candidate import Candidate, Guess, tensor
from netinspect.inputs.infer.from_diffusers import diffusers_inputs
from netinspect.inputs.infer.model_facts import TOKENS, ModelFacts
from netinspect.tracing.model.members import named_modules
from netinspect.tracing.safe_access import attribute, is_a, setting_of

_MAXIMUM_SIDE = 1024
_GRID = 4


def known_inputs(facts: ModelFacts, target: str | None) -> Candidate:
    """Return the guesses of the library that a model comes from; empty for other models.

    Args:
        facts: The model.
        target: The target string, such as `torchvision:resnet50`.
    """
    for of_library in (_timm, _transformers, _torchvision, _diffusers):
        known = of_library(facts, target or "")
        if known:
            return known
    return {}


def guess_of_library(name: str, facts: ModelFacts) -> Guess | None:
    """Guess one argument of a transformers model; None for an unknown name or another model."""
    make = _MODALITIES.get(name)
    return make(facts) if make is not None and facts.config is not None else None


def _diffusers(facts: ModelFacts, target: str) -> Candidate:
    return diffusers_inputs(facts)


def _first_name(facts: ModelFacts) -> str:
    return next(iter(facts.names.names), "0")


def _timm(facts: ModelFacts, target: str) -> Candidate:
    settings = setting_of(facts.model, "pretrained_cfg") or setting_of(facts.model, "default_cfg")
    size = (settings or {}).get("input_size") if isinstance(settings, dict) else None
    if not isinstance(size, (tuple, list)) or not all(isinstance(each, int) for each in size):
        return {}
    return {_first_name(facts): tensor(1, *size, reason=f"timm's input_size = {tuple(size)}")}


def _torchvision(facts: ModelFacts, target: str) -> Candidate:
    library = sys.modules.get("torchvision")
    if library is None or not defining_module(type(facts.model)).startswith("torchvision.models."):
        return {}
    settings = _torchvision_settings(library, target.partition(":")[2])
    kind = defining_module(type(facts.model)).split(".")[2]
    if kind == "detection":
        guess = tensor(
            3, 320, 320, low=0.0, high=1.0, reason="torchvision's detectors take lists of images"
        )
        return {
            _first_name(facts): Guess(
                spec=guess.spec.with_shape((1, 3, 320, 320)).as_list(), reason=guess.reason
            )
        }
    side = settings.get("crop_size")
    if isinstance(side, (list, tuple)):
        side = side[-1]
    if not isinstance(side, int):
        return {}
    reason = f"torchvision's transforms crop to {side}"
    if kind == "video":
        frames = max(int(settings.get("min_temporal_size", 16)), 16)
        return {_first_name(facts): tensor(1, 3, frames, side, side, reason=reason)}
    return {_first_name(facts): tensor(1, 3, side, side, reason=reason)}


def _torchvision_settings(library: Any, name: str) -> dict[str, Any]:
    try:
        weights = library.models.get_model_weights(name).DEFAULT
        settings = dict(getattr(weights.transforms, "keywords", {}))
        return {**weights.meta, **settings}
    except (ValueError, AttributeError, KeyError):
        return {}


# --- transformers --------------------------------------------------------------------------------


def _transformers(facts: ModelFacts, target: str) -> Candidate:
    main = setting_of(facts.model, "main_input_name")
    if facts.config is None or not isinstance(main, str):
        return {}
    names = [main] if main in facts.names.names else []
    names += [
        name
        for name in facts.names.names
        if name in _MODALITIES and name not in names and facts.names.arguments[name].required
    ]
    if not names:
        names = [name for name in facts.names.names if name in _MODALITIES][:1]
    if setting_of(facts.config, "is_encoder_decoder") and "decoder_input_ids" in facts.names.names:
        names.append("decoder_input_ids")
    known: Candidate = {}
    for name in names:
        guess = _MODALITIES[name](facts) if name in _MODALITIES else None
        if guess is not None:
            known[name] = guess
    return known


def _ids(facts: ModelFacts, part: str = "") -> Guess:
    size = facts.setting("vocab_size", part=part) or max(facts.embeddings.values(), default=2)
    return tensor(
        1, TOKENS, dtype="int64", low=0, high=max(int(size) - 1, 0), reason=f"config.vocab_size = {size}"
    )


def _pixels(facts: ModelFacts) -> Guess:
    if (patches := _patches(facts)) is not None:
        return patches
    if any(meaning_of(name) is Meaning.GRID for name in facts.names.names):
        # The model takes images cut into patches, unless it has a convolution that cuts them.
        for path, layer in named_modules(facts.model):
            if is_a(layer, nn.modules.conv._ConvNd):
                break
            if is_a(layer, nn.Linear) and "patch" in path:
                features = attribute(layer, "in_features")
                return tensor(1, TOKENS, features, reason=f"{path}.in_features = {features}")
    side = facts.setting("image_size", "input_size", "img_size")
    channels = facts.setting("num_channels", "in_channels", "num_input_channels")
    height, width = side if isinstance(side, (list, tuple)) and len(side) == 2 else (side, side)
    height, width = (
        each if isinstance(each, int) and each <= _MAXIMUM_SIDE else 224 for each in (height, width)
    )
    channels = channels if isinstance(channels, int) else 3
    frames = facts.setting("num_frames")
    leading = (
        (1, frames) if isinstance(frames, int) and "Video" in plain_name(type(facts.model)) else (1,)
    )
    return tensor(*leading, channels, height, width, reason=f"config.image_size = {side}")


def _features(facts: ModelFacts) -> Guess:
    bins = (
        facts.setting("num_mel_bins", "input_feat_per_channel", "feature_size", "input_channels") or 80
    )
    positions = facts.setting("max_source_positions")
    layout = re.search(r"whisper|qwen2_audio", str(setting_of(facts.config, "model_type") or ""))
    if layout:
        return tensor(1, bins, 2 * (positions or 1500), reason=f"config.num_mel_bins = {bins}")
    return tensor(1, 100, bins, reason=f"config: {bins} features per frame")


def _patches(facts: ModelFacts) -> Guess | None:
    """Guess an image as rows of patches, which the vision models of Qwen take with a patch grid."""
    patch = facts.setting("patch_size", part="vision")
    if not isinstance(patch, int) or not {"grid_thw", "image_grid_thw"} & {*facts.names.required}:
        return None
    for path, layer in named_modules(facts.model):
        if is_a(layer, nn.Linear) and "patch" in path:
            size = attribute(layer, "in_features")
            reason = f"{path}.in_features = {size}"
            break
    else:
        channels = facts.setting("in_channels", "in_chans", "num_channels", part="vision") or 3
        size = channels * (facts.setting("temporal_patch_size", part="vision") or 1) * patch * patch
        reason = f"config.patch_size = {patch}"
    return tensor(_GRID**2, size, reason=f"{reason}, a grid of 1x{_GRID}x{_GRID}")


def _grid(facts: ModelFacts) -> Guess:
    values = (1, _GRID, _GRID)
    return tensor(1, 3, dtype="int64", values=values, reason=f"a grid of 1x{_GRID}x{_GRID}")


def _audio(facts: ModelFacts) -> Guess:
    return tensor(1, 16_000, reason="one second of audio at 16 kHz")


def _history(facts: ModelFacts) -> Guess | None:
    """Guess the past of a time series: its context and the longest lag before it."""
    lags, context = facts.setting("lags_sequence"), facts.setting("context_length", "prediction_length")
    if not isinstance(lags, (list, tuple)) or not lags or not isinstance(context, int):
        return None
    sizes = [facts.setting("input_size") or 1]
    return tensor(
        1, context + max(lags), *(size for size in sizes if size > 1),
        reason=f"config: a context of {context} and a lag of {max(lags)}",
    )  # fmt: skip


_MODALITIES: dict[str, Callable[[ModelFacts], Guess | None]] = {
    "hidden_states": _patches,
    "grid_thw": _grid,
    "image_grid_thw": _grid,
    "input_ids": _ids,
    "decoder_input_ids": lambda facts: _ids(facts, "decoder"),
    "pixel_values": _pixels,
    "pixel_values_videos": _pixels,
    "input_features": _features,
    "input_values": _audio,
    "past_values": _history,
}
