"""Summaries of a tensor's values."""

from __future__ import annotations

import torch

from netinspect.observe.describe import is_uninitialised
from netinspect.records.tensors import Statistics

_CHUNK = 1 << 22


def statistics(tensor: torch.Tensor) -> Statistics | None:
    """Summarise the values of a tensor, in float64 and in pieces of bounded size.

    Returns:
        Mean, standard deviation, minimum and maximum over the finite elements, and the counts of
        zeros, NaN and infinities over all; None for a tensor without readable real values.
    """
    if (
        is_uninitialised(tensor)
        or tensor.is_meta
        or tensor.is_complex()
        or tensor.is_quantized
        or tensor.is_nested
        or tensor.layout != torch.strided
    ):
        return None
    zeros = nan = inf = finite = 0
    mean = squares = 0.0
    low = high = None
    flat = tensor.detach().reshape(-1)
    for start in range(0, flat.numel(), _CHUNK):
        piece = flat[start : start + _CHUNK].to(device="cpu", dtype=torch.float64)
        zeros += int((piece == 0).sum())
        nan += int(piece.isnan().sum())
        inf += int(piece.isinf().sum())
        piece = piece[piece.isfinite()]
        if not piece.numel():
            continue
        # Means and squares of pieces are joined by Chan's formula, which does not cancel.
        count = piece.numel()
        piece_mean = float(piece.mean())
        piece_squares = float(((piece - piece_mean) ** 2).sum())
        shift = piece_mean - mean
        total = finite + count
        mean += shift * count / total
        squares += piece_squares + shift * shift * finite * count / total
        finite = total
        low = float(piece.min()) if low is None else min(low, float(piece.min()))
        high = float(piece.max()) if high is None else max(high, float(piece.max()))
    return Statistics(
        mean=mean if finite else None,
        std=(squares / (finite - 1)) ** 0.5 if finite > 1 else None,
        min=low,
        max=high,
        zeros=zeros,
        nan=nan,
        inf=inf,
    )
