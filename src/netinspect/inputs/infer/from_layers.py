"""Guesses from layers: the input that the first layer to take an argument expects."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd

from netinspect._utils.classes import defining_module, plain_name
from netinspect.inputs.infer.argument_names import Meaning, meaning_of
from netinspect.inputs.infer.candidate import Guess, tensor
from netinspect.inputs.infer.model_facts import TOKENS, ModelFacts
from netinspect.inputs.infer.usual_sizes import FRAMES, POINTS, SMALL_PICTURE, usual_sides
from netinspect.tracing.model.members import modules, named_modules
from netinspect.tracing.safe_access import is_a, state_of

_LATENT = 32


def guess_for_layer(
    path: str, layer: nn.Module, name: str, facts: ModelFacts, *, width: int | None = None
) -> Guess | None:
    """Guess an argument by the layer that takes it.

    Args:
        path: Path of the layer.
        layer: The layer.
        name: Name of the argument, which may distinguish a waveform from another sequence.
        facts: The model.
        width: Features or channels of the argument, if others are concatenated to it; None for all.

    Returns:
        The guess, or None for a layer that accepts any size.
    """
    try:
        guess = _guess(path or plain_name(type(layer)), layer, name, facts, width)
    except AttributeError:  # a subclass of a torch layer that does not store its sizes
        return None
    return None if guess is None or 0 in guess.spec.shape else guess


def guess_for_weight(
    function: str, weight: str, shape: Sequence[int], facts: ModelFacts
) -> Guess | None:
    """Guess an argument by the function that takes it together with a weight."""
    if function.startswith("conv") and len(shape) > 2 and "transpose" not in function:
        return convolved(weight, shape[1], shape[2:], (), "", facts)
    if function == "linear" and len(shape) == 2:
        return _features(f"{weight} has {shape[1]} columns", shape[1], facts)
    if function == "embedding" and len(shape) == 2:
        return indices(f"{weight} has {shape[0]} rows", shape[0])
    return None


def first_layer_guess(name: str, facts: ModelFacts) -> Guess | None:
    """Guess an argument from the first layer, in order of definition, that expects certain sizes."""
    for path, layer in named_modules(facts.model):
        guess = guess_for_layer(path, layer, name, facts)
        if guess is not None:
            return guess
    return None


def _guess(
    path: str, layer: nn.Module, name: str, facts: ModelFacts, width: int | None = None
) -> Guess | None:
    # Stored attributes only: a user's class may define them as properties.
    own = SimpleNamespace(**state_of(layer))
    if width is not None:
        own.in_channels = own.in_features = own.input_size = width
    is_quantized = defining_module(type(layer)).startswith("torch.ao.")
    if is_a(layer, _ConvNd) or (is_quantized and hasattr(own, "in_channels")):
        channels, dimensions = own.in_channels, len(own.kernel_size)
        if own.transposed:  # it expands a small map or a latent to an image
            side = 1 if channels >= _LATENT else 8
            return tensor(1, channels, *[side] * dimensions, reason=f"{path} takes {channels} channels")
        return convolved(path, channels, own.kernel_size, own.stride, name, facts)
    if is_a(layer, (nn.Embedding, nn.EmbeddingBag)):
        return indices(f"{path} has {own.num_embeddings} rows", own.num_embeddings)
    if is_a(layer, nn.Linear) or (is_quantized and hasattr(own, "in_features")):
        return _features(f"{path}.in_features = {own.in_features}", own.in_features, facts, name)
    if is_a(layer, nn.Bilinear):
        what = "in2_features" if name == "input2" else "in1_features"
        return _features(f"{path}.{what} = {getattr(own, what)}", getattr(own, what), facts)
    if is_a(layer, nn.RNNBase):
        reason = f"{path}.input_size = {own.input_size}"
        return _sequence(own.input_size, reason, batch_first=own.batch_first, name=name)
    if is_a(layer, nn.RNNCellBase):
        return tensor(1, own.input_size, reason=f"{path}.input_size = {own.input_size}")
    if is_a(layer, (nn.Transformer, nn.TransformerEncoderLayer, nn.TransformerDecoderLayer)):
        attention = next(each for each in modules(layer) if is_a(each, nn.MultiheadAttention))
        return _attended(path, attention, name)
    if is_a(layer, nn.MultiheadAttention):
        return _attended(path, layer, name)
    if is_a(layer, nn.LayerNorm):
        shape = tuple(own.normalized_shape)
        leading = (1, TOKENS) if len(shape) == 1 and facts.sequential else (1,)
        return tensor(*leading, *shape, reason=f"{path}.normalized_shape = {shape}")
    if is_a(layer, _BatchNorm):
        reason = f"{path}.num_features = {own.num_features}"
        dimensions = {"BatchNorm2d": 2, "BatchNorm3d": 3}.get(plain_name(type(layer)), 0)
        sides = usual_sides(name, own.num_features, (1,) * dimensions, (), facts) if dimensions else ()
        return tensor(1, own.num_features, *sides, reason=reason)
    return None


def convolved(
    path: str,
    channels: int,
    kernel: Sequence[int],
    stride: Sequence[int],
    name: str,
    facts: ModelFacts,
) -> Guess:
    """Guess the input of a convolution."""
    reason = f"{path} takes {channels} channel{'s' if channels != 1 else ''}"
    sides = usual_sides(name, channels, kernel, stride, facts)
    if channels == 3 and sides == (SMALL_PICTURE, SMALL_PICTURE):
        reason = f"{reason} and keeps the size, as for small pictures"
    return tensor(1, channels, *sides, reason=reason)


def _features(reason: str, features: int, facts: ModelFacts, name: str = "") -> Guess:
    meaning = meaning_of(name)
    if meaning is Meaning.POINTS:
        return tensor(1, POINTS, features, reason=reason)
    if meaning is Meaning.SPECTRUM:
        return tensor(1, FRAMES, features, reason=reason)
    if facts.sequential or meaning is Meaning.SEQUENCE:
        return tensor(1, TOKENS, features, reason=reason)
    if meaning is Meaning.NODES or is_graph(facts):
        return tensor(TOKENS, features, reason=reason)
    return tensor(1, features, reason=reason)


def is_graph(facts: ModelFacts) -> bool:
    """Return whether forward takes edges or an adjacency matrix."""
    meanings = (Meaning.EDGES, Meaning.ADJACENCY)
    return any(meaning_of(name) in meanings for name in facts.names.names)


def _sequence(features: int, reason: str, *, batch_first: bool, name: str = "") -> Guess:
    length = FRAMES if meaning_of(name) is Meaning.SPECTRUM else TOKENS
    shape = (1, length, features) if batch_first else (length, 1, features)
    return tensor(*shape, reason=reason if batch_first else f"{reason}; batch_first = False")


def _attended(path: str, attention: nn.MultiheadAttention, name: str) -> Guess:
    own = SimpleNamespace(**state_of(attention))
    what = {"key": "kdim", "keys": "kdim", "value": "vdim", "values": "vdim"}.get(name, "embed_dim")
    features = getattr(own, what)
    return _sequence(features, f"{path}.{what} = {features}", batch_first=own.batch_first)


def indices(reason: str, rows: int) -> Guess:
    """Guess indices of the rows of an embedding."""
    return tensor(1, TOKENS, dtype="int64", low=0, high=max(rows - 1, 0), reason=reason)
