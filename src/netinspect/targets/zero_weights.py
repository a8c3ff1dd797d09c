"""Zero-filled weights: tensors of full shape that take no memory and work with real kernels.

While a model is built under `ZeroWeights`, each large tensor of a factory such as `torch.empty` is
mapped to pages that the system has not allocated: they read as zeros and take no memory. Their
initialization is skipped. Kernels run on such a model as fast as on any other. Unlike a model on the
meta device, it can run code that reads or writes values. Small tensors, and tensors computed from
others, are unchanged.
"""

from __future__ import annotations

import mmap
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_map_only

LARGE = 1 << 20
"""Total number of elements created with values, in tensors of at least `_MODEST` elements; more are
zero-filled. Filling that many takes a few milliseconds, and smaller models are not changed."""

_MODEST = 1 << 14
"""Elements below which a tensor is never replaced."""

# Factories whose values are zero or random: with sizes, like a tensor, and methods of a tensor.
_BY_SIZE = frozenset({torch.empty, torch.zeros, torch.rand, torch.randn})
_LIKE = frozenset({torch.empty_like, torch.zeros_like, torch.rand_like, torch.randn_like})
_NEW = frozenset({torch.Tensor.new_empty, torch.Tensor.new_zeros})
# Their result for a zero-filled tensor is zero-filled; its dtype is found by converting one number.
_CONVERSIONS = frozenset(
    {
        torch.Tensor.clone, torch.Tensor.to, torch.Tensor.type, torch.Tensor.float, torch.Tensor.double,
        torch.Tensor.half, torch.Tensor.bfloat16, torch.Tensor.cpu, torch.Tensor.contiguous,
        torch.clone,
    }
)  # fmt: skip
_WRITES = re.compile(
    r"\w*[a-z0-9]_|__setitem__|__i(?:add|sub|mul|truediv|floordiv|mod|pow|and|or|xor|lshift|rshift)__"
)
"""Names of functions that work in place."""

_SETS = frozenset(
    (
        "as_strided_", "detach_", "rename_", "requires_grad_", "resize_", "resize_as_", "set_",
        "squeeze_", "swapaxes_", "swapdims_", "t_", "transpose_", "unsqueeze_",
    )
)  # fmt: skip
"""In-place functions that change the shape or flags only, not values."""

_DECOMPOSES = frozenset(
    getattr(owner, name)
    for owner, names in (
        (
            torch.linalg,
            "cholesky det eig eigh eigvals eigvalsh householder_product inv lu lu_factor matrix_exp "
            "pinv qr slogdet solve solve_triangular svd svdvals",
        ),
        (torch, "cholesky det geqrf inverse matrix_exp orgqr pinverse qr slogdet svd"),
        (torch.Tensor, "cholesky det geqrf inverse matrix_exp orgqr pinverse qr slogdet svd"),
    )
    for name in names.split()
)
"""Decompositions and inverses: some fail on zeros, and all are slow. Their results are zero-filled."""

_PRIVATE = {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS} if hasattr(mmap, "MAP_ANONYMOUS") else {}
_HUGE: int | None = getattr(mmap, "MADV_HUGEPAGE", None)


