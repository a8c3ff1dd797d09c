"""Explanations of failures in convolutions, pooling and pixel shuffle."""

from __future__ import annotations

from netinspect.analysis.diagnosis.call import Call, Explanation, Family, Given, Shape
from netinspect.analysis.diagnosis.mismatch import Mismatch
from netinspect.analysis.diagnosis.wording import (
    explain_rank,
    format_count,
    format_shape,
    format_sizes,
    input_options,
    integer_sizes,
    other_shape,
)

SPATIAL = {
    f"{name}{dimensions}d": dimensions
    for name in ("conv", "conv_transpose", "max_pool", "avg_pool")
    for dimensions in (1, 2, 3)
}
"""Number of spatial dimensions, by function."""


def explain_convolution(call: Call) -> Explanation | None:
    """Explain a wrong rank, wrong channels, or a kernel larger than the input."""
    dimensions = SPATIAL[call.name]
    weight, given = call.tensor("1", "weight"), call.tensor("0", "input")
    if weight is None or given is None or weight.rank != dimensions + 2:
        return None
    if given.rank not in (dimensions + 1, dimensions + 2):
        axes = "N x C x " + (" x ".join("DHW"[3 - dimensions :]) if dimensions > 1 else "L")
        image = (1, _channels(call, weight), *given.shape)
        remedies = input_options(call, given, image) if given.rank == dimensions else []
        wanted = f"{dimensions + 2} dimensions ({axes})"
        return explain_rank(call, given, wanted, [dimensions + 2], remedies, size_helps=True)
    position = given.rank - dimensions - 1
    if given.shape[position] != _channels(call, weight):
        return _explain_channels(call, given, weight, position)
    bias = call.tensor("2", "bias")
    outputs = weight.shape[0]
    if "transpose" not in call.name and bias is not None and bias.shape != (outputs,):
        return Explanation(
            f"{call.display_name} outputs {outputs} channels, but {bias.name} has shape "
            f"{format_shape(bias.shape)}",
            [other_shape(bias, (outputs,), bias.whole() | weight.at(0))],
            [f"use a {bias.name} of shape ({outputs},)"],
        )
    return _explain_kernel(call, given, weight, position + 1)


def _channels(call: Call, weight: Given) -> int | str:
    """Return the number of input channels that a weight expects, over all groups."""
    if "transpose" in call.name:
        return weight.shape[0]
    groups = call.number("6", "groups", default=1) or 1
    size = weight.shape[1]
    return size * groups if isinstance(size, int) else size


def _explain_channels(call: Call, given: Given, weight: Given, position: int) -> Explanation:
    wanted, channels = _channels(call, weight), given.shape[position]
    remedies = []
    count = f"{wanted} channel{'s' if wanted != 1 else ''}"
    text = f"{call.display_name} expects {count} in dimension {position}, got {channels}"
    text += f": {format_shape(given.shape)}"
    sizes = tuple(wanted if at == position else size for at, size in enumerate(given.shape))
    if given.shape[-1] == wanted and given.rank > 2:
        order = (*range(position), given.rank - 1, *range(position, given.rank - 1))
        text += f"; {wanted} is the size of the last dimension"
        remedies.append(f"if the input is channels-last: x.permute{order}")
        sizes = tuple(given.shape[at] for at in order)
    if position == 0:
        # Other layers, such as batch normalization, take batches only.
        lacks_side = given.shape[1] == wanted
        sizes = (*given.shape, given.shape[-1]) if lacks_side else (1, *sizes)
    remedies += input_options(call, given, sizes)
    remedies.append(f"to accept this input, give {call.display_name} {channels} input channels")
    # A transposed convolution keeps its input channels first in the weight.
    inner = 0 if "transpose" in call.name else 1
    marks = {**given.at(position), **weight.at(inner)}
    mismatch = Mismatch("size", wanted, channels, marks, f"{call.place} takes {count}")
    return Explanation(text, [mismatch], remedies, size_helps=True)


