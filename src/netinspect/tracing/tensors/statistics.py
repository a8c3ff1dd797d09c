"""Statistics of a tensor's values, computed in bounded memory."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from math import isfinite
from typing import Any

import torch

from netinspect._utils.classes import plain_name
from netinspect.errors import class_name
from netinspect.quantiles import SAMPLE, distribution_of_sample, sample_places
from netinspect.records.distribution import Distribution, Statistics, ValueSummary
from netinspect.tracing.safe_access import class_attribute, is_a, is_users_class
from netinspect.tracing.tensors.describe import is_uninitialised
from netinspect.tracing.tensors.inner_tensors import (
    SPARSE,
    inner_tensors,
    is_fake_class,
    may_wrap,
    wraps,
)

_CHUNK = 1 << 16
"""Number of elements in one piece: several copies of it in float64 stay in the cache of a core."""

_MAX_AT_ONCE = 1 << 26
"""Maximum elements of a tensor that is dequantized at once; a larger one is dequantized in rows."""


_METHODS_FOR_VALUES = ("get_original_weight", "dequantize", "to_dense")
"""Methods of library classes that return a tensor's values. The first defined one is used."""


def _elements_in_order(tensor: torch.Tensor) -> int | None:
    """Return the number of elements of a plain dense tensor, None for any other."""
    with torch._C.DisableTorchFunction():
        if may_wrap(type(tensor)) or tensor.is_nested or tensor.layout is not torch.strided:
            return None
        return tensor.numel()


class NotRead(Exception):
    """Raised if no values can be summarized; the message is the reason."""


def summarize_values(tensor: torch.Tensor) -> ValueSummary:
    """Summarize the values of a tensor, in float64 and in pieces of bounded size.

    Quantized tensors and tensor classes of installed packages are dequantized. The zeros that a sparse
    tensor does not store are included. No code of user classes is run.

    Returns:
        Mean, standard deviation, minimum and maximum of the finite elements, and counts of zeros, NaN
        and infinities; only the counts for complex values. The distribution of dense real values, from a
        sample of a large tensor. Without values, the reason.
    """
    try:
        with torch.no_grad():
            found = _Values(_elements_in_order(tensor))
            _add(tensor, found)
            return ValueSummary(statistics=found.statistics(), distribution=found.distribution())
    except NotRead as error:
        return ValueSummary(not_read=str(error))
    except (RuntimeError, NotImplementedError, TypeError, ValueError) as error:
        # Torch has no kernel for some types, such as float4, and for some layouts.
        return ValueSummary(not_read=f"torch cannot read them: {_first_line(error)}")


