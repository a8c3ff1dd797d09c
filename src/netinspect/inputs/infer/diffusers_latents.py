"""The first argument of a model of diffusers: a latent, a picture, a clip or a waveform.

Its dimensions are those that forward unpacks (`batch_size, channels, num_frames, height, width =
hidden_states.shape`), or that the first layer takes. Their sizes are in the configuration.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import NamedTuple

from torch import nn

from netinspect._utils.classes import plain_name
from netinspect.inputs.infer.candidate import Guess, tensor
from netinspect.inputs.infer.model_facts import ModelFacts
from netinspect.inputs.infer.unpacked_shapes import unpacked_shape
from netinspect.tracing.model.members import named_modules
from netinspect.tracing.safe_access import attribute, is_a

LATENTS = ("sample", "hidden_states", "latents", "x", "z", "mel", "controls_latents")
_SIDE = 32
"""Side of latents without a configured size: a picture of 256 pixels."""

_PIXELS = 256
_PIXELS_OF_CLIP = 64
_FRAMES = 5
_CLIP = 9
"""Frames of a clip: one, and a multiple of the 4 or 8 by which time is compressed."""

TOKENS_OF_CLIP = (4, 8, 8)
"""Frames, height and width of a clip that is passed as a sequence of latents."""

_WAVEFORM = 1 << 15
_SEQUENCE = 256
"""Length of a sequence of latents of audio."""

_PIXEL_CHANNELS = ("in_channels", "encoder_in_channels", "input_channels")
_CHANNELS = (
    *("in_channels", "in_visual_dim", "in_dim", "io_channels", "encoder_in_channels", "input_channels"),
    *("latent_channel", "mel_bins", "num_mels", "latent_dim", "latent_channels"),
)


class Latent(NamedTuple):
    """The first argument: its sizes by meaning."""

    name: str
    guess: Guess
    tokens: int = 0
    """Length of a sequence of latents; 0 for a picture, a clip or a waveform."""

    side: int = 0
    frames: int = 0


class _Entry(NamedTuple):
    """The layer that takes the latents."""

    path: str
    dimensions: int
    """Spatial dimensions of a convolution; 0 for a linear layer."""

    channels: int
    is_certain: bool = False
    """Whether it takes the configured channels, or patches of them."""


def find_latent(name: str, facts: ModelFacts) -> Latent | None:
    """Return the first argument of a model; None if neither forward nor a layer gives its layout."""
    channels = number(facts, *(_PIXEL_CHANNELS if _is_autoencoder(facts) else _CHANNELS))
    entry = _entry(facts, channels)
    if _is_autoencoder(facts) and entry is not None and not entry.is_certain:
        # The encoder computes features first, such as sines: what it reconstructs is what it takes.
        channels = number(facts, "out_channels") or channels
    layout = _layout(name, facts, entry, channels)
    if not layout or (channels is None and (entry is None or "length" in layout)):
        return None
    channels = channels or (entry.channels if entry is not None else 1)
    if "condition_mask" in facts.names.required:
        # The mask and another one of the padding are among them.
        channels -= 2
    if layout == _SEQUENCE_LAYOUT:
        length = math.prod(TOKENS_OF_CLIP)
        features = entry.channels if entry is not None else channels
        source = entry.path if entry is not None else "config"
        guess = tensor(1, length, features, reason=f"{source} takes {features} features per token")
        return Latent(name, guess, tokens=length)
    height, width = _sides(facts, is_clip="frames" in layout)
    frames = _frames(facts) if "frames" in layout else 0
    sizes = {
        "batch": 1, "channels": channels, "frames": frames, "height": height, "width": width,
        "length": _length(facts),
    }  # fmt: skip
    reason = f"config: {' x '.join(layout)}, {channels} channels"
    guess = tensor(*(sizes[each] for each in layout), reason=reason)
    argument = facts.names.arguments.get(name)
    if argument is not None and argument.is_list:
        # A list of clips of one frame each.
        shape = (*guess.spec.shape[:2], *(1,) * (len(layout) == 4), *guess.spec.shape[2:])
        guess = tensor(*shape, reason=f"{reason}, in a list")
        guess = Guess(spec=guess.spec.as_list(), reason=guess.reason)
    return Latent(name, guess, side=height, frames=frames)


def _layers(facts: ModelFacts) -> Iterator[_Entry]:
    for path, layer in named_modules(facts.model):
        if is_a(layer, nn.Linear):
            yield _Entry(path, 0, attribute(layer, "in_features", 0))
        for dimensions, kind in enumerate((nn.Conv1d, nn.Conv2d, nn.Conv3d), start=1):
            if is_a(layer, kind):
                yield _Entry(path, dimensions, attribute(layer, "in_channels", 0))


def _entry(facts: ModelFacts, channels: int | None) -> _Entry | None:
    """Return the layer that takes the latents: the first one that takes their channels, or patches."""
    is_autoencoder = _is_autoencoder(facts)
    others = re.compile("time|text|context|caption|txt|cond|guidance|(^|_)(t_emb|global)")
    layers = [
        each
        for each in _layers(facts)
        if (each.dimensions if is_autoencoder else not others.search(each.path))
    ]
    patch = facts.setting("patch_size", "all_patch_size") or 1
    sizes = patch if isinstance(patch, (list, tuple)) else (patch,)
    sizes = [each for each in sizes if isinstance(each, int)] * (2 if len(sizes) == 1 else 1)
    wanted = {channels, (channels or 0) * math.prod(sizes)}
    if isinstance(each := facts.setting("patch_size_t"), int):
        wanted.add((channels or 0) * math.prod(sizes) * each)
    certain = [each._replace(is_certain=True) for each in layers if each.channels in wanted]
    return next(iter(certain or layers), None)


_MEANINGS = (
    ("batch", re.compile("b|bs|batch.*|.*batch_size|n")),
    ("channels", re.compile("c|.*channels?|d?dim")),
    ("frames", re.compile("t|f|.*frames?|video_length")),
    ("height", re.compile("h|.*height")),
    ("width", re.compile("w|.*width")),
)
_LAYOUTS: dict[int, tuple[str, ...]] = {
    1: ("batch", "channels", "length"),
    2: ("batch", "channels", "height", "width"),
    3: ("batch", "channels", "frames", "height", "width"),
}
_FRAMES_FIRST = ("batch", "frames", "channels", "height", "width")
_CHANNELS_LAST = ("batch", "frames", "height", "width", "channels")
_SEQUENCE_LAYOUT = ("batch", "tokens", "channels")


def _layout(name: str, facts: ModelFacts, entry: _Entry | None, channels: int | None) -> tuple[str, ...]:
    """Return the meanings of the dimensions: those to which forward unpacks them, or of the layer."""
    unpacked = unpacked_shape(facts.model, name, facts.names.method)
    if _is_autoencoder(facts):
        unpacked = unpacked or _unpacked_by_encoder(facts.model)
    meant = tuple(
        next((word for word, known in _MEANINGS if known.fullmatch(each)), each) for each in unpacked
    )
    is_spatial = entry is not None and entry.dimensions > 1
    if meant[:2] == ("batch", "frames") and (len(meant) == 5 or is_spatial):
        return _CHANNELS_LAST if meant[-1:] == ("channels",) else _FRAMES_FIRST
    if len(meant) in (4, 5) and meant[-2:] == ("height", "width"):
        return _LAYOUTS[len(meant) - 2]
    if entry is None:
        return ()
    class_name = plain_name(type(facts.model))
    if name == "z" and "Video" in class_name:
        return _LAYOUTS[3]
    if entry.dimensions:
        is_clip = entry.dimensions == 2 and re.search("3D|Video|Temporal|Motion", class_name)
        return _LAYOUTS[3 if is_clip and not _is_autoencoder(facts) else entry.dimensions]
    if entry.channels == channels or len(meant) == 3:
        return _SEQUENCE_LAYOUT
    # A linear layer takes flattened patches of a picture or a clip.
    patch = facts.setting("patch_size", "all_patch_size")
    if not patch or re.search("1D|Audio|Music", class_name):
        return ()
    return _LAYOUTS[3 if isinstance(patch, (list, tuple)) and len(patch) == 3 else 2]


def _unpacked_by_encoder(model: nn.Module) -> tuple[str, ...]:
    found = [unpacked_shape(model, "x", call) for call in ("_encode", "encode")]
    return next((("batch", *each[1:]) for each in found if each), ())


def number(facts: ModelFacts, *names: str) -> int | None:
    """Return the first setting that is a positive integer, or the first of several."""
    for name in names:
        value = facts.setting(name)
        while isinstance(value, (list, tuple)) and value:
            value = value[0]
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return value
    return None


def _is_autoencoder(facts: ModelFacts) -> bool:
    paths = {path for path, _ in named_modules(facts.model)}
    return {"encoder", "decoder"} <= paths


def _sides(facts: ModelFacts, *, is_clip: bool) -> tuple[int, int]:
    size = facts.setting("sample_size")
    if isinstance(size, (list, tuple)) and len(size) >= 2:
        return int(size[-2]), int(size[-1])
    height, width = number(facts, "sample_height"), number(facts, "sample_width")
    if height and width:
        return height, width
    default = 64 if facts.setting("down_block_types") else _SIDE
    if _is_autoencoder(facts):
        default = _PIXELS_OF_CLIP if is_clip else _PIXELS
    elif (factor := number(facts, "downscale_factor")) is not None:
        default = 64 * factor
    side = number(facts, "sample_size") or default
    return side, side


def _frames(facts: ModelFacts) -> int:
    if _is_autoencoder(facts):
        return 1 if "Image" in plain_name(type(facts.model)) else _CLIP
    frames = number(facts, "sample_frames", "num_frames", "video_length")
    if frames is None:
        return _FRAMES
    compression = number(facts, "temporal_compression_ratio")
    frames = (frames - 1) // compression + 1 if compression else frames
    unit = number(facts, "patch_size_t") or 1
    return -(-frames // unit) * unit


def _length(facts: ModelFacts) -> int:
    """Return the length of a waveform, or of a sequence of latents of audio."""
    is_waveform = _is_autoencoder(facts) and number(facts, "mel_bins") is None
    return number(facts, "sample_size") or (_WAVEFORM if is_waveform else _SEQUENCE)
