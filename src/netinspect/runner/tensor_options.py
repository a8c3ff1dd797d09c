"""The options `--tensors` and `--device`."""

from __future__ import annotations

from netinspect.errors import UsageError, suggestion

MODES = ("auto", "real", "zeros", "meta", "fake")


def tensor_source(tensors: str, device: str | None = None) -> str:
    """Return where a model runs: `auto`, a tensor mode without values, or the device of real tensors.

    Args:
        tensors: One of `MODES`.
        device: A device of torch, such as `cpu` or `cuda:0`; None to leave the choice to the mode.

    Raises:
        UsageError: The mode is unknown, or does not run on a device.
    """
    if tensors not in MODES:
        raise UsageError(
            f"unknown tensor mode {tensors!r}",
            hint=suggestion(tensors, MODES)
            or f"--tensors takes {', '.join(MODES)}; a device goes to --device",
        )
    if device is None:
        return "cpu" if tensors == "real" else tensors
    if tensors not in ("auto", "real"):
        raise UsageError(
            f"--device {device} needs real tensors, but --tensors {tensors} was given",
            hint="use --tensors real, or leave --device out",
        )
    return device