class _Values:
    """Sums over the pieces of a tensor, joined by Chan's formula, which does not cancel, and a sample.

    Args:
        elements: Number of elements if all are added one by one; None for no sample.
    """

    def __init__(self, elements: int | None) -> None:
        self._elements = elements or 0
        self._sample: list[torch.Tensor] | None = None if elements is None else []

        self._seen = 0
        self.zeros = self.nan = self.inf = self.finite = 0
        self.mean = self.squares = 0.0
        self.low: float | None = None
        self.high: float | None = None
        self.is_complex = False

    def add(self, piece: torch.Tensor, times: int = 1) -> None:
        """Add a piece of values, each of which occurs `times` times."""
        self.is_complex |= piece.is_complex()
        wide = torch.complex128 if piece.is_complex() else torch.float64
        piece = piece.to(device="cpu", dtype=wide)
        self.zeros += times * int((piece == 0).sum())
        if self.is_complex:
            self._count_non_finite(piece, times)
            return
        self._take_sample(piece, times)
        if not piece.numel():
            return
        low, high = (float(each) for each in piece.aminmax())
        # NaN is the minimum and maximum of values with a NaN.
        if not (isfinite(low) and isfinite(high)):
            self._count_non_finite(piece, times)
            piece = piece[piece.isfinite()]
            if not piece.numel():
                return
            low, high = (float(each) for each in piece.aminmax())
        mean = float(piece.mean())
        centred = (piece - mean).reshape(-1)
        self._join(times * piece.numel(), mean, times * float(centred.dot(centred)), low, high)

    def _count_non_finite(self, piece: torch.Tensor, times: int) -> None:
        nan = piece.isnan()
        self.nan += times * int(nan.sum())
        self.inf += times * int((piece.isinf() & ~nan).sum())

    def add_zeros(self, count: int) -> None:
        """Add elements that are not stored because they are zero."""
        if count > 0:
            self._sample = None
            self.zeros += count
            self._join(count, 0.0, 0.0, 0.0, 0.0)

    def _take_sample(self, piece: torch.Tensor, times: int) -> None:
        if times != 1 or self._sample is None:
            self._sample = None
            return
        first, self._seen = self._seen, self._seen + piece.numel()
        flat = piece.reshape(-1)
        if self._elements > SAMPLE:
            places = sample_places(self._elements)
            begin, end = places.searchsorted((first, self._seen))
            flat = flat[torch.from_numpy(places[begin:end] - first)]
        self._sample.append(flat)

    def distribution(self) -> Distribution | None:
        """Return quantiles and histogram; None if they are not known."""
        if not self._sample or self._seen != self._elements:
            return None
        # `cat` copies even a single piece: the sample is sorted in place.
        return distribution_of_sample(torch.cat(self._sample).numpy(), self.finite)

    def _join(self, count: int, mean: float, squares: float, low: float, high: float) -> None:
        shift, total = mean - self.mean, self.finite + count
        self.mean += shift * count / total
        self.squares += squares + shift * shift * self.finite * count / total
        self.finite = total
        self.low = low if self.low is None else min(self.low, low)
        self.high = high if self.high is None else max(self.high, high)

    def statistics(self) -> Statistics:
        """Return the statistics of all added pieces."""
        is_real = self.finite > 0 and not self.is_complex
        return Statistics(
            mean=self.mean if is_real else None,
            std=(self.squares / (self.finite - 1)) ** 0.5 if is_real and self.finite > 1 else None,
            min=self.low if is_real else None,
            max=self.high if is_real else None,
            zeros=self.zeros,
            nan=self.nan,
            inf=self.inf,
        )


def _add(tensor: torch.Tensor, found: _Values) -> None:
    """Add the values of a tensor of any kind.

    Raises:
        NotRead: It has no values, or they cannot be read.
    """
    cls: Any = type(tensor)
    with torch._C.DisableTorchFunction():
        if reason := _reason_without_values(tensor):
            raise NotRead(reason)
        if not may_wrap(cls):
            _add_plain(tensor.detach(), found)
            return
    if is_users_class(cls):
        raise NotRead(f"values depend on the code of class {plain_name(cls)}, which is not called")
    for values in _dequantized(tensor):
        with torch._C.DisableTorchFunction():
            _add_plain(values.detach(), found)


def _reason_without_values(tensor: torch.Tensor) -> str:
    if is_uninitialised(tensor):
        return "not initialized: a lazy layer takes its size from the first input"
    if tensor.is_meta:
        return "on the meta device, without values"
    if is_fake_class(type(tensor)):
        return "a fake tensor, without values"
    return ""


def _add_plain(tensor: torch.Tensor, found: _Values) -> None:
    if tensor.is_nested:
        for part in tensor.unbind():
            _add_plain(part, found)
    elif tensor.layout in SPARSE:
        _add_sparse(tensor, found)
    elif tensor.is_quantized:
        for values in _dequantized(tensor):
            _add_strided(values, found)
    elif tensor.layout is not torch.strided:
        _add_strided(_bounded(tensor).to_dense(), found)
    else:
        _add_strided(tensor, found)


def _add_strided(tensor: torch.Tensor, found: _Values) -> None:
    # Elements repeated by `expand` are read once.
    times = 1
    for dimension, stride in enumerate(tensor.stride()):
        if stride == 0 and tensor.shape[dimension] > 1:
            times *= tensor.shape[dimension]
            tensor = tensor.narrow(dimension, 0, 1)
    for piece in _pieces(tensor):
        found.add(piece, times)