def _explain_kernel(call: Call, given: Given, weight: Given, start: int) -> Explanation | None:
    """Explain a kernel larger than the padded input."""
    sizes, kernel = integer_sizes(given.shape[start:]), integer_sizes(weight.shape[2:])
    if sizes is None or kernel is None or "transpose" in call.name:
        return None
    padding = _each(call, ("4", "padding"), len(sizes), default=0)
    dilation = _each(call, ("5", "dilation"), len(sizes), default=1)
    if padding is None or dilation is None:
        return None
    reach = tuple(step * (size - 1) + 1 for step, size in zip(dilation, kernel, strict=True))
    padded = tuple(size + 2 * pad for size, pad in zip(sizes, padding, strict=True))
    small = tuple(
        start + at for at, (size, least) in enumerate(zip(padded, reach, strict=True)) if size < least
    )
    if not small:
        return None
    kernel_text = f"a kernel of {format_sizes(kernel)}"
    if reach != kernel:
        kernel_text += f" ({format_sizes(reach)} with dilation)"
    left = f"its input of {format_sizes(sizes)}"
    if padded != sizes:
        left += f" ({format_sizes(padded)} with padding)"
    return Explanation(
        f"{call.display_name} has {kernel_text}, larger than {left}",
        [Mismatch("larger", reach[at - start], padded[at - start], given.at(at)) for at in small],
        ["use a larger input, more padding, or less downsampling before it"],
        size_helps=True,
    )


def _each(call: Call, keys: tuple[str, ...], count: int, *, default: int) -> tuple[int, ...] | None:
    """Return an argument as one number per dimension, or None for strings such as `same`."""
    if call.item(*keys) is None:
        return (default,) * count
    value = call.literal(*keys)
    if type(value) is int:
        return (value,) * count
    if isinstance(value, (tuple, list)) and len(value) == count:
        return tuple(value) if all(type(each) is int for each in value) else None
    return None


def explain_pooling(call: Call) -> Explanation | None:
    """Explain a pooling with an empty output, or with an input of the wrong rank."""
    dimensions = SPATIAL[call.name]
    given = call.tensor("0", "input")
    if given is None:
        return None
    if given.rank not in (dimensions + 1, dimensions + 2):
        return Explanation(
            f"{call.display_name} pools {format_count(dimensions, 'spatial dimension')}, "
            f"so it expects {dimensions + 1} or {dimensions + 2} dimensions, got {given.rank}: "
            f"{format_shape(given.shape)}",
            [Mismatch("rank", dimensions + 2, given.rank, given.whole())],
            size_helps=True,
        )
    spatial = given.shape[-dimensions:]
    kernel = _each(call, ("1", "kernel_size"), dimensions, default=0)
    padding = _each(call, ("3", "padding"), dimensions, default=0)
    if "too small" not in call.message and "output size" not in call.message:
        return None
    small = _too_small(spatial, kernel, padding) or tuple(range(dimensions))
    text = f"the output of {call.name} would be empty: its input is {format_sizes(spatial)}"
    if kernel is not None and all(kernel):
        text += f", its kernel {format_sizes(kernel)}"
    return Explanation(
        text,
        [Mismatch("larger", None, spatial[at], given.at(given.rank - dimensions + at)) for at in small],
        ["use a larger input, or less downsampling before it"],
        size_helps=True,
    )


def _too_small(
    spatial: Shape, kernel: tuple[int, ...] | None, padding: tuple[int, ...] | None
) -> tuple[int, ...]:
    if kernel is None or padding is None:
        return ()
    return tuple(
        at
        for at, (size, window, pad) in enumerate(zip(spatial, kernel, padding, strict=True))
        if isinstance(size, int) and size + 2 * pad < window
    )


def explain_pixel_shuffle(call: Call) -> Explanation | None:
    """Explain a channel count that is not a multiple of the squared upscale factor."""
    given = call.tensor("0", "input")
    factor = call.number("1", "upscale_factor")
    if given is None or factor is None or factor < 1 or given.rank < 3:
        return None
    channels = given.shape[-3]
    if not isinstance(channels, int) or channels % factor**2 == 0:
        return None
    return Explanation(
        f"{call.display_name} turns every {factor**2} channels into {factor} x {factor} pixels, "
        f"but {channels} "
        f"channels are not a multiple of {factor**2}",
        [Mismatch("multiple", factor**2, channels, given.at(given.rank - 3))],
        [f"use a number of channels that is a multiple of {factor**2}"],
    )


FAMILY = Family(
    functions={
        **{name: explain_convolution for name in SPATIAL if name.startswith("conv")},
        **{name: explain_pooling for name in SPATIAL if "pool" in name},
        "pixel_shuffle": explain_pixel_shuffle,
    }
)