class ZeroWeights(TorchFunctionMode):
    """While entered, large tensors are created zero-filled.

    Attributes:
        made: Number of zero-filled tensors.
    """

    def __init__(self) -> None:
        super().__init__()
        self.made = 0
        self._filled = 0
        self._storages: dict[int, torch.UntypedStorage] = {}

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Handle one torch function. Called by torch, with the mode disabled."""
        kwargs = dict(kwargs or {})
        made = self._made_by(func, args, kwargs)
        if made is not None:
            return made
        first = args[0] if args else kwargs.get("tensor", kwargs.get("input"))
        if self.made and isinstance(first, torch.Tensor) and self.holds(first):
            if func in _CONVERSIONS:
                return self._convert(func, first, args[1:], kwargs)
            if _writes(func):
                return first  # the written values would never be read
            if func in _DECOMPOSES and kwargs.get("out") is None:
                return self._decomposed(func, args, kwargs)
        return func(*args, **kwargs)

    def holds(self, tensor: torch.Tensor) -> bool:
        """Return whether a tensor is zero-filled, or a view of such a tensor."""
        try:
            return tensor.untyped_storage()._cdata in self._storages
        except (RuntimeError, NotImplementedError, ValueError):  # it has no storage
            return False

    def _convert(
        self,
        func: Callable[..., Any],
        tensor: torch.Tensor,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
    ) -> Any:
        """Create a zero-filled tensor of the converted dtype, or return the same one if equal."""
        rest = [each for each in args if not isinstance(each, torch.memory_format)]
        named = {name: value for name, value in kwargs.items() if name != "memory_format"}
        one = tensor.detach().as_strided((), ())
        changed = func(one, *rest, **named)
        if not isinstance(changed, torch.Tensor) or changed.device.type != "cpu":
            return func(tensor, *args, **kwargs)
        return tensor if changed is one else self._make(tensor.shape, changed.dtype)

    def _decomposed(
        self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> Any:
        """Create the results of a decomposition with the shapes computed on the meta device."""
        given = tree_map_only(torch.Tensor, lambda each: each.detach().to("meta"), (args, kwargs))
        try:
            out = func(*given[0], **given[1])
        except (NotImplementedError, RuntimeError):
            return func(*args, **kwargs)  # no meta kernel, or an invalid call
        return tree_map_only(torch.Tensor, self._zeros_like, out)

    def _zeros_like(self, tensor: torch.Tensor) -> torch.Tensor:
        """Create zeros like a tensor on the meta device, without memory if it is large."""
        if tensor.numel() < _MODEST or not (tensor.is_floating_point() or tensor.is_complex()):
            return torch.zeros_like(tensor, device="cpu")
        return self._make(tensor.shape, tensor.dtype)

    def _made_by(
        self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> torch.Tensor | None:
        """Return a zero-filled tensor in place of a factory result; None if it would not be large."""
        try:
            if func in _BY_SIZE:
                shape, source = _sizes(args, kwargs), None
            elif func in _LIKE:
                source = args[0] if args else kwargs["input"]
                shape = source.shape
            elif func in _NEW:
                shape, source = _sizes(args[1:], kwargs), args[0]
            else:
                return None
            if shape.numel() < _MODEST or not self._is_enough(shape.numel()):
                return None
            if kwargs.get("out") is not None or kwargs.get("layout") not in (None, torch.strided):
                return None
            device = kwargs.get("device") or (
                # `torch.get_default_device` fails in torch 2.6 after a default was set and reset.
                torch.empty(0).device if source is None else source.device
            )
            dtype = kwargs.get("dtype") or (
                torch.get_default_dtype() if source is None else source.dtype
            )
            # Integers are indices rather than weights, and their values matter.
            if torch.device(device).type != "cpu" or not (dtype.is_floating_point or dtype.is_complex):
                return None
            made = self._make(shape, dtype)
            return made.requires_grad_() if kwargs.get("requires_grad") else made
        except (TypeError, ValueError, KeyError, AttributeError, RuntimeError, OSError):
            return None  # an invalid call, or too little address space: torch reports it

    def _is_enough(self, elements: int) -> bool:
        if self._filled + elements >= LARGE:
            return True
        self._filled += elements
        return False

    def _make(self, shape: torch.Size, dtype: torch.dtype) -> torch.Tensor:
        pages = mmap.mmap(-1, shape.numel() * dtype.itemsize, **_PRIVATE)
        if _HUGE is not None:
            with suppress(OSError):
                # Reads then map zeros two megabytes at a time instead of four kilobytes.
                pages.madvise(_HUGE)
        storage = torch.frombuffer(pages, dtype=dtype).untyped_storage()
        # Not a view of another tensor: a view could not be detached in place.
        tensor = torch.empty(0, dtype=dtype)
        tensor.set_(storage, 0, shape)  # type: ignore[call-overload]
        # A reference, so that no other storage gets its address while the mode is active.
        self._storages[storage._cdata] = storage
        self.made += 1
        return tensor


def _sizes(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> torch.Size:
    sizes = args or (kwargs["size"],)
    if len(sizes) == 1 and not isinstance(sizes[0], int):
        sizes = tuple(sizes[0])
    return torch.Size(sizes)


def _writes(func: Callable[..., Any]) -> bool:
    """Return whether a function only writes values to its first argument."""
    name = getattr(func, "__name__", "")
    return _WRITES.fullmatch(name) is not None and name not in _SETS