def _pieces(tensor: torch.Tensor) -> Iterator[torch.Tensor]:
    """Cut a tensor into pieces of bounded size, without a copy of the whole."""
    if tensor.is_contiguous():
        tensor = tensor.view(-1)
    elif tensor.numel() <= _CHUNK:
        yield tensor
        return
    row = tensor[0].numel() if len(tensor) else 1
    if row > _CHUNK:
        for each in tensor:
            yield from _pieces(each)
        return
    rows = max(1, _CHUNK // max(1, row))
    for start in range(0, len(tensor), rows):
        yield tensor[start : start + rows]


def _add_sparse(tensor: torch.Tensor, found: _Values) -> None:
    if tensor.layout is torch.sparse_coo and not tensor.is_coalesced():
        # Values at one index add up. Coalesces a new tensor on the same parts, so that the user's tensor
        # does not change its flag.
        tensor = torch.sparse_coo_tensor(
            tensor._indices(), tensor._values(), tensor.shape, check_invariants=False
        ).coalesce()
    values = inner_tensors(tensor)["values"]
    _add_strided(values, found)
    found.add_zeros(tensor.numel() - values.numel())


def _dequantized(tensor: torch.Tensor) -> Iterator[torch.Tensor]:
    """Yield the values of a quantized tensor, or of a tensor class of an installed package.

    Raises:
        NotRead: The class has no way to dequantize, or it failed.
    """
    with torch._C.DisableTorchFunction():
        how = _source_of_values(tensor)
    if is_a(how, torch.Tensor):
        yield from _dequantized(how) if may_wrap(type(how)) else (how,)
        return
    name = f"{plain_name(type(tensor))}.{how}"
    try:
        detached = tensor.detach()
        if detached.numel() <= _MAX_AT_ONCE:
            yield from _as_several(getattr(detached, how)())
            return
        rows = max(1, _CHUNK * len(detached) // detached.numel())
        for start in range(0, len(detached), rows):
            yield from _as_several(getattr(detached[start : start + rows], how)())
    except Exception as error:  # a library's class may raise any exception
        raise NotRead(f"{name} raised {class_name(type(error))}: {_first_line(error)}") from error


def _source_of_values(tensor: torch.Tensor) -> Any:
    """Return the method that returns a tensor's values, or the inner tensor that holds them."""
    cls: Any = type(tensor)
    if not wraps(tensor):
        return "dequantize"
    if tensor.is_nested:
        return "unbind"
    for name in _METHODS_FOR_VALUES:
        if class_attribute(cls, name) is not class_attribute(torch.Tensor, name):
            return name
    name = plain_name(cls)
    inner = inner_tensors(tensor)
    only = next(iter(inner.values())) if len(inner) == 1 else None
    if "_local_tensor" in inner and (
        only is None
        or only.shape != tensor.shape
        or any(each.is_partial() for each in getattr(tensor, "placements", ()))
    ):
        raise NotRead(f"a {name} of which only a part is in this process")
    if only is None or only.shape != tensor.shape or only.dtype != tensor.dtype:
        raise NotRead(f"a {name}, which has no method dequantize")
    return only  # the class only adds information, such as how to quantize inputs


def _as_several(values: Any) -> tuple[torch.Tensor, ...]:
    return tuple(values) if is_a(values, (tuple, list)) else (values,)


def _bounded(tensor: torch.Tensor) -> torch.Tensor:
    if tensor.numel() > _MAX_AT_ONCE:
        raise NotRead(f"too large to be made dense at once: {tensor.numel():,} elements")
    return tensor


def _first_line(error: BaseException) -> str:
    with contextlib.suppress(Exception):
        text = str(error).strip().splitlines()
        return text[0][:120] if text else class_name(type(error))
    return class_name(type(error))
