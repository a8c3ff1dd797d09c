"""Layers of torch that forward passes its arguments to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd

from netinspect._utils.classes import plain_name
from netinspect.inputs.infer.forward_code.lookup import is_torchs
from netinspect.inputs.infer.forward_code.source import method_of
from netinspect.inputs.infer.forward_code.uses import LayerUse
from netinspect.inputs.infer.forward_code.values import (
    Computed,
    Group,
    Joined,
    Mixed,
    Part,
    Tracked,
    Value,
    tracked_in,
)
from netinspect.tracing.model.members import children, join_path
from netinspect.tracing.safe_access import attribute, is_a

if TYPE_CHECKING:
    from netinspect.inputs.infer.forward_code.reader import Reader

_SIZED = (
    _ConvNd,
    _BatchNorm,
    nn.Embedding,
    nn.EmbeddingBag,
    nn.Linear,
    nn.Bilinear,
    nn.RNNBase,
    nn.RNNCellBase,
    nn.Transformer,
    nn.TransformerEncoderLayer,
    nn.TransformerDecoderLayer,
    nn.MultiheadAttention,
    nn.LayerNorm,
    nn.GroupNorm,
)
"""Layers that expect certain sizes, whatever subclass of them a model has."""

_NORMS = (_BatchNorm, nn.LayerNorm, nn.GroupNorm)

_UNCHANGED = frozenset(
    """AlphaDropout CELU Dropout Dropout1d Dropout2d Dropout3d ELU FeatureAlphaDropout GELU Hardsigmoid
    Hardswish Hardtanh Identity InstanceNorm1d InstanceNorm2d InstanceNorm3d LeakyReLU LogSigmoid
    LocalResponseNorm Mish PReLU QuantStub DeQuantStub RMSNorm ReLU ReLU6 SELU Sigmoid SiLU Softmax
    Softplus Softsign Tanh""".split()  # noqa: SIM905
)
"""Layers of torch that keep sizes and accept any."""

_PARAMETERS: tuple[tuple[type, tuple[str, ...]], ...] = (
    (nn.MultiheadAttention, ("query", "key", "value", "key_padding_mask", "need_weights", "attn_mask")),
    (nn.Bilinear, ("input1", "input2")),
    (nn.RNNBase, ("input", "hx")),
    (nn.RNNCellBase, ("input", "hx")),
    (nn.Transformer, ("src", "tgt")),
    (nn.TransformerDecoderLayer, ("tgt", "memory")),
    (nn.TransformerEncoderLayer, ("src", "src_mask", "src_key_padding_mask")),
    (nn.EmbeddingBag, ("input", "offsets")),
)
"""Parameters of layers that take several tensors."""


def is_layer(module: nn.Module) -> bool:
    """Return whether a module is a layer of torch, whose forward is not read."""
    return is_a(module, _SIZED) or is_torchs(module)


def is_chain(module: nn.Module) -> bool:
    """Return whether a module calls its children one after the other."""
    stored = method_of(type(module), "forward")
    return stored is not None and stored[1] is nn.Sequential


def children_of(part: Part) -> list[Part]:
    """Return the children of a module."""
    return [Part(join_path(part.path, name), child) for name, child in children(part.module)]


def chained(part: Part) -> list[Part]:
    """Return the modules that a Sequential calls, in order."""
    return children_of(part)


def call_layer(
    reader: Reader, part: Part, arguments: Sequence[Value], keywords: Mapping[str, Value]
) -> Value:
    """Return the output of a layer of torch, and record which of its parameters get an argument."""
    module = part.module
    first = arguments[0] if arguments else next(iter(keywords.values()), None)
    kind = plain_name(type(module))
    if kind == "Flatten":
        return first.changed("reshape") if isinstance(first, Tracked) else None
    if is_torchs(module) and kind in _UNCHANGED:
        return first
    if is_a(module, (nn.TransformerEncoder, nn.TransformerDecoder)):
        inner = [each for each in children_of(part) if is_a(each.module, nn.ModuleList)]
        stacked = children_of(inner[0]) if inner else []
        return call_layer(reader, stacked[0], arguments, keywords) if stacked else None
    names = next((names for cls, names in _PARAMETERS if is_a(module, cls)), ("input",))
    given = {**dict(zip(names, arguments, strict=False)), **keywords}
    for parameter, value in given.items():
        _pass(reader, part, parameter, value)
    if is_a(module, _NORMS):
        return first
    width = width_of(module)
    if is_a(module, (nn.Embedding, nn.EmbeddingBag)):
        ids = first if isinstance(first, Tracked) and is_a(module, nn.Embedding) else None
        return Computed(width, ids)
    if is_a(module, nn.RNNBase):
        return Group((Computed(width), None))
    if is_a(module, nn.MultiheadAttention):
        return Group((Computed(width), None))
    if is_a(module, nn.LSTMCell):
        return Group((Computed(width), Computed(width)))
    leads = first if is_a(module, nn.Linear) and isinstance(first, Tracked) else None
    return Computed(width, leads=leads) if is_a(module, _SIZED) else None


def _pass(reader: Reader, part: Part, parameter: str, value: Value) -> None:
    takes_pair = parameter == "hx" and is_a(part.module, (nn.LSTM, nn.LSTMCell))
    if takes_pair and isinstance(value, Tracked) and not value.changes:
        value = Group(tuple(reader.read(value, str(index), "unpacked") for index in range(2)))
    if isinstance(value, Joined):
        _divide(reader, part, parameter, value)
    elif isinstance(value, Group):
        for index, each in enumerate(value.items):
            for tracked in tracked_in(each):
                use = LayerUse(part, f"{parameter}.{index}", tracked.changes, tracked.mixed)
                reader.table.add_layer(tracked, use)
    else:
        mixed = isinstance(value, Mixed)
        for tracked in tracked_in(value):
            use = LayerUse(part, parameter, tracked.changes, tracked.mixed or mixed)
            reader.table.add_layer(tracked, use)


def _divide(reader: Reader, part: Part, parameter: str, joined: Joined) -> None:
    """Divide the features or channels of a layer between the tensors that are concatenated."""
    total = size_of(part.module)
    entries = [each for value in joined.parts for each in tracked_in(value)]
    is_convolution = is_a(part.module, _ConvNd)
    outputs = [each for each in joined.parts if isinstance(each, Computed)]
    widths = [each.width for each in outputs]
    if total is None or (total in widths and len(joined.parts) > 1):
        # A sequence of tensors of one width.
        for each in entries:
            reader.table.add_layer(each, LayerUse(part, parameter, each.changes, mixed=True))
        return
    for output in outputs if is_a(part.module, nn.Linear) else ():
        if output.ids is not None and not output.ids.changes:
            reader.table.of(output.ids).joined_at = joined.dimension
    rank = None
    if not is_convolution and joined.dimension >= 0:
        rank = joined.dimension + 1
    channels = joined.dimension in ((1, -2, -3, -4) if is_convolution else (-1, 1, 2, 3))
    known = len(widths) + sum(bool(tracked_in(each)) for each in joined.parts)
    if not channels or None in widths or known < len(joined.parts):
        return
    left = total - sum(width or 0 for width in widths)
    if not entries or left < len(entries):
        return
    shared = _shares(entries, left) if is_convolution else _evenly(left, len(entries))
    widest = max(shared) if is_convolution else None
    for each, width in zip(entries, shared, strict=True):
        use = LayerUse(
            part,
            parameter,
            each.changes,
            each.mixed,
            width=width,
            widest=widest or width,
            shares=len(entries),
            rank=rank,
        )
        reader.table.add_layer(each, use)


def _evenly(total: int, parts: int) -> list[int]:
    return [total // parts + (index < total % parts) for index in range(parts)]


def _shares(entries: Sequence[Tracked], channels: int) -> list[int]:
    """Divide channels between images and masks: a mask has one, and a photograph three."""
    masks = [index for index, each in enumerate(entries) if "mask" in each.path[-1]]
    others = [index for index in range(len(entries)) if index not in masks]
    left = channels - len(masks)
    if not others or left < len(others):
        return _evenly(channels, len(entries))
    if left == len(others) + 2 and len(others) > 1:
        widths = [3, *[1] * (len(others) - 1)]
    else:
        widths = _evenly(left, len(others))
    given = dict(zip(others, widths, strict=True))
    return [given.get(index, 1) for index in range(len(entries))]


def size_of(module: nn.Module) -> int | None:
    """Return the number of features or channels that a layer takes."""
    for name in ("in_channels", "in_features", "input_size", "num_features", "embed_dim"):
        found = attribute(module, name)
        if type(found) is int:
            return found
    return None


def width_of(module: nn.Module) -> int | None:
    """Return the number of features or channels of the output of a layer."""
    names = ("out_channels", "out_features", "embedding_dim", "hidden_size", "embed_dim")
    for name in names:
        found = attribute(module, name)
        if type(found) is int:
            both = attribute(module, "bidirectional") is True
            projected = attribute(module, "proj_size") or 0
            return (projected or found) * (2 if both else 1) if name == "hidden_size" else found
    return None
