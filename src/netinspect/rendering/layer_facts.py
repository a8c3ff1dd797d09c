"""Constructor facts of a layer, without those that are torch's defaults."""

from __future__ import annotations

from collections.abc import Iterator

_NORM = ("eps=1e-05", "affine=True", "bias=True")
_BATCH_NORM = (*_NORM, "momentum=0.1", "track_running_stats=True")
_INSTANCE_NORM = (
    "eps=1e-05", "momentum=0.1", "affine=False", "bias=False", "track_running_stats=False",
)  # fmt: skip
_MAX_POOL = ("padding=0", "dilation=1", "ceil_mode=False")

DEFAULTS: dict[str, tuple[str, ...]] = {
    "Linear": ("bias=True",),
    "Bilinear": ("bias=True",),
    **{
        f"{kind}{size}d": (f"stride={(1,) * size}",)
        for kind in ("Conv", "ConvTranspose")
        for size in (1, 2, 3)
    },
    **{f"BatchNorm{size}d": _BATCH_NORM for size in (1, 2, 3)},
    **{f"InstanceNorm{size}d": _INSTANCE_NORM for size in (1, 2, 3)},
    "GroupNorm": _NORM,
    "LayerNorm": ("eps=1e-05", "elementwise_affine=True", "bias=True"),
    "RMSNorm": ("eps=None", "elementwise_affine=True"),
    **{f"MaxPool{size}d": _MAX_POOL for size in (1, 2, 3)},
    "AvgPool1d": ("padding=(0,)",),
    "AvgPool2d": ("padding=0",),
    "AvgPool3d": ("padding=0",),
    **{
        name: ("inplace=False",)
        for name in ("Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "AlphaDropout")
    },
    "GELU": ("approximate='none'",),
    "LeakyReLU": ("negative_slope=0.01",),
    "ELU": ("alpha=1.0",),
    "Flatten": ("start_dim=1", "end_dim=-1"),
    "Upsample": ("mode='nearest'",),
}
"""Facts in the `extra_repr` of torch's layers for arguments that were left at their defaults."""


def without_defaults(class_name: str, extra_repr: str) -> str:
    """Return the facts of a layer that its class name does not imply.

    Args:
        class_name: Class of the layer.
        extra_repr: What its `extra_repr` returned.
    """
    defaults = DEFAULTS.get(class_name, ())
    if not defaults or "\n" in extra_repr:
        return extra_repr
    return ", ".join(part for part in _parts(extra_repr) if part not in defaults)


def _parts(text: str) -> Iterator[str]:
    """Split a text at commas that are not in brackets."""
    start = depth = 0
    for at, character in enumerate(text):
        depth += (character in "([{") - (character in ")]}")
        if character == "," and not depth:
            yield text[start:at].strip()
            start = at + 1
    if text[start:].strip():
        yield text[start:].strip()
