"""Usual sizes of pictures, volumes, clips and signals, by the layer that takes them and by its model."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from types import SimpleNamespace

from torch import nn
from torch.nn.modules.conv import _ConvNd

from netinspect._utils.classes import plain_name
from netinspect.inputs.infer.argument_names import Meaning, meaning_of
from netinspect.inputs.infer.model_facts import ModelFacts
from netinspect.tracing.model.members import modules
from netinspect.tracing.safe_access import is_a, state_of

PHOTOGRAPH = 224
SMALL_PICTURE = 32
DIGIT = 28
VOLUME = 64
CLIP = (16, 112, 112)
SECOND = 16_000
"""Samples of a second of speech."""

SAMPLES = 128
"""Default length of a signal that is not audio."""

FRAMES = 100
POINTS = 1_024
_OTHER_SIDE = 64
_OTHER_VOLUME = 32

_SMALL_STEM = 5
"""Largest kernel of the first convolution of a network for small pictures."""

_SMALL_SETS = frozenset((10, 100))
"""Numbers of classes of the usual data sets of small pictures."""

_SMALL_SET_NAMES = re.compile(r"cifar|svhn", re.IGNORECASE)
_VIDEO = re.compile(r"(.*_)?(clips?|videos?|frames?)(_?\d+)?")
_VOLUME = re.compile(r"(.*_)?(vol|volumes?|voxels?|ct|mri?|mris|scans?|cubes?)(_?\d+)?")
_AUDIO_KERNEL = 8
_AUDIO_STRIDE = 16
"""Least kernel of the first convolution, or stride of all, of a network for raw audio."""


def usual_sides(
    name: str, channels: int, kernel: Sequence[int], stride: Sequence[int], facts: ModelFacts
) -> tuple[int, ...]:
    """Return the usual sizes of the dimensions that a convolution works along.

    Args:
        name: Name of the argument.
        channels: Channels that the convolution takes.
        kernel: Sizes of its kernel, one per dimension.
        stride: Its strides; empty if they are unknown.
        facts: The model.
    """
    match len(kernel):
        case 1:
            return (_length(name, channels, kernel[0], facts),)
        case 3:
            return _volume(name, channels, kernel)
    if meaning_of(name) is Meaning.SPECTRUM:
        return (_OTHER_SIDE, FRAMES)
    if channels == 3 and takes_small_pictures(kernel, stride, facts):
        return (SMALL_PICTURE, SMALL_PICTURE)
    return ({1: DIGIT, 3: PHOTOGRAPH}.get(channels, _OTHER_SIDE),) * 2


def takes_small_pictures(kernel: Sequence[int], stride: Sequence[int], facts: ModelFacts) -> bool:
    """Return whether a network with this first convolution is built for pictures of 32 x 32.

    Its stem keeps the size of the picture, and it distinguishes 10 or 100 classes, or it is named after
    a set of such pictures.
    """
    keeps_size = bool(stride) and max(stride) == 1 and max(kernel) <= _SMALL_STEM
    is_named = _SMALL_SET_NAMES.search(plain_name(type(facts.model))) is not None
    return keeps_size and (is_named or _classes(facts.model) in _SMALL_SETS)


def _classes(model: nn.Module) -> int | None:
    """Return the outputs of the last layer of a classifier; None if the network enlarges maps again."""
    last: int | None = None
    for module in modules(model):
        own = SimpleNamespace(**state_of(module))
        if is_a(module, nn.Linear):
            last = getattr(own, "out_features", None)
        elif is_a(module, _ConvNd):
            if getattr(own, "transposed", False):
                return None
            if math.prod(getattr(own, "kernel_size", (0,))) == 1:
                last = getattr(own, "out_channels", None)
        elif is_a(module, (nn.Upsample, nn.PixelShuffle)):
            return None
    return last


def _volume(name: str, channels: int, kernel: Sequence[int]) -> tuple[int, ...]:
    """Return the sizes of a clip, or the equal sides of a volume."""
    is_clip = channels == 3 and not _VOLUME.fullmatch(name.lower())
    if _VIDEO.fullmatch(name.lower()) or len(set(kernel)) > 1 or is_clip:
        return CLIP
    return (VOLUME if channels <= 4 else _OTHER_VOLUME,) * 3


def _length(name: str, channels: int, kernel: int, facts: ModelFacts) -> int:
    meaning = meaning_of(name)
    if meaning is Meaning.POINTS:
        return POINTS
    if meaning is Meaning.AUDIO or (channels == 1 and kernel >= _AUDIO_KERNEL):
        return SECOND
    if channels <= 2 and math.prod(_strides(facts.model)) >= _AUDIO_STRIDE:
        return SECOND
    return FRAMES if meaning is Meaning.SPECTRUM else SAMPLES


def _strides(model: nn.Module) -> Iterator[int]:
    """Yield the strides of the 1-dimensional convolutions up to the first that enlarges the signal."""
    for module in modules(model):
        if is_a(module, (nn.Conv1d, nn.ConvTranspose1d)):
            own = SimpleNamespace(**state_of(module))
            if getattr(own, "transposed", False):
                return
            if getattr(own, "kernel_size", (1,))[0] > 1:
                yield getattr(own, "stride", (1,))[0]
