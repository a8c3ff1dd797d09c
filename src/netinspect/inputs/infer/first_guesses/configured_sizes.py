"""Sizes of inputs in the settings of a model, such as `image_size` or `seq_len`.

Each rule takes the guess of one argument, from its name and from layers, and returns one with the
configured sizes, or None. A size that contradicts the weights of the layer is not used.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from torch import nn

from netinspect.inputs.infer.argument_names import Meaning, meaning_of
from netinspect.inputs.infer.candidate import Guess, tensor
from netinspect.inputs.infer.first_guesses.unfilled import Unfilled
from netinspect.inputs.infer.model_facts import TOKENS, ModelFacts
from netinspect.inputs.infer.model_settings import integers, shape_of_space
from netinspect.records.base import replace
from netinspect.tracing.model.members import modules
from netinspect.tracing.safe_access import is_a

_SHAPES = (
    *("input_shape", "in_shape", "img_shape", "image_shape", "obs_shape", "observation_shape"),
    *("state_shape", "image_size", "img_size", "input_size", "in_size", "sample_size", "size"),
)
_SPACES = ("observation_space", "obs_space", "state_space")
_SIDES = (
    *("image_size", "img_size", "imgsz", "im_size", "image_resolution", "img_resolution"),
    *("in_size", "input_size", "input_resolution", "sample_size", "resolution", "crop_size"),
    *("input_shape", "img_shape", "image_shape"),
)
_HEIGHT_AND_WIDTH = (
    *(("img_height", "img_width"), ("image_height", "image_width"), ("img_h", "img_w")),
    *(("input_height", "input_width"), ("height", "width"), ("H", "W")),
)
_CHANNELS = (
    *("in_channels", "in_chans", "img_channels", "image_channels", "input_channels", "num_channels"),
    *("n_channels", "n_chans", "channels", "in_channel", "in_ch", "input_nc", "in_c", "nc", "c_in"),
)
_PATCHES = ("patch_size", "image_patch_size", "patch_sizes", "patch")
_FRAME_PATCHES = ("frame_patch_size", "temporal_patch_size", "tubelet_size")
_FRAMES = ("num_frames", "n_frames", "frames", "clip_length", "clip_len")
_LENGTHS = (
    *("seq_len", "seq_length", "sequence_length", "input_len", "input_length", "n_times", "lookback"),
    *("signal_length", "sig_length", "history_len", "n_timesteps", "num_timesteps_input", "window_len"),
)
"""Lengths that inputs have."""

_LONGEST = (
    *("block_size", "max_len", "max_length", "max_seq_len", "max_seq_length", "max_sequence_length"),
    *("context_length", "context_size", "context_len", "n_positions", "n_ctx", "n_context"),
    *("max_position_embeddings", "max_positions", "max_target_positions"),
)
"""Lengths that inputs may not exceed."""

_FEATURES = (
    *("input_dim", "in_features", "in_dim", "input_features", "num_features", "n_features"),
    *("feature_dim", "feature_size", "feat_dim", "d_in", "input_size", "n_mels", "num_mel_bins"),
    *("obs_dim", "state_dim", "observation_dim", "enc_in", "n_inputs", "num_inputs", "channels"),
)
_RATES = ("sample_rate", "samplerate", "sampling_rate", "sfreq", "sr", "fs")
_SLOWEST, _FASTEST = 4_000, 192_000
"""Bounds of sample rates of audio, in Hz."""

_SMALLEST_SIDE = 4
_LARGEST_SIDE = 2048


class _Argument(NamedTuple):
    """The argument that a rule guesses."""

    name: str
    guess: Guess | None
    is_first: bool
    facts: ModelFacts

    @property
    def shape(self) -> tuple[int, ...]:
        """Guessed shape; empty without a guess."""
        return self.guess.spec.shape if self.guess is not None else ()

    @property
    def is_floating(self) -> bool:
        """Whether the argument may be a tensor of floats."""
        return self.guess is None or self.guess.spec.is_floating

    @property
    def features(self) -> int | None:
        """Features that a layer expects of a row, if the guess has rows."""
        return self.shape[-1] if len(self.shape) in (2, 3) and self.is_floating else None

    def find(self, *names: str) -> tuple[int, str] | None:
        """Return a configured integer and its source."""
        found = self.facts.configured(*names)
        values = integers(found.value) if found is not None else None
        return (values[0], found.source) if found and values and len(values) == 1 else None

    def with_shape(self, shape: tuple[int, ...], *sources: str) -> Guess:
        """Return a guess with a configured shape; the sources precede the reason of the former guess."""
        if self.guess is None:
            guess = tensor(*shape, reason="; ".join(sources), firm=False)
            return replace(guess, configured=True)
        spec = self.guess.spec.with_shape(shape)
        # The evidence of a layer holds for as many dimensions as before.
        reasons = (self.guess.reason,) if len(shape) == len(self.shape) else ()
        return replace(self.guess, spec=spec, reason="; ".join((*sources, *reasons)), firm=False)


def configured_sizes(unfilled: Unfilled, guess: Guess | None) -> Guess | None:
    """Return the guess with the sizes that the model states, unless they contradict it."""
    argument = _Argument(unfilled.name, guess, not unfilled.others, unfilled.facts)
    for rule in _RULES:
        found = rule(argument)
        if found is not None:
            return found if guess is None or found.spec != guess.spec else guess
    return guess


def _of_space(argument: _Argument) -> Guess | None:
    """Return the shape of the observation space of an agent."""
    found = argument.facts.configured(*_SPACES)
    shape = shape_of_space(found.value) if found is not None else None
    if found is None or shape is None or not argument.is_first:
        return None
    source = f"{found.source.partition(' = ')[0]}.shape = {shape}"
    return _of_whole_shape(argument, shape, source)


def _of_shape(argument: _Argument) -> Guess | None:
    """Return a configured shape of channels and sides."""
    found = argument.facts.configured(*_SHAPES)
    shape = integers(found.value) if found is not None else None
    if found is None or shape is None or len(shape) < 3 or not argument.is_first:
        return None
    return _of_whole_shape(argument, shape, found.source)


def _of_whole_shape(argument: _Argument, shape: tuple[int, ...], source: str) -> Guess | None:
    current = argument.shape
    if not argument.is_floating:
        return None
    if len(current) == len(shape) == 4 and shape[1] == current[1]:
        shape = shape[1:]  # it includes the batch
    if len(current) == len(shape) + 1 and len(shape) >= 3:
        if current[1] == shape[0]:
            return argument.with_shape((1, *shape), source)
        if current[1] == shape[-1]:
            return argument.with_shape((1, shape[-1], *shape[:-1]), source)
        if len(shape) == len(current) - 2:
            return argument.with_shape((*current[:2], *shape), source)
        return None
    if not current or (argument.features == math.prod(shape)) or current == (1, *shape):
        return argument.with_shape((1, *shape), source)
    return None


def _of_patches(argument: _Argument) -> Guess | None:
    """Return an image, a clip or a sequence that the model cuts into patches of known size."""
    features, sides = argument.features, _sides(argument.facts)
    if features is None:
        return None
    patch = argument.facts.configured(*_PATCHES)
    patches = integers(patch.value) if patch is not None else None
    channels, why = argument.find(*_CHANNELS) or (3, "")
    sources = [each for each in (why,) if each]
    if patches is not None:
        if sides is not None:
            area = math.prod(patches) if len(patches) > 1 else patches[0] ** 2
            depth, frames = argument.find(*_FRAME_PATCHES), argument.find(*_FRAMES)
            if frames is not None and features == channels * area * (depth[0] if depth else 1):
                shape = (1, channels, frames[0], *sides[0])
                return argument.with_shape(shape, sides[1], frames[1], *sources)
            if features == channels * area:
                return argument.with_shape((1, channels, *sides[0]), sides[1], *sources)
        length = argument.find(*_LENGTHS)
        if length is not None and len(patches) == 1 and features == channels * patches[0]:
            return argument.with_shape((1, channels, length[0]), length[1], *sources)
    is_image = meaning_of(argument.name) is Meaning.IMAGE
    if sides is not None and is_image and not _has_convolution(argument.facts):
        return argument.with_shape((1, channels, *sides[0]), sides[1], *sources)
    return None


def _has_convolution(facts: ModelFacts) -> bool:
    return any(is_a(each, nn.modules.conv._ConvNd) for each in modules(facts.model))


def _of_clip(argument: _Argument) -> Guess | None:
    """Return a clip or a volume with the configured frames and sides."""
    if len(argument.shape) != 5 or not argument.is_floating:
        return None
    frames, configured = argument.find(*_FRAMES), argument.facts.configured(*_SIDES)
    sides = integers(configured.value) if configured is not None else None
    batch, channels, *current = argument.shape
    sources = []
    if configured is not None and sides is not None and len(sides) <= 3:
        sources.append(configured.source)
        if len(sides) == 3:
            current = [*sides]
        elif len(sides) == 2:
            current[1:] = sides
        else:
            current = [current[0] if frames else sides[0], sides[0], sides[0]]
    if frames is not None:
        current[0] = frames[0]
        sources.append(frames[1])
    return argument.with_shape((batch, channels, *current), *sources) if sources else None


def _of_image(argument: _Argument) -> Guess | None:
    """Return an image with the configured sides."""
    shape = argument.shape
    if len(shape) != 4 or not argument.is_floating or min(shape[2:]) < 2 * _SMALLEST_SIDE:
        return None
    if meaning_of(argument.name) is Meaning.SPECTRUM:
        return None
    sides = _sides(argument.facts)
    return argument.with_shape((*shape[:2], *sides[0]), sides[1]) if sides is not None else None


def _sides(facts: ModelFacts) -> tuple[tuple[int, int], str] | None:
    """Return the configured height and width of images, and their source."""
    for pair in _HEIGHT_AND_WIDTH:
        found = [facts.configured(name) for name in pair]
        sizes = [integers(each.value) if each is not None else None for each in found]
        if all(size is not None and len(size) == 1 for size in sizes):
            sides = tuple(size[0] for size in sizes if size)
            if _are_sides(sides):
                return (sides[0], sides[1]), " and ".join(each.source for each in found if each)
    for name in _SIDES:
        configured = facts.configured(name)
        values = integers(configured.value) if configured is not None else None
        if configured is None or values is None or len(values) > 2:
            continue
        sides = values * 2 if len(values) == 1 else values
        if _are_sides(sides):
            return (sides[0], sides[1]), configured.source
    return None


def _are_sides(sides: tuple[int, ...]) -> bool:
    return all(_SMALLEST_SIDE <= side <= _LARGEST_SIDE for side in sides)


def _of_audio(argument: _Argument) -> Guess | None:
    """Return a second of audio at the configured rate."""
    shape, is_audio = argument.shape, meaning_of(argument.name) is Meaning.AUDIO
    if not argument.is_floating or len(shape) not in (2, 3):
        return None
    if not is_audio and (len(shape) != 3 or shape[1] > 2 or shape[2] == TOKENS):
        return None
    rate = argument.find(*_RATES)
    if rate is None or not _SLOWEST <= rate[0] <= _FASTEST:
        return None
    return argument.with_shape((*shape[:-1], rate[0]), f"one second at {rate[1]}")


def _of_signal(argument: _Argument) -> Guess | None:
    """Return a signal of several channels, which models of recordings state by their own names."""
    channels, length = argument.find("n_chans"), argument.find("n_times")
    if channels is None or length is None or not argument.is_first:
        return None
    return argument.with_shape((1, channels[0], length[0]), channels[1], length[1])


def _of_sequence(argument: _Argument) -> Guess | None:
    """Return a sequence of the configured length, or one that is not longer than allowed."""
    shape, length = argument.shape, argument.find(*_LENGTHS)
    if argument.guess is not None and not argument.is_floating and shape == (1, TOKENS):
        longest = length or argument.find(*_LONGEST)
        if longest is not None and (longest == length or longest[0] < TOKENS):
            return argument.with_shape((1, longest[0]), longest[1])
        return None
    if not argument.is_floating or not shape or meaning_of(argument.name) is Meaning.TIME:
        return None
    if length is None:
        longest = argument.find(*_LONGEST)
        if longest is None or len(shape) != 3 or shape.count(TOKENS) != 1 or longest[0] >= TOKENS:
            return None
        length = longest
    if len(shape) == 2:
        return _of_rows(argument, length)
    if len(shape) == 3 and shape[1] == TOKENS:
        return argument.with_shape((shape[0], length[0], shape[2]), length[1])
    if len(shape) == 3 and shape[0] == TOKENS:
        return argument.with_shape((length[0], *shape[1:]), length[1])
    if len(shape) == 3 and _starts_with_convolution(argument.facts):
        return argument.with_shape((*shape[:2], length[0]), length[1])
    return None


def _starts_with_convolution(facts: ModelFacts) -> bool:
    for each in modules(facts.model):
        if is_a(each, nn.Conv1d):
            return True
        if is_a(each, (nn.Linear, nn.RNNBase, nn.LayerNorm)):
            return False
    return False


def _of_rows(argument: _Argument, length: tuple[int, str]) -> Guess | None:
    """Return a sequence for a layer whose features are those of one element, or of all of them."""
    expected, features = argument.shape[1], argument.find(*_FEATURES)
    if features is None or features[0] == length[0]:
        return None
    if expected in (length[0], length[0] * features[0], features[0]):
        return argument.with_shape((1, length[0], features[0]), length[1], features[1])
    return None


def _of_features(argument: _Argument) -> Guess | None:
    """Return rows of the configured features, if no layer gives them."""
    features, guess = argument.find(*_FEATURES), argument.guess
    if features is None or not argument.is_first:
        return None
    if guess is None:
        return argument.with_shape((1, features[0]), features[1])
    is_index = guess.spec.dtype == "int64" and meaning_of(argument.name) is None and not guess.firm
    if is_index and guess.spec.high is not None and guess.spec.high + 1 != features[0]:
        return tensor(1, features[0], reason=features[1], firm=False)
    return None


_RULES: tuple[Callable[[_Argument], Guess | None], ...] = (
    _of_space,
    _of_shape,
    _of_patches,
    _of_clip,
    _of_image,
    _of_audio,
    _of_signal,
    _of_sequence,
    _of_features,
)
"""Rules by kind of input, in order of precedence."""
